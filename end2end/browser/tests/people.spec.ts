import type { Page } from "@playwright/test";
import { expect, FAILED_REQUEST, hydrated, open, test } from "../fixtures.ts";
import { ADA, entryRequests, fill, GRACE, keyOf, pageToken, receipt, register, RECEIPT_URL, typed } from "../form.ts";

const QUESTION = "A registration was already sent from this page";

/** Types a second person over the first, and says yes to the question. */
async function registerGrace(page: Page) {
  await fill(page, GRACE);
  await register(page);
  const notice = page.locator("#notice");
  await expect(notice).toContainText(QUESTION);
  await expect(notice).toContainText("Register Grace Hopper <grace@example.org> as another person?");
  await expect(notice).toBeFocused();
  expect((await typed(page)).full_name).toBe("Grace Hopper");
  await page.locator("#confirm-another").click();
  return receipt(page);
}

test("Back after success: a second person is asked for, and registers with a fresh token", async ({ page, server }) => {
  const requests = entryRequests(page);
  await open(page, "/draws/garden");
  await fill(page, ADA);
  await register(page);
  const ada = await receipt(page);
  await page.goBack();
  await hydrated(page);
  await expect(page.locator("#register")).toBeEnabled();
  const grace = await registerGrace(page);
  expect(grace).not.toBe(ada);
  expect(requests).toHaveLength(2);
  expect(keyOf(requests[1])).not.toBe(keyOf(requests[0]));
  expect(await server.entries("garden")).toHaveLength(2);
});

test("Back after success keeps the values", async ({ page }) => {
  await open(page, "/draws/garden");
  await fill(page, ADA);
  const before = await typed(page);
  await register(page);
  await receipt(page);
  await page.goBack();
  await hydrated(page);
  expect(await typed(page)).toEqual(before);
});

test("Back after success and Register again leads the same person to the same receipt", async ({ page, server }) => {
  await open(page, "/draws/garden");
  await fill(page, ADA);
  await register(page);
  const ada = await receipt(page);
  await page.goBack();
  await hydrated(page);
  await fill(page, ADA);
  await register(page);
  await page.locator("#confirm-another").click();
  expect(await receipt(page)).toBe(ada);
  expect(await server.entries("garden")).toHaveLength(1);
});

test("a token that another entry has used is replaced, the values are kept, and it is asked", async ({ page, server, watch }) => {
  watch.allow(FAILED_REQUEST);
  const requests = entryRequests(page);
  await open(page, "/draws/garden");
  const token = await pageToken(page);
  const { party_size, ...ada } = ADA;
  const used = await page.request.post("/api/v1/draws/garden/entries", {
    headers: { "Idempotency-Key": token },
    data: { ...ada, party_size: Number(party_size), accept_terms: true },
  });
  expect(used.status()).toBe(201);
  const grace = await registerGrace(page);
  expect(grace).not.toBe((await used.json()).receipt);
  expect(requests.map((request) => keyOf(request) === token)).toEqual([true, false]);
  expect(await server.entries("garden")).toHaveLength(2);
});

test("Back to a page that the browser has kept whole: the form is of use again, for a second person", async ({ page, server, watch }) => {
  watch.allow(FAILED_REQUEST);
  // Chromium keeps no page that received what is not to be stored; other browsers may. So the page stays
  // where it is, and is told what such a browser would tell it.
  await page.route("**/receipts/*", (route) => route.fulfill({ status: 204 }));
  await open(page, "/draws/garden");
  await fill(page, ADA);
  await register(page);
  await expect(page.locator("#register")).toHaveText("Registered");
  await expect(page.locator("#register")).toBeDisabled();
  await page.unroute("**/receipts/*");
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  await expect(page.locator("#register")).toHaveText("Register");
  await registerGrace(page);
  expect(await server.entries("garden")).toHaveLength(2);
});

test.describe("two tabs, same person", () => {
  test("the same answers lead to the same receipt", async ({ page, context, server }) => {
    const other = await context.newPage();
    await open(page, "/draws/garden");
    await open(other, "/draws/garden");
    expect(await pageToken(page)).not.toBe(await pageToken(other));
    for (const tab of [page, other]) await fill(tab, ADA);
    await Promise.all([register(page), register(other)]);
    expect(await receipt(page)).toBe(await receipt(other));
    expect(await server.entries("garden")).toHaveLength(1);
  });

  test("other answers are told that the person takes part already", async ({ page, context, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    const other = await context.newPage();
    await open(page, "/draws/garden");
    await open(other, "/draws/garden");
    await fill(page, ADA);
    await register(page);
    const code = await receipt(page);
    await fill(other, { ...ADA, postcode: "ZZ9 9ZZ" });
    const before = await typed(other);
    await register(other);
    const notice = other.locator("#notice");
    await expect(notice).toContainText("Already registered in this draw");
    await expect(notice).toContainText("This email address takes part already.");
    await expect(notice).toBeFocused();
    await expect(other.locator("body")).not.toContainText(code);
    expect(await typed(other)).toEqual(before);
    await expect(other.locator("#register")).toBeEnabled();
    expect(await server.entries("garden")).toHaveLength(1);
  });
});

test("another browser learns that an address is registered, and nothing of the entry", async ({ page, browser, server, watch }) => {
  watch.allow(FAILED_REQUEST);
  await open(page, "/draws/garden");
  await fill(page, ADA);
  await register(page);
  const code = await receipt(page);
  const context = await browser.newContext({ baseURL: server.url });
  await watch.over(context);
  const stranger = await context.newPage();
  await open(stranger, "/draws/garden");
  await fill(stranger, ADA);
  await register(stranger);
  await expect(stranger.locator("#notice")).toContainText("Already registered in this draw");
  expect(stranger.url()).not.toMatch(RECEIPT_URL);
  expect(await stranger.content()).not.toContain(code);
  await context.close();
});

test("a phone number that only one may use is marked as taken, until it is changed", async ({ page, browser, server, watch }) => {
  watch.allow(FAILED_REQUEST);
  await open(page, "/draws/garden");
  await fill(page, ADA);
  await register(page);
  await receipt(page);
  const context = await browser.newContext({ baseURL: server.url });
  await watch.over(context);
  const other = await context.newPage();
  await open(other, "/draws/garden");
  await fill(other, { ...GRACE, phone: ADA.phone });
  await register(other);
  await expect(other.locator("#phone-error")).not.toBeEmpty();
  await expect(other.locator("#phone")).toHaveAttribute("aria-invalid", "true");
  await expect(other.locator("#notice")).toContainText("Another entry uses what is marked below");
  await fill(other, { phone: GRACE.phone });
  await expect(other.locator("#phone-error")).toBeEmpty();
  await register(other);
  await receipt(other);
  expect(await server.entries("garden")).toHaveLength(2);
  await context.close();
});
