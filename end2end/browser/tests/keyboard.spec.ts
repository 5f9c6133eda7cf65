import type { Page } from "@playwright/test";
import { expect, hydrated, test } from "../fixtures.ts";
import { ADA, receipt } from "../form.ts";

/** What has the focus, and whether one can see that. */
async function focused(page: Page) {
  return page.evaluate(() => {
    const element = document.activeElement as HTMLInputElement;
    const isOutlined = (style: CSSStyleDeclaration) =>
      style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 2;
    const name = element.name || element.id || element.textContent?.trim() || element.tagName;
    // Inside a date, the focus can be on the calendar's button, which the browser outlines by itself.
    const isCalendarButton = element.type === "date" && !element.matches(":focus-visible");
    const isVisible =
      isCalendarButton || isOutlined(getComputedStyle(element)) || isOutlined(getComputedStyle(element, "::after"));
    return { name, isVisible, isInView: element.checkVisibility() };
  });
}

/** Presses Tab until that control has the focus; every stop on the way has to be visible. */
async function tabTo(page: Page, name: string) {
  for (let stop = 0; stop < 40; stop++) {
    await page.keyboard.press("Tab");
    const found = await focused(page);
    expect(found.isVisible && found.isInView, `the focus on ${found.name} is visible`).toBe(true);
    if (found.name === name) return;
  }
  throw new Error(`Tab does not lead to ${name}`);
}

test("a person registers and withdraws with nothing but a keyboard", async ({ page, server }) => {
  const { keyboard } = page;
  await page.goto("/");
  await tabTo(page, "Garden Evening");
  await keyboard.press("Enter");
  await page.waitForURL("**/draws/garden");
  await hydrated(page);
  await tabTo(page, "full_name");
  await keyboard.type(ADA.full_name);
  await tabTo(page, "email");
  await keyboard.type(ADA.email);
  await tabTo(page, "phone");
  await keyboard.type(ADA.phone);
  await tabTo(page, "date_of_birth");
  // The same in every order of day and month, which is the browser's to choose.
  await keyboard.type("12121990");
  await tabTo(page, "country");
  await keyboard.type("United K");
  await tabTo(page, "postcode");
  await keyboard.type(ADA.postcode);
  await tabTo(page, "category");
  await keyboard.press("Space");
  await keyboard.press("ArrowDown");
  await keyboard.press("ArrowUp");
  await tabTo(page, "session");
  await keyboard.press("Space");
  await tabTo(page, "party_size");
  await keyboard.type("2");
  await tabTo(page, "accept_terms");
  await keyboard.press("Space");
  await tabTo(page, "register");
  await keyboard.press("Enter");
  const code = await receipt(page);
  const [entry] = await server.entries("garden");
  for (const text of [code, "Ada Lovelace", "1990-12-12", "GB", "general", "sat-evening"]) expect(entry).toContain(text);

  await tabTo(page, "withdraw");
  await keyboard.press("Enter");
  await page.waitForURL("**/withdraw");
  await tabTo(page, "confirm-withdraw");
  await keyboard.press("Space");
  await expect(page.locator(".receipt")).toHaveAttribute("data-state", "withdrawn");
});

test("the first stop leads past the navigation", async ({ page }) => {
  await page.goto("/draws/garden");
  await hydrated(page);
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeInViewport();
  await page.keyboard.press("Enter");
  await expect(page.locator("#main")).toBeFocused();
  await tabTo(page, "full_name");
});

test("after a refused form, the keyboard goes from the summary into the field", async ({ page }) => {
  await page.goto("/draws/simple");
  await hydrated(page);
  await tabTo(page, "full_name");
  await page.keyboard.press("Enter");
  await expect(page.locator("#error-summary")).toBeFocused();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.locator("#full_name")).toBeFocused();
});
