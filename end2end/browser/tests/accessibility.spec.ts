import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, FAILED_REQUEST, test } from "../fixtures.ts";
import { overflowing, tooSmall } from "../narrow.ts";
import { ORGANISER_PAGES, prepareOrganiser } from "../organiser-pages.ts";
import { everyDraw, prepare, PUBLIC_PAGES } from "../pages.ts";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe-core has to say, in few words. */
async function violations(page: Page) {
  const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}: ${html}: ${failureSummary}`),
  );
}

/** Light and dark, on a telephone and on a desk; on a telephone, it fits, and a finger hits every control. */
async function expectAccessible(page: Page) {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [360, 1280]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 900 });
      expect.soft(await violations(page), `${colorScheme}, ${width} px`).toEqual([]);
    }
  }
  await page.setViewportSize({ width: 360, height: 740 });
  expect.soft(await overflowing(page), "360 px are enough").toEqual([]);
  expect.soft(await tooSmall(page), "a finger hits every control").toEqual([]);
}

test.use({ draws: async ({}, use) => use(everyDraw()) });

for (const { name, go } of PUBLIC_PAGES) {
  test(`nobody is kept out of: ${name}`, async ({ page, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    await go(page, await prepare(page, server));
    await expectAccessible(page);
  });
}

for (const { name, go } of ORGANISER_PAGES) {
  test(`no organiser is kept out of: ${name}`, async ({ page, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    await prepareOrganiser(page, server);
    await go(page, "");
    await expectAccessible(page);
  });
}
