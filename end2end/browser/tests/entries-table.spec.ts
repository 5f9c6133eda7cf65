import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { ADA } from "../form.ts";
import { enter, enterMany, signedIn } from "../organiser.ts";

const LIST = "/admin/draws/garden/entries";

const names = (page: Page) => page.locator("#entries tbody th").allTextContents();

const show = async (page: Page) => {
  await page.locator("#apply").click();
  await expect(page.locator("#heading")).toBeVisible();
};

test("a list without entries says so", async ({ page, server }) => {
  await signedIn(page, server);
  await page.goto(LIST);
  await expect(page.locator("#empty")).toContainText("No entries yet");
});

test("120 entries are paged through, forth and back, each exactly once", async ({ page, server, request }) => {
  const all = await enterMany(request, 120);
  await signedIn(page, server);
  await page.goto(LIST);
  await expect(page.locator("#taken")).toContainText("120 entries");
  const seen = [await names(page)];
  expect(seen[0]).toHaveLength(50);
  await expect(page.locator("#previous-page")).toHaveCount(0);
  for (const expected of [50, 20]) {
    await page.locator("#next-page").click();
    await expect(page.locator("#entries tbody tr")).toHaveCount(expected);
    seen.push(await names(page));
  }
  await expect(page.locator("#next-page")).toHaveCount(0);
  expect(seen.flat(), "latest first").toEqual([...all].reverse());
  for (const [index, expected] of [[1, 50], [0, 50]]) {
    await page.locator("#previous-page").click();
    await expect(page.locator("#entries tbody th").first()).toHaveText(seen[index][0]);
    expect(await names(page)).toEqual(seen[index]);
    expect(seen[index]).toHaveLength(expected);
  }

  await page.locator("#sort").selectOption("oldest");
  await show(page);
  expect(await names(page)).toEqual(all.slice(0, 50));
  await page.locator("#sort").selectOption("name");
  await show(page);
  expect(await names(page)).toEqual(all.slice(0, 50));
  await page.locator("#next-page").click();
  await expect(page.locator("#entries tbody th").first()).toHaveText(all[50]);
});

test.describe("a list of twelve", () => {
  test.beforeEach(async ({ page, server, request }) => {
    await enterMany(request, 12);
    await signedIn(page, server);
    await page.goto(LIST);
  });

  test("is searched by the beginning of a name, in any case", async ({ page }) => {
    await page.locator("#q").fill("eNTRANT 01");
    await show(page);
    expect(await names(page)).toEqual(["Entrant 010", "Entrant 011", "Entrant 012"]);
    await page.locator("#q").fill("%");
    await show(page);
    await expect(page.locator("#empty")).toContainText("Nothing found");
    await page.locator("#reset").click();
    await expect(page.locator("#entries tbody tr")).toHaveCount(12);
  });

  test("is searched by a whole email address, and by a receipt", async ({ page, request }) => {
    const code = await enter(request, "garden", ADA);
    for (const text of ["ADA@example.org", code, ` ${code.toUpperCase()} `]) {
      await page.locator("#q").fill(text);
      await show(page);
      expect(await names(page)).toEqual(["Ada Lovelace"]);
    }
    await page.locator("#q").fill("ada@example");
    await show(page);
    await expect(page.locator("#empty")).toBeVisible();
  });

  test("is narrowed by category, session and state", async ({ page, request }) => {
    await page.locator("#category").selectOption("family");
    await show(page);
    expect(await names(page)).toEqual(["Entrant 012", "Entrant 009", "Entrant 006", "Entrant 003"]);
    await page.locator("#category").selectOption("general");
    await page.locator("#session").selectOption("sat-evening");
    await show(page);
    expect(await names(page)).toEqual(["Entrant 011", "Entrant 007", "Entrant 005", "Entrant 001"]);

    const code = await enter(request, "garden", ADA);
    expect((await request.delete(`/api/v1/receipts/${code}`)).status()).toBe(204);
    await page.goto(LIST);
    await page.locator("#state").selectOption("withdrawn");
    await show(page);
    expect(await names(page)).toEqual(["Withdrawn entry"]);
    await expect(page.getByRole("main")).not.toContainText("ada@example.org");
    await page.locator("#state").selectOption("removed");
    await show(page);
    await expect(page.locator("#empty")).toBeVisible();
  });
});
