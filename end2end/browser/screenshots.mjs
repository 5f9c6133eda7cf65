// Takes a picture of every page, at 360 and 1280 px, light and dark: node screenshots.mjs FOLDER
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

const folder = process.argv[2];
if (!folder) {
  console.error("Usage: node end2end/browser/screenshots.mjs FOLDER");
  process.exit(1);
}
const config = resolve(import.meta.dirname, "screenshots.config.ts");
const env = { ...process.env, SCREENSHOTS: resolve(folder) };
const { status } = spawnSync("npx", ["playwright", "test", "--config", config], { env, stdio: "inherit" });
process.exit(status ?? 1);
