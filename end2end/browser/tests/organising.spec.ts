import type { Page } from "@playwright/test";
import { simple } from "../draws.mjs";
import { expect, FAILED_REQUEST, open, test } from "../fixtures.ts";
import { ADA, BRIEF_ADA, fill, receipt, register } from "../form.ts";
import { enter, ORGANISER, signedIn } from "../organiser.ts";

test.beforeEach(async ({ page, server }) => signedIn(page, server));

const count = (page: Page, slug: string) =>
  page.locator(`[data-draw=${slug}] .stat`).filter({ hasText: "Entries" }).locator("dd");

test("the overview counts by itself while somebody registers", async ({ page, context, server }) => {
  await expect(count(page, "simple")).toHaveText("0");
  const address = page.url();
  let loads = 0;
  page.on("framenavigated", () => loads++);
  const entrant = await context.newPage();
  await open(entrant, "/draws/simple");
  await fill(entrant, BRIEF_ADA);
  await register(entrant);
  await receipt(entrant);
  await page.bringToFront();
  await expect(count(page, "simple")).toHaveText("1");
  await expect(page.locator("[data-draw=simple] .stat").filter({ hasText: "Last minute" }).locator("dd")).toHaveText("1");
  expect(page.url()).toBe(address);
  expect(loads, "the page was not loaded anew").toBe(0);
  expect(await server.entries("simple")).toHaveLength(1);
});

test("the overview says when the server does not answer, and when it does again", async ({ page, server, watch }) => {
  watch.allow(FAILED_REQUEST);
  await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
  await server.kill();
  await expect(page.locator("#live-status")).toHaveText("No answer from the server. Trying again.");
  await server.serve();
  await expect(page.locator("#live-status")).toBeEmpty();
});

test("the overview says when one is signed out", async ({ page, context, watch }) => {
  watch.allow(FAILED_REQUEST);
  await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
  await context.clearCookies();
  await expect(page.locator("#live-status")).toHaveText("You have been signed out.");
});

test("duplicates that were caught are shown by layer", async ({ page, request, server }) => {
  const { token } = await (await request.post("/api/v1/draws/simple/tokens")).json();
  const send = () =>
    request.post("/api/v1/draws/simple/entries", {
      headers: { "Idempotency-Key": token },
      data: { ...BRIEF_ADA, accept_terms: true },
    });
  for (let attempt = 0; attempt < 4; attempt++) expect((await send()).status()).toBe(201);
  // Counts are written down once a minute, and when the server ends in order.
  await server.kill("SIGTERM");
  await server.serve();
  await page.goto("/admin");
  const caught = page.locator("[data-draw=simple] .caught tr").filter({ hasText: "Server's memory" });
  await expect(caught.locator("td").first()).toHaveText("3");
  await page.goto("/admin/draws/simple");
  await expect(page.locator("#hours tbody tr").first()).toContainText("3");
});

for (const [action, slug, badge] of [
  ["announce", "draft", "Open"],
  ["close", "garden", "Closed"],
  ["cancel", "garden", "Cancelled"],
]) {
  test(`${action}: asked about first, done once, told, and seen by entrants`, async ({ page, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    await server.apply([simple({ slug: "draft", title: "A Draft", state: "draft" })]);
    await page.goto("/admin");
    await page.locator(`[data-draw=${slug}] h2 a`).click();
    const before = await page.request.get(`/api/v1/draws/${slug}`);
    await page.locator(`#${action}`).click();
    await expect(page.getByRole("main").getByRole("listitem").first()).toBeVisible();
    await page.getByRole("link", { name: "Leave it as it is" }).click();
    const after = await page.request.get(`/api/v1/draws/${slug}`);
    expect((await after.json()).state).toBe((await before.json()).state);

    await page.locator(`#${action}`).click();
    await page.locator("#confirm-change").click();
    await expect(page.getByRole("main").getByRole("status")).toBeVisible();
    await expect(page.locator("main .badge").first()).toHaveText(badge);
    await expect(page.locator(`#${action}`)).toHaveCount(0);
    const state = { announce: "open", close: "closed", cancel: "cancelled" }[action];
    await expect.poll(async () => (await (await page.request.get(`/api/v1/draws/${slug}`)).json()).state).toBe(state);

    await page.goto(`/admin/draws/${slug}/${action}`);
    await expect(page.getByRole("main")).toContainText("already");
    await page.goto("/admin/audit");
    await expect(page.locator("#audit tbody tr").filter({ hasText: slug }).filter({ hasText: ORGANISER }).first()).toBeVisible();
  });
}

test("an entry's page tells what is known of it and of its retries", async ({ page, request }) => {
  const code = await enter(request, "garden", ADA);
  await page.goto("/admin/draws/garden/entries");
  await page.getByRole("link", { name: "Ada Lovelace" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Ada Lovelace");
  for (const text of ["ada@example.org", "+441632960961", "1990-12-10", "AB1 2CD", "General", "Saturday evening", "Retries"]) {
    await expect(page.getByRole("main")).toContainText(text);
  }
  await expect(page.getByRole("main")).toContainText(code);
});

test("an entry is removed with a reason, which the audit list keeps and the entrant does not see", async ({ page, server, request, watch }) => {
  watch.allow(FAILED_REQUEST);
  const code = await enter(request, "garden", ADA);
  await page.goto("/admin/draws/garden/entries");
  await page.getByRole("link", { name: "Ada Lovelace" }).click();
  await page.locator("#remove").click();
  await page.locator("#confirm-remove").click();
  await expect(page.locator("#reason-error")).toHaveText("Enter a reason");
  expect(await server.entries("garden")).toHaveLength(1);
  await page.locator("#reason").fill("Two entries of one household");
  await page.locator("#confirm-remove").click();
  await expect(page.locator("[data-state=removed]")).toBeVisible();
  await expect(page.getByRole("main")).not.toContainText("ada@example.org");
  expect(await server.entries("garden")).toHaveLength(0);

  await page.goto("/admin/audit");
  const row = page.locator("#audit tbody tr").filter({ hasText: "Two entries of one household" });
  await expect(row).toContainText(ORGANISER);
  await expect(row).not.toContainText("Ada");
  await page.goto(`/receipts/${code}`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("This entry was removed");
  await expect(page.getByRole("main")).not.toContainText("household");
  // The person is free to come back.
  await enter(request, "garden", ADA);
  expect(await server.entries("garden")).toHaveLength(1);
});

test("the CSV file holds every entry, and no formula", async ({ page, request }) => {
  await enter(request, "garden", { ...ADA, full_name: '=HYPERLINK("https://evil.example")' });
  await page.goto("/admin/draws/garden/entries");
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#export").click()]);
  expect(download.suggestedFilename()).toBe("garden-entries.csv");
  const answer = await page.request.get(download.url());
  expect(answer.headers()["content-type"]).toContain("text/csv");
  const [header, line] = (await answer.text()).trim().split("\n");
  expect(header).toMatch(/^receipt,entry_id,registered_at,full_name,email,/);
  expect(line).toContain(`"'=HYPERLINK(""https://evil.example"")"`);
  expect(line).toContain("'+441632960961");
  await page.goto("/admin/audit");
  await expect(page.locator("#audit tbody tr").first()).toContainText("entries exported");
});
