import { join } from "node:path";
import type { Page } from "@playwright/test";
import { FAILED_REQUEST, test } from "../fixtures.ts";
import { ORGANISER_PAGES, prepareOrganiser } from "../organiser-pages.ts";
import { everyDraw, prepare, PUBLIC_PAGES } from "../pages.ts";

test.use({ draws: async ({}, use) => use(everyDraw()) });

async function take(page: Page, name: string) {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [360, 1280]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: width === 360 ? 740 : 900 });
      await page.evaluate(() => scrollTo(0, 0));
      const file = `${name.replaceAll(" ", "-")}-${width}-${colorScheme}.png`;
      await page.screenshot({ path: join(process.env.SCREENSHOTS ?? "screenshots", file), fullPage: true });
    }
  }
}

for (const { name, go } of PUBLIC_PAGES) {
  test(name, async ({ page, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    await go(page, await prepare(page, server));
    await take(page, name);
  });
}

for (const { name, go } of ORGANISER_PAGES) {
  test(`organiser: ${name}`, async ({ page, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    await prepareOrganiser(page, server);
    await go(page, "");
    await take(page, `organiser ${name}`);
  });
}

test("receipt on paper", async ({ page, server }) => {
  await page.goto(`/receipts/${await prepare(page, server)}`);
  await page.emulateMedia({ media: "print" });
  await page.screenshot({ path: join(process.env.SCREENSHOTS ?? "screenshots", "receipt-print.png"), fullPage: true });
});
