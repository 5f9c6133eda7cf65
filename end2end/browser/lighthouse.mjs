// Looks at the registration page as Lighthouse does, five times, by its own mobile phone on slow 4G:
//
//   node end2end/browser/lighthouse.mjs
//
// Prints the median of each category, and every audit that is not perfect. Fails when one of them is not among the
// EXCEPTIONS.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

import { Drawbridge } from "./drawbridge.mjs";
import { garden } from "./draws.mjs";

const ROUNDS = 5;
const CATEGORIES = ["performance", "accessibility", "best-practices"];
const TIMES = ["first-contentful-paint", "largest-contentful-paint", "speed-index", "total-blocking-time"];
const LIGHTHOUSE = resolve(import.meta.dirname, "../../node_modules/lighthouse/cli/index.js");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking";

const STYLE = "one stylesheet of 4 kB; the policy allows none inside of pages, and outside it is kept for good";

/** Audits that may be imperfect, each with the reason. None of them counts in a score. */
const EXCEPTIONS = {
  "render-blocking-insight": STYLE,
  "render-blocking-resources": STYLE,
  "network-dependency-tree-insight": "its longest chain is one step, from the page to a script of 200 bytes",
  "max-potential-fid": "one task of about 0.1 s starts WebAssembly; total blocking time, which counts, is perfect",
};

/** One look. Now and then Lighthouse has recorded nothing and asks to be run again: that is no measurement. */
async function look(url, tries = 3) {
  try {
    return await report(url);
  } catch (error) {
    if (tries === 1 || !/NO_NAVSTART/.test(error.message)) throw error;
    console.log("Lighthouse recorded nothing; it looks again");
    return look(url, tries - 1);
  }
}

async function report(url) {
  const folder = await mkdtemp(join(tmpdir(), "lighthouse-"));
  const file = join(folder, "report.json");
  try {
    const options = ["--quiet", "--no-enable-error-reporting", "--output=json", `--output-path=${file}`];
    options.push(`--chrome-flags=${FLAGS}`, `--only-categories=${CATEGORIES}`);
    const env = { ...process.env, CHROME_PATH: CHROMIUM };
    await promisify(execFile)(process.execPath, [LIGHTHOUSE, url, ...options], { env });
    const said = JSON.parse(await readFile(file, "utf8"));
    if (said.runtimeError) throw new Error(`${said.runtimeError.code}: ${said.runtimeError.message}`);
    return said;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const percent = (score) => String(Math.round(score * 100)).padStart(3);

/** The audits of a category whose median is not perfect. Those that judge nothing have no score. */
function imperfect(reports, category) {
  const score = (id) => median(reports.map(({ audits }) => audits[id].score ?? 1));
  return reports[0].categories[category].auditRefs
    .map(({ id, weight, group }) => ({ id, weight, group, score: score(id) }))
    .filter(({ score }) => score < 1);
}

function describe(reports, { id, weight, score }) {
  const { title, displayValue } = reports[0].audits[id];
  const reason = EXCEPTIONS[id] ? `, allowed: ${EXCEPTIONS[id]}` : "";
  return `     ${percent(score)}  ${id}: ${title} ${displayValue ?? ""} (weight ${weight}${reason})`;
}

/** As large as pages are. */
const draw = garden();
const server = await Drawbridge.start([draw]);
const reports = [];
try {
  for (let round = 0; round < ROUNDS; round++) reports.push(await look(`${server.url}/draws/${draw.slug}`));
} finally {
  await server.stop();
}

let isGood = true;
console.log(`Lighthouse ${reports[0].lighthouseVersion}, median of ${ROUNDS}`);
for (const category of CATEGORIES) {
  const scores = reports.map(({ categories }) => categories[category].score);
  const found = imperfect(reports, category);
  console.log(`${percent(median(scores))}  ${category} (${scores.map((score) => percent(score).trim()).join(", ")})`);
  for (const audit of found) console.log(describe(reports, audit));
  // A metric counts by its part in the category, which is rounded: 99.6 of 100 is 100.
  const isExcused = found.some(({ id, weight }) => weight > 0 && id in EXCEPTIONS);
  if (Math.round(median(scores) * 100) < 100 && !isExcused) isGood = false;
  if (found.some(({ id, group }) => group !== "metrics" && !(id in EXCEPTIONS))) isGood = false;
}
for (const id of TIMES) {
  const values = reports.map(({ audits }) => audits[id]?.numericValue).filter((value) => value !== undefined);
  if (values.length > 0) console.log(`     ${Math.round(median(values))} ms  ${id}`);
}
process.exit(isGood ? 0 : 1);
