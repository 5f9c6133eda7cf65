// Runs the corpus of shared/tests/corpus against the rules as WASM, and compares with the expectations and
// with what the native build answered, messages included.
//
//   node run.mjs MODULE_FOLDER [VERDICTS]
//
// MODULE_FOLDER  what `wasm-bindgen --target nodejs` wrote
// VERDICTS       what the native test wrote to the file named by CORPUS_VERDICTS

import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";

const corpus = new URL("../../shared/tests/corpus/", import.meta.url);
const json = (path) => JSON.parse(readFileSync(new URL(path, corpus), "utf8"));

function loadCases() {
  const files = readdirSync(new URL("cases/", corpus)).filter((name) => name.endsWith(".json")).sort();
  return files.flatMap((name) => json(`cases/${name}`));
}

function loadVerdicts(path) {
  const lines = readFileSync(path, "utf8").split("\n").filter(Boolean);
  return new Map(lines.map((line) => JSON.parse(line)).map(({ id, verdict }) => [id, verdict]));
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

function main(moduleFolder, verdictFile) {
  if (!moduleFolder) {
    console.error("usage: node run.mjs MODULE_FOLDER [VERDICTS]");
    return 2;
  }
  const { judge } = createRequire(import.meta.url)(resolve(moduleFolder, "rules_wasm.js"));
  const draws = json("draws.json");
  const forms = json("forms.json");
  const cases = loadCases();
  const native = verdictFile && loadVerdicts(verdictFile);
  const complaints = [];

  for (const { id, draw, today, base, form, expect } of cases) {
    const { rules, closing_date } = draws[draw];
    const question = { rules, today, closing_date, form: { ...forms[base], ...form } };
    const verdict = JSON.parse(judge(JSON.stringify(question)));
    if (!agrees(expect, verdict)) {
      complaints.push(`${id}\n    expected ${JSON.stringify(expect)}\n    got      ${JSON.stringify(verdict)}`);
    }
    if (native && !isDeepStrictEqual(verdict, native.get(id))) {
      complaints.push(`${id}\n    native ${JSON.stringify(native.get(id))}\n    WASM   ${JSON.stringify(verdict)}`);
    }
  }
  if (native && native.size !== cases.length) {
    complaints.push(`${native.size} native verdicts for ${cases.length} cases`);
  }
  if (complaints.length > 0) {
    console.error(`${complaints.length} disagreements among ${cases.length} cases:\n  ${complaints.join("\n  ")}`);
    return 1;
  }
  console.log(`${cases.length} cases agree${native ? ", natively and as WASM" : ""}`);
  return 0;
}

process.exitCode = main(...process.argv.slice(2));
