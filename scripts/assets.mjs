// Makes target/site from what the browser needs: bundles the stylesheets, slims the WebAssembly, names every file by
// its content, and compresses it as well as brotli can. The server embeds the folder.
//
// Usage: node scripts/assets.mjs FOLDER_OF_WASM_BINDGEN OUT
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

import { transform as minifyScript } from "esbuild";
import { browserslistToTargets, bundle } from "lightningcss";

import { slim } from "./slim.mjs";

const [, , bindings, out] = process.argv;
const assets = join(out, "assets");
rmSync(out, { recursive: true, force: true });
mkdirSync(assets, { recursive: true });

/** Writes a file under a name that changes with its content; returns its address. */
function publish(name, content) {
  const [stem, extension] = name.split(".");
  const hash = createHash("sha256").update(content).digest("base64url").slice(0, 12);
  const file = `${stem}.${hash}.${extension}`;
  writeFileSync(join(assets, file), content);
  const compressed = brotliCompressSync(content, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });
  writeFileSync(join(assets, `${file}.br`), compressed);
  console.log(`${file}: ${content.length} bytes, ${compressed.length} compressed`);
  return `/assets/${file}`;
}

async function script(text) {
  const { code } = await minifyScript(text, { minify: true, treeShaking: true, format: "esm", target: "es2022" });
  return Buffer.from(code);
}

function style(filename) {
  // Browsers that run WebAssembly as we build it, and `light-dark()`.
  const targets = browserslistToTargets(["chrome 123", "firefox 120", "safari 17.5"]);
  return Buffer.from(bundle({ filename, minify: true, targets }).code);
}

const app = slim(readFileSync(join(bindings, "app.js"), "utf8"), readFileSync(join(bindings, "app_bg.wasm")));
const addresses = {
  css: publish("main.css", style("style/main.css")),
  admin_css: publish("admin.css", style("style/admin.css")),
  js: publish("app.js", await script(app.script)),
  wasm: publish("app.wasm", app.wasm),
  boot: publish("boot.js", await script(readFileSync("app/boot.js", "utf8"))),
  icon: publish("icon.svg", readFileSync("style/icon.svg")),
};
writeFileSync(join(out, "assets.json"), JSON.stringify(addresses, null, 2));
