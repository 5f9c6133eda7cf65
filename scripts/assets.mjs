// Makes target/site from what the browser needs: bundles the stylesheet, names every file by its content, and
// compresses it as well as brotli can. The server embeds the folder.
//
// Usage: node scripts/assets.mjs FOLDER_OF_WASM_BINDGEN OUT
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

import { transform as minifyScript } from "esbuild";
import { browserslistToTargets, bundle } from "lightningcss";

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

async function script(path) {
  const { code } = await minifyScript(readFileSync(path, "utf8"), { minify: true, format: "esm", target: "es2022" });
  return Buffer.from(code);
}

const style = bundle({
  filename: "style/main.css",
  minify: true,
  // Browsers that run WebAssembly as we build it, and `light-dark()`.
  targets: browserslistToTargets(["chrome 123", "firefox 120", "safari 17.5"]),
});

const addresses = {
  css: publish("main.css", Buffer.from(style.code)),
  js: publish("app.js", await script(join(bindings, "app.js"))),
  wasm: publish("app.wasm", readFileSync(join(bindings, "app_bg.wasm"))),
  boot: publish("boot.js", await script("app/boot.js")),
  icon: publish("icon.svg", readFileSync("style/icon.svg")),
};
writeFileSync(join(out, "assets.json"), JSON.stringify(addresses, null, 2));
