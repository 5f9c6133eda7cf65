// A Drawbridge of its own: the binary that ships, a temporary folder, a free port. Used by the fixtures of
// the tests and by screenshots.mjs.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const BINARY = resolve(
  process.env.DRAWBRIDGE_BIN ?? join(import.meta.dirname, "../../target/release/drawbridge"),
);

/** What a string, number, boolean, instant, list or table is in TOML. */
function toml(value) {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (typeof value === "object") {
    return `{ ${Object.entries(value).map(([key, inner]) => `${key} = ${toml(inner)}`).join(", ")} }`;
  }
  return JSON.stringify(value);
}

/** A file for `drawbridge draw apply`. */
export function drawFile(draws) {
  const table = (draw) => Object.entries(draw).map(([key, value]) => `${key} = ${toml(value)}`);
  return draws.map((draw) => ["[[draw]]", ...table(draw), ""].join("\n")).join("\n");
}

export class Drawbridge {
  /** Where it serves: known once it has started, and the same after a restart. */
  url = "";
  /** Everything it has logged. */
  log = [];
  #child;

  constructor(folder, settings) {
    this.folder = folder;
    this.settings = settings;
  }

  /** A new one, with these draws and no entries; serving. */
  static async start(draws, settings = {}) {
    const server = new Drawbridge(await mkdtemp(join(tmpdir(), "drawbridge-")), settings);
    await server.apply(draws);
    await server.serve();
    return server;
  }

  get database() {
    return join(this.folder, "drawbridge.db");
  }

  get #options() {
    const env = {
      DATABASE_URL: `sqlite://${this.database}`,
      DRAWBRIDGE_ADDR: this.url ? new URL(this.url).host : "127.0.0.1:0",
      DRAWBRIDGE_LOG_FORMAT: "json",
      ...this.settings,
    };
    return { cwd: this.folder, env };
  }

  /** Starts serving; resolves when it listens. */
  async serve() {
    const child = spawn(BINARY, ["serve"], this.#options);
    this.#child = child;
    createInterface({ input: child.stderr }).on("line", (line) => this.log.push(line));
    const said = createInterface({ input: child.stdout });
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`The server ended with ${code}: ${this.log.at(-1)}`);
    });
    ended.catch(() => {});
    const serving = new Promise((done) => {
      said.on("line", (line) => /^Drawbridge serves (.+)$/.test(line) && done(line.split(" ").at(-1)));
    });
    this.url = await Promise.race([serving, ended]);
  }

  /** Ends the server by a signal and waits until it is gone. */
  async kill(signal = "SIGKILL") {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  /** Ends the server and removes what it kept. */
  async stop() {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Runs a command on the same data: its exit code and what it said. */
  async run(command, input) {
    const stdin = input === undefined ? "ignore" : "pipe";
    const child = spawn(BINARY, command, { ...this.#options, stdio: [stdin, "pipe", "pipe"] });
    let [said, complained] = ["", ""];
    child.stdout.on("data", (chunk) => (said += chunk));
    child.stderr.on("data", (chunk) => (complained += chunk));
    child.stdin?.end(input);
    const [code] = await once(child, "close");
    return { code, said, complained };
  }

  async #must(command, input) {
    const { code, said, complained } = await this.run(command, input);
    if (code !== 0) throw new Error(`drawbridge ${command.join(" ")}: ${code}: ${complained}`);
    return said;
  }

  /** Creates or changes draws. */
  async apply(draws) {
    const file = join(this.folder, "draws.toml");
    await writeFile(file, drawFile(draws));
    await this.#must(["draw", "apply", file]);
  }

  /** `announce`, `close` or `cancel`. */
  async change(slug, action) {
    await this.#must(["draw", action, slug]);
  }

  async addOrganiser(email, password) {
    await this.#must(["admin", "add", email], `${password}\n`);
  }

  /** The entries of a draw, as lines of CSV. */
  async entries(slug) {
    const csv = await this.#must(["entries", "export", slug]);
    return csv.trimEnd().split("\n").slice(1);
  }
}
