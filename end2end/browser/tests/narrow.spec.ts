import type { Page } from "@playwright/test";
import { expect, FAILED_REQUEST, open, test } from "../fixtures.ts";
import { ADA, fill, receipt, register } from "../form.ts";
import { ORGANISER_PAGES, prepareOrganiser } from "../organiser-pages.ts";
import { everyDraw, prepare, PUBLIC_PAGES } from "../pages.ts";

test.use({
  viewport: { width: 360, height: 740 },
  draws: async ({}, use) => use(everyDraw()),
});

/** Controls that are smaller than a finger may be: 24 px, those that matter most 44 px. */
async function tooSmall(page: Page) {
  return page.evaluate(() => {
    const faults: string[] = [];
    for (const control of document.querySelectorAll<HTMLElement>("a, button, input, select, textarea, summary")) {
      if (!control.checkVisibility() || (control as HTMLInputElement).type === "hidden") continue;
      if (control.matches(".skip:not(:focus)")) continue;
      // WCAG 2.2, 2.5.8: a link within a sentence has the height of its line.
      const text = control.closest("p, li, dd, td, small, span, legend")?.textContent?.trim() ?? "";
      const isInline = getComputedStyle(control).display === "inline" && text !== control.textContent?.trim();
      if (control.matches("a") && isInline) continue;
      const label = control.matches("[type=radio], [type=checkbox]") ? control.closest("label") : null;
      const { width, height } = (label ?? control).getBoundingClientRect();
      const isPrimary = control.matches(".button, .field :is(input, select, textarea)");
      const least = isPrimary ? 44 : 24;
      if (width < Math.min(least, 44) || height < least) {
        faults.push(`${control.outerHTML.slice(0, 120)}: ${Math.round(width)} x ${Math.round(height)}, needs ${least}`);
      }
    }
    return faults;
  });
}

/** Elements that stick out of the window to the right. */
async function overflowing(page: Page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll("body *")]
      .filter((element) => element.getBoundingClientRect().right > width + 1)
      .map((element) => element.outerHTML.slice(0, 120));
  });
}

for (const { name, go } of PUBLIC_PAGES) {
  test(`360 px are enough, and a finger hits every control: ${name}`, async ({ page, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    await go(page, await prepare(page, server));
    expect(await overflowing(page)).toEqual([]);
    expect(await tooSmall(page)).toEqual([]);
  });
}

for (const { name, go } of ORGANISER_PAGES) {
  test(`360 px are enough for an organiser, and a finger hits every control: ${name}`, async ({ page, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    await prepareOrganiser(page, server);
    await go(page, "");
    expect(await overflowing(page)).toEqual([]);
    expect(await tooSmall(page)).toEqual([]);
  });
}

test("long words and names do not break the page", async ({ page, server }) => {
  const title = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
  await server.apply([{ ...everyDraw()[0], slug: "long", title, description: title.repeat(3), contact: `${"x".repeat(60)}@example.org` }]);
  for (const path of ["/", "/draws/long"]) {
    await page.goto(path);
    expect(await overflowing(page)).toEqual([]);
  }
});

test("a person registers on a narrow screen", async ({ page, server }) => {
  await open(page, "/draws/garden");
  await fill(page, ADA);
  await register(page);
  await receipt(page);
  expect(await server.entries("garden")).toHaveLength(1);
});
