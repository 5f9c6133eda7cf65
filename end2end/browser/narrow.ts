/** What a page must not do on a telephone. */
import type { Page } from "@playwright/test";

/** Controls that are smaller than a finger may be: 24 px, those that matter most 44 px. */
export async function tooSmall(page: Page) {
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
export async function overflowing(page: Page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll("body *")]
      .filter((element) => element.getBoundingClientRect().right > width + 1)
      .map((element) => element.outerHTML.slice(0, 120));
  });
}
