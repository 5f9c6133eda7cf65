import { readFile, stat, writeFile } from "node:fs/promises";
import { expect, FAILED_REQUEST, open, test } from "../fixtures.ts";
import { BRIEF_ADA, fill, receipt, register } from "../form.ts";

for (const [path, title] of [
  ["/nowhere", "There is nothing here"],
  ["/draws/nowhere", "There is no such draw"],
  ["/receipts/nowhere", "There is no such receipt"],
  ["/problems/nowhere", "There is nothing here"],
  ["/assets/nowhere.js", "There is nothing here"],
]) {
  test(`${path} is a page that says what is wrong, with the request id`, async ({ page, watch }) => {
    watch.allow(FAILED_REQUEST);
    const response = await page.goto(path);
    expect(response?.status()).toBe(404);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(title);
    await expect(page.locator("#request-id")).toHaveText(response?.headers()["x-request-id"] ?? "none");
    await page.getByRole("main").getByRole("link", { name: "All draws" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Draws");
  });
}

test.describe("when the database is broken", () => {
  test.use({ reconciles: false });

  test("a page says that it is our fault, with the request id, and nothing of the inside", async ({ page, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    await open(page, "/draws/simple");
    await fill(page, BRIEF_ADA);
    await register(page);
    const code = await receipt(page);
    for (const file of [server.database, `${server.database}-wal`]) {
      const size = await stat(file).then((found) => found.size, () => 0);
      if (size > 0) await writeFile(file, Buffer.alloc(size, 0x5a));
    }
    expect((await readFile(server.database))[0]).toBe(0x5a);
    const response = await page.goto(`/receipts/${code}`);
    expect(response?.status()).toBeGreaterThanOrEqual(500);
    await expect(page.locator("#request-id")).toHaveText(response?.headers()["x-request-id"] ?? "none");
    await expect(page.getByRole("main")).not.toContainText(/sqlite|sqlx|malformed|corrupt/i);
    expect(server.log.join("\n")).not.toContain(code);
  });
});

test("every problem type has a readable page", async ({ page }) => {
  await page.goto("/problems");
  const links = page.getByRole("main").locator("a[href^='/problems/']");
  const hrefs = await links.evaluateAll((all) => all.map((link) => link.getAttribute("href") ?? ""));
  expect(hrefs.length).toBeGreaterThan(20);
  for (const href of hrefs) {
    expect((await page.goto(href))?.status()).toBe(200);
    await expect(page.getByRole("heading", { level: 1 })).not.toBeEmpty();
    await expect(page.getByRole("main")).toContainText(href.slice("/problems/".length));
  }
});
