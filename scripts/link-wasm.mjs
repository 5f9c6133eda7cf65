#!/usr/bin/env node
// Links WebAssembly: rustc's own linker, with fewer exports. Leptos brings `wasm-streams`, whose streams JavaScript
// could read; none is ever made here, but as exports they would keep a tenth of all the code, and more in JavaScript.
import { spawnSync } from "node:child_process";

const isUnused = (name) => /intounderlying(bytesource|sink|source)/.test(name ?? "");
// `--export` and the name are two arguments.
const kept = process.argv
  .slice(2)
  .filter((argument, at, all) => !isUnused(argument) && !(argument === "--export" && isUnused(all[at + 1])));

// rustc has put the folder of its linker into PATH.
const { status, error } = spawnSync("rust-lld", kept, { stdio: "inherit" });
if (error) throw error;
process.exit(status ?? 1);
