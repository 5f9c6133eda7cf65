// Takes out of WebAssembly what rustc leaves in and nobody can notice: what is prepared for a panic's message, which
// nobody is shown (there is no panic hook, so a panic is a trap, message or none), and functions that are there twice.
// Then out of its JavaScript what the rest does not call.
import binaryen from "binaryen";

/** Few, because bytes are weighed compressed: most passes that make code shorter make it less alike, and so larger. */
const PASSES = ["dce", "vacuum", "remove-unused-module-elements", "duplicate-function-elimination"];
const LAST = ["remove-unused-module-elements", "strip-debug", "strip-producers", "strip-target-features"];

/** Slims what wasm-bindgen made: `{ script, wasm }`, of a text and of bytes. */
export function slim(script, wasm) {
  const module = binaryen.readBinary(withoutLocations(wasm));
  const functions = Array.from({ length: module.getNumFunctions() }, (_, at) => module.getFunctionByIndex(at))
    .map((reference) => ({ reference, ...binaryen.getFunctionInfo(reference) }));
  const empty = ({ reference }, body) => void (binaryen.Function(reference).body = body);

  functions.filter(endsTheProgram(module, functions)).forEach((found) => empty(found, module.unreachable()));
  // `Debug` is for messages of panics too. Where it is found by a table it stays, and writes nothing: `Ok(())` is 0.
  functions.filter(isDebug).forEach((found) => empty(found, module.i32.const(0)));
  module.runPasses([...PASSES, ...LAST]);
  if (!module.validate()) throw new Error("The slimmed WebAssembly is not valid");
  const slimmed = module.emitBinary();
  module.dispose();
  return { script: withoutUnused(script, slimmed), wasm: Buffer.from(slimmed) };
}

/** Whether a function is an implementation of `Debug`: by its name, so wasm-bindgen has to keep the names. */
const isDebug = ({ name, module }) => !module && / as core(\[\w+\])?::fmt::Debug>::fmt/.test(name);

/**
 * Whether all that a function can come to is the end of the program: it never returns and calls nothing of JavaScript.
 * What it does before it traps is then of no use to anybody. (What is called by a table counts as ours: that is the
 * panic hook, and there is none.)
 */
function endsTheProgram(module, functions) {
  const texts = new Map(module.emitText().split(/\n (?=\()/).map((text) => [nameIn(text, "func"), text]));
  const calls = new Map(functions.map(({ name }) => [name, calledIn(texts.get(name) ?? "")]));
  // Who calls JavaScript, by however many steps.
  const outside = new Set(functions.filter(({ module }) => module).map(({ name }) => name));
  for (let before = 0; before !== outside.size; ) {
    before = outside.size;
    for (const [name, called] of calls) if (called.some((one) => outside.has(one))) outside.add(name);
  }
  const returns = (name) => !texts.has(name) || texts.get(name).includes("(return");
  return ({ name, module, body }) =>
    !module && !outside.has(name) && !returns(name) && binaryen.getExpressionType(body) === binaryen.unreachable;
}

const calledIn = (text) => text.split(/(?=\(call )/).map((call) => nameIn(call, "call")).filter(Boolean);

/** The name after the keyword that a text of WebAssembly begins with. */
function nameIn(text, keyword) {
  const [, quoted, plain] = new RegExp(`^\\(${keyword} \\$(?:"([^"]*)"|([^\\s()]+))`).exec(text) ?? [];
  return quoted ?? plain;
}

/** Files named in panics: of Rust's own libraries, of crates, and ours. */
const SOURCE = /(?:\/rustc\/[0-9a-f]{40}|\/rust\/deps|cargo\/registry|app|shared)\/[\w.\/-]+?\.rs/g;

/**
 * Blanks where in the source a panic happens: paths, and `Location`s, which are a path's address and length, line and
 * column. Bytes become zeros and stay where they are, so that nothing else moves.
 */
function withoutLocations(wasm) {
  const bytes = Buffer.from(wasm);
  const segments = dataSegments(bytes);
  const paths = new Map();
  for (const { address, start, end } of segments) {
    const text = bytes.toString("latin1", start, end);
    for (const { 0: path, index } of text.matchAll(SOURCE)) {
      paths.set(address + index, { at: start + index, length: path.length });
    }
  }
  for (const { address, start, end } of segments) {
    for (let at = start + (-address & 3); at + 16 <= end; at += 4) {
      const path = paths.get(bytes.readUInt32LE(at));
      if (path && path.length === bytes.readUInt32LE(at + 4)) bytes.fill(0, at, at + 16);
    }
  }
  for (const { at, length } of paths.values()) bytes.fill(0, at, at + length);
  return bytes;
}

/** The pieces of memory that a module brings: where they will be, and where in the file they are. */
function dataSegments(bytes) {
  let at = 8;
  // LEB128, of which addresses are the signed kind; as 32 bits both are read alike.
  const number = () => {
    for (let value = 0, shift = 0; ; shift += 7) {
      value |= (bytes[at] & 0x7f) << shift;
      if (bytes[at++] < 0x80) return value >>> 0;
    }
  };
  const segments = [];
  while (at < bytes.length) {
    const [id, length] = [bytes[at++], number()];
    const next = at + length;
    if (id === 11) {
      for (let left = number(); left > 0; left--) {
        const [kind, opcode] = [number(), bytes[at++]];
        if (kind !== 0 || opcode !== 0x41) throw new Error("A piece of memory that is not at a constant address");
        const address = number();
        at++;
        const size = number();
        segments.push({ address, start: at, end: at + size });
        at += size;
      }
    }
    at = next;
  }
  return segments;
}

/** wasm-bindgen's script less the classes nobody can make and the imports that nothing imports any more. */
function withoutUnused(script, wasm) {
  const imports = new Set(WebAssembly.Module.imports(new WebAssembly.Module(wasm)).map(({ name }) => name));
  const found = new Set();
  const slimmed = script
    .replace(/^export class (\w+) \{\n[^]*?^\}\nif \(Symbol\.dispose\).*\n/gm, "")
    .replace(/^const \w+Finalization = [^;]*;\n/gm, "")
    .replace(/^ {8}(\w+): function[^]*?^ {8}\}.*,\n/gm, (entry, name) => {
      found.add(name);
      return imports.has(name) ? entry : "";
    })
    .replace("export { initSync, __wbg_init as default };", "export { __wbg_init as default };");
  const missing = [...imports].filter((name) => !found.has(name));
  if (missing.length > 0 || /IntoUnderlying|initSync,/.test(slimmed)) {
    throw new Error(`wasm-bindgen's script is not as expected: without ${missing}`);
  }
  return slimmed;
}
