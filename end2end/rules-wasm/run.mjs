// Runs the corpus of shared/tests/corpus against the rules as WASM, and compares with the expectations; then
// every record the native test judged, corpus and made ones, and compares with what that build answered,
// messages included.
//
//   node run.mjs MODULE_FOLDER [VERDICTS]
//
// MODULE_FOLDER  what `wasm-bindgen --target nodejs` wrote
// VERDICTS       what the native test wrote to the file named by CORPUS_VERDICTS: {id, question, verdict}, one
//                a line; the question is JSON in a text, because numbers here end at 2^53

import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";

// Fewest made records that deserve comparing.
const MADE_MIN = 20_000;
// Most disagreements that are printed.
const SHOWN = 20;

const corpus = new URL("../../shared/tests/corpus/", import.meta.url);
const json = (path) => JSON.parse(readFileSync(new URL(path, corpus), "utf8"));

function loadCases() {
  const files = readdirSync(new URL("cases/", corpus)).filter((name) => name.endsWith(".json")).sort();
  return files.flatMap((name) => json(`cases/${name}`));
}

function agrees(expected, verdict) {
  if (expected.accepted) {
    const wanted = Object.entries(expected.accepted);
    return !!verdict.accepted && wanted.every(([field, value]) => Object.is(verdict.accepted[field], value));
  }
  if (expected.errors) {
    const errors = verdict.errors?.map(({ field, code }) => ({ field, code }));
    return isDeepStrictEqual(errors, expected.errors);
  }
  return expected.malformed === true && verdict.malformed === true;
}

// What the corpus expects against what WASM says.
function compareWithExpectations(judge, cases) {
  const draws = json("draws.json");
  const forms = json("forms.json");
  return cases.flatMap(({ id, draw, today, base, form, expect }) => {
    const { rules, closing_date } = draws[draw];
    const question = { rules, today, closing_date, form: { ...forms[base], ...form } };
    const verdict = judge(JSON.stringify(question));
    if (agrees(expect, verdict)) return [];
    return [`${id}\n    expected ${JSON.stringify(expect)}\n    got      ${JSON.stringify(verdict)}`];
  });
}

// What the native build said against what WASM says.
function compareWithNative(judge, records) {
  return records.flatMap(({ id, question, verdict: native }) => {
    const verdict = judge(question);
    if (isDeepStrictEqual(verdict, native)) return [];
    return [`${id} ${question}\n    native ${JSON.stringify(native)}\n    WASM   ${JSON.stringify(verdict)}`];
  });
}

function main(moduleFolder, verdictFile) {
  if (!moduleFolder) {
    console.error("usage: node run.mjs MODULE_FOLDER [VERDICTS]");
    return 2;
  }
  const rules = createRequire(import.meta.url)(resolve(moduleFolder, "rules_wasm.js"));
  const judge = (question) => JSON.parse(rules.judge(question));
  const cases = loadCases();
  const complaints = compareWithExpectations(judge, cases);
  console.log(`${cases.length} cases judged as WASM`);

  if (verdictFile) {
    const records = readFileSync(verdictFile, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
    const known = new Set(records.map(({ id }) => id));
    complaints.push(...cases.filter(({ id }) => !known.has(id)).map(({ id }) => `${id}: no native verdict`));
    complaints.push(...compareWithNative(judge, records));
    const accepted = records.filter(({ verdict }) => verdict.accepted).length;
    console.log(`${records.length} records judged natively and as WASM, ${accepted} of them accepted`);
    if (records.length - cases.length < MADE_MIN) complaints.push(`fewer than ${MADE_MIN} made records`);
  }
  if (complaints.length > 0) {
    const shown = complaints.slice(0, SHOWN);
    console.error(`${complaints.length} disagreements, the first ${shown.length}:\n  ${shown.join("\n  ")}`);
    return 1;
  }
  console.log("They agree");
  return 0;
}

process.exitCode = main(...process.argv.slice(2));
