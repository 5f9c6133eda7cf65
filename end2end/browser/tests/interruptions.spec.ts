import { expect, FAILED_REQUEST, hydrated, open, test } from "../fixtures.ts";
import {
  ADA,
  BRIEF_ADA,
  entryRequests,
  fill,
  held,
  intercept,
  keyOf,
  losingTheAnswer,
  pageToken,
  receipt,
  register,
  typed,
} from "../form.ts";

test.describe("a reload", () => {
  test("keeps what was typed, and the token", async ({ page }) => {
    const requests = entryRequests(page);
    await open(page, "/draws/garden");
    const token = await pageToken(page);
    await fill(page, ADA);
    const before = await typed(page);
    await page.reload();
    await hydrated(page);
    expect(await typed(page)).toEqual(before);
    expect(await pageToken(page), "the server has issued another one meanwhile").not.toBe(token);
    await register(page);
    await receipt(page);
    expect(requests.map(keyOf)).toEqual([token]);
  });

  test("while sending, after the entry was stored, ends on the original receipt", async ({ page, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    const requests = entryRequests(page);
    // The entry is stored, and the page never learns of it.
    let first = "";
    await intercept(page, async (route) => {
      first = await (await route.fetch()).text();
    });
    await open(page, "/draws/garden");
    await fill(page, ADA);
    await register(page);
    await expect(page.locator("#register")).toHaveText("Sending…");
    await expect.poll(() => first).toContain("receipt");
    await page.reload();
    expect(await receipt(page)).toBe(JSON.parse(first).receipt);
    expect(requests).toHaveLength(2);
    expect(keyOf(requests[1])).toBe(keyOf(requests[0]));
    expect(requests[1].postData()).toBe(requests[0].postData());
    expect(await server.entries("garden")).toHaveLength(1);
  });

  test("while sending, before anything reached the server, registers once", async ({ page, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    const requests = entryRequests(page);
    const hold = held();
    await intercept(page, hold.answer);
    await open(page, "/draws/simple");
    await fill(page, BRIEF_ADA);
    await register(page);
    await hold.arrived;
    await page.reload();
    await receipt(page);
    expect(new Set(requests.map(keyOf)).size).toBe(1);
    expect(await server.entries("simple")).toHaveLength(1);
  });
});

test.describe("without a network", () => {
  test("the form waits, says so, and goes on by itself", async ({ page, context, server }) => {
    const requests = entryRequests(page);
    await open(page, "/draws/simple");
    await fill(page, BRIEF_ADA);
    await context.setOffline(true);
    await register(page);
    await expect(page.locator("#status")).toHaveText("You are offline. The form will be sent when you are back.");
    await expect(page.locator("#register")).toBeDisabled();
    expect(requests).toHaveLength(0);
    await context.setOffline(false);
    await receipt(page);
    expect(requests).toHaveLength(1);
    expect(await server.entries("simple")).toHaveLength(1);
  });

  test("a request under way is sent again when the network is back", async ({ page, context, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    const requests = entryRequests(page);
    const lost = losingTheAnswer();
    await intercept(page, async (route) => {
      await context.setOffline(true);
      await lost.answer(route);
    });
    await open(page, "/draws/simple");
    await fill(page, BRIEF_ADA);
    await register(page);
    const first = JSON.parse(await lost.answered);
    await expect(page.locator("#status")).toContainText("You are offline.");
    await context.setOffline(false);
    expect(await receipt(page)).toBe(first.receipt);
    expect(new Set(requests.map(keyOf)).size).toBe(1);
    expect(await server.entries("simple")).toHaveLength(1);
  });

  test("the entrant may go back to the answers", async ({ page, context, server }) => {
    await open(page, "/draws/simple");
    await fill(page, BRIEF_ADA);
    await context.setOffline(true);
    await register(page);
    await page.locator("#edit-again").click();
    await expect(page.locator("#register")).toHaveText("Register");
    await fill(page, { full_name: "Ada King" });
    await context.setOffline(false);
    await register(page);
    await receipt(page);
    expect(await server.entries("simple")).toEqual([expect.stringContaining("Ada King")]);
  });
});

test.describe("when the server is killed", () => {
  test.beforeEach(({ watch }) => watch.allow(FAILED_REQUEST));

  test("and restarted between two tries, the second gets the original receipt", async ({ page, server }) => {
    const requests = entryRequests(page);
    const lost = losingTheAnswer();
    await intercept(page, async (route) => {
      await lost.answer({ fetch: () => route.fetch(), abort: async () => {} } as typeof route);
      await server.kill("SIGKILL");
      await route.abort("connectionreset");
    });
    await open(page, "/draws/simple");
    await fill(page, BRIEF_ADA);
    await register(page);
    const first = JSON.parse(await lost.answered);
    await expect(page.locator("#status")).toContainText("The connection was interrupted");
    await server.serve();
    expect(await receipt(page)).toBe(first.receipt);
    expect(new Set(requests.map(keyOf)).size).toBe(1);
    expect(await server.entries("simple")).toHaveLength(1);
  });

  test("and restarted between two presses, the second gets the original receipt", async ({ page, context, server }) => {
    const lost = losingTheAnswer();
    await intercept(page, async (route) => {
      await context.setOffline(true);
      await lost.answer(route);
    });
    await open(page, "/draws/simple");
    await fill(page, BRIEF_ADA);
    await register(page);
    const first = JSON.parse(await lost.answered);
    await page.locator("#edit-again").click();
    await server.kill("SIGKILL");
    await server.serve();
    await context.setOffline(false);
    await register(page);
    expect(await receipt(page)).toBe(first.receipt);
    expect(await server.entries("simple")).toHaveLength(1);
  });

  test("before anything reached it, the form goes on until it is back", async ({ page, server }) => {
    const requests = entryRequests(page);
    await open(page, "/draws/simple");
    await fill(page, BRIEF_ADA);
    await server.kill("SIGKILL");
    await register(page);
    await expect(page.locator("#status")).toContainText("Your answers are kept, and sent again by themselves.");
    await expect.poll(() => requests.length).toBeGreaterThan(2);
    await server.serve();
    await receipt(page);
    expect(new Set(requests.map(keyOf)).size).toBe(1);
    expect(await server.entries("simple")).toHaveLength(1);
  });

  test("by SIGTERM, a request under way is finished first", async ({ page, server }) => {
    await open(page, "/draws/simple");
    await fill(page, BRIEF_ADA);
    await register(page);
    const code = await receipt(page);
    await server.kill("SIGTERM");
    await server.serve();
    await page.reload();
    await expect(page.locator("#receipt-code")).toHaveText(code);
    expect(server.log.join("\n")).toContain("stopped");
  });
});
