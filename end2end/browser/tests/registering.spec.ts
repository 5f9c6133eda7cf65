import { garden } from "../draws.mjs";
import { expect, open, test } from "../fixtures.ts";
import { ADA, BRIEF_ADA, entryRequests, fill, keyOf, pageToken, receipt, register } from "../form.ts";

test("a person registers, from the list of draws to the receipt", async ({ page, server }) => {
  const requests = entryRequests(page);
  await page.goto("/");
  await page.getByRole("link", { name: "Garden Evening" }).click();
  await expect(page.getByText("Being early brings no advantage")).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
  const token = await pageToken(page);
  await fill(page, ADA);
  await register(page);
  const code = await receipt(page);

  expect(requests.map(keyOf)).toEqual([token]);
  expect(requests[0].headers().attempt).toBe("1");
  const entries = await server.entries("garden");
  expect(entries).toHaveLength(1);
  for (const text of [code, "Ada Lovelace", "ada@example.org", "+441632960961", "1990-12-10", "AB1 2CD"]) {
    expect(entries[0]).toContain(text);
  }
});

test("a draw with a capacity says that places are limited", async ({ page, server }) => {
  await server.apply([garden({ slug: "capped", capacity: 40 })]);
  await open(page, "/draws/capped");
  await expect(page.getByText("Places are limited.")).toBeVisible();
  await expect(page.getByText("Being early brings no advantage")).toHaveCount(0);
});

test("once the receipt is reached, the tab keeps neither name nor token", async ({ page }) => {
  await open(page, "/draws/simple");
  const token = await pageToken(page);
  await fill(page, BRIEF_ADA);
  await register(page);
  await receipt(page);
  const kept = await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }));
  for (const text of [token, "Ada", "ada@example.org"]) expect(kept).not.toContain(text);
});

test("a receipt masks personal data, is not stored, and sends no referrer", async ({ page }) => {
  await open(page, "/draws/garden");
  await fill(page, ADA);
  await register(page);
  const code = await receipt(page);
  const main = page.getByRole("main");
  await expect(main).toContainText("A. L.");
  await expect(main).not.toContainText("Ada Lovelace");
  await expect(main).not.toContainText("ada@example.org");
  for (const text of ["General", "Saturday evening", "Draw closes", "Winners drawn"]) {
    await expect(main).toContainText(text);
  }
  const response = await page.request.get(`/receipts/${code}`);
  expect(response.headers()["cache-control"]).toBe("no-store");
  expect(response.headers()["referrer-policy"]).toBe("no-referrer");
});

test("a receipt prints without what can only be pressed", async ({ page }) => {
  await open(page, "/draws/garden");
  await fill(page, ADA);
  await register(page);
  await receipt(page);
  await page.emulateMedia({ media: "print" });
  await expect(page.locator("#receipt-code")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  for (const pressed of ["#calendar", "#withdraw", ".nav", ".footer"]) await expect(page.locator(pressed)).toBeHidden();
});

test("a receipt offers a calendar file with the day of the draw", async ({ page, server, draws }) => {
  await open(page, "/draws/garden");
  await fill(page, ADA);
  await register(page);
  const code = await receipt(page);
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#calendar").click()]);
  expect(download.suggestedFilename()).toBe("draw.ics");
  const file = await (await page.request.get(download.url())).text();
  const drawn = draws[0].draws_at as Date;
  const stamp = drawn.toISOString().replace(/[-:]|\.\d+/g, "");
  expect(file).toMatch(/^BEGIN:VCALENDAR\r\n/);
  expect(file).toContain(`DTSTART:${stamp}\r\n`);
  expect(file.replaceAll("\r\n ", "")).toContain(`${server.url}/receipts/${code}`);
});
