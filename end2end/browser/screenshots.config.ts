import { defineConfig } from "@playwright/test";
import config from "./playwright.config.ts";

/** What `screenshots.mjs` runs: not tests, but the same pages by the same way. */
export default defineConfig({ ...config, testDir: "screenshots", reporter: "line" });
