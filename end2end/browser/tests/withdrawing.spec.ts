import { expect, open, test } from "../fixtures.ts";
import { ADA, fill, receipt, register } from "../form.ts";

test.beforeEach(async ({ page }) => {
  await open(page, "/draws/garden");
  await fill(page, ADA);
  await register(page);
  await receipt(page);
});

test("withdrawing is asked about, deletes the entry, and lets the person register anew", async ({ page, server }) => {
  const code = await receipt(page);
  await page.locator("#withdraw").click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Withdraw from this draw?");
  await page.getByRole("link", { name: "Keep my entry" }).click();
  await receipt(page);
  expect(await server.entries("garden")).toHaveLength(1);

  await page.locator("#withdraw").click();
  await page.locator("#confirm-withdraw").click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("You have withdrawn");
  await expect(page.getByRole("main")).not.toContainText("A. L.");
  await expect(page.locator("#withdraw")).toHaveCount(0);
  await expect(page.locator("#calendar")).toHaveCount(0);
  expect(await server.entries("garden")).toHaveLength(0);

  // Asked through the menu, not by Back: somebody may want to come back days later, in the same tab.
  await page.getByRole("link", { name: "About this draw" }).click();
  await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
  await fill(page, ADA);
  await register(page);
  expect(await receipt(page)).not.toBe(code);
  expect(await server.entries("garden")).toHaveLength(1);
});

test("withdrawing twice, from two tabs, is told as once", async ({ page, context, server }) => {
  const code = await receipt(page);
  const other = await context.newPage();
  for (const tab of [page, other]) await tab.goto(`/receipts/${code}/withdraw`);
  for (const tab of [page, other]) {
    await tab.locator("#confirm-withdraw").click();
    await expect(tab.locator(".receipt")).toHaveAttribute("data-state", "withdrawn");
  }
  expect(await server.entries("garden")).toHaveLength(0);
});

test("after closing it is too late to withdraw", async ({ page, server }) => {
  await page.locator("#withdraw").click();
  await server.change("garden", "close");
  await page.locator("#confirm-withdraw").click();
  await expect(page.getByRole("main")).toContainText("It is too late to withdraw");
  await expect(page.locator(".receipt")).toHaveAttribute("data-state", "registered");
  await expect(page.locator("#withdraw")).toHaveCount(0);
  expect(await server.entries("garden")).toHaveLength(1);
});
