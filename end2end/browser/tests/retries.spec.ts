import { expect, FAILED_REQUEST, open, test } from "../fixtures.ts";
import {
  BRIEF_ADA,
  entryRequests,
  fill,
  intercept,
  keyOf,
  losingTheAnswer,
  pageToken,
  problem,
  receipt,
  register,
  typed,
} from "../form.ts";

test.beforeEach(({ watch }) => watch.allow(FAILED_REQUEST));

test("when the connection is cut after the entry was stored, the retry shows the original receipt", async ({ page, server }) => {
  const requests = entryRequests(page);
  const lost = losingTheAnswer();
  await intercept(page, lost.answer);
  await open(page, "/draws/simple");
  await fill(page, BRIEF_ADA);
  const replay = page.waitForResponse((response) => response.url().endsWith("/entries"));
  await register(page);
  const first = await lost.answered;
  const second = await replay;

  expect(second.headers()["idempotent-replayed"]).toBe("true");
  // Asked outside of the page: a page that goes on forgets the bodies it has read.
  const key = keyOf(requests[0]);
  const headers = { "Idempotency-Key": key };
  const third = await page.request.post("/api/v1/draws/simple/entries", {
    headers,
    data: requests[0].postDataJSON(),
  });
  expect(await third.text()).toBe(first);
  expect(await receipt(page)).toBe(JSON.parse(first).receipt);
  expect(requests.map(keyOf)).toEqual([key, key]);
  expect(requests.map((request) => request.headers().attempt)).toEqual(["1", "2"]);
  expect(requests[1].postData()).toBe(requests[0].postData());
  expect(await server.entries("simple")).toHaveLength(1);
});

for (const [status, code, title] of [
  [429, "rate-limited", "Too many requests"],
  [503, "overloaded", "Very many people are registering right now"],
  [503, "storage-unavailable", "Registration is briefly interrupted"],
  [500, "internal-error", "Something went wrong on our side"],
  [409, "in-progress", "Your request is still being worked on"],
] as const) {
  test(`${status} ${code} is sent again with the same key, not before the time asked for`, async ({ page, server }) => {
    const requests = entryRequests(page);
    await intercept(page, problem(status, code, title, { "retry-after": "30" }));
    await page.clock.install();
    await open(page, "/draws/simple");
    await fill(page, BRIEF_ADA);
    await register(page);
    await expect(page.locator("#status")).toContainText(title);
    await expect(page.locator("#retry")).toContainText("Trying again in");
    await expect(page.locator("#register")).toBeDisabled();
    await page.clock.pauseAt(Date.now() + 10_000);
    expect(requests, "nothing is sent while the server has asked for time").toHaveLength(1);
    await page.clock.resume();
    await page.clock.fastForward(31_000);
    await receipt(page);
    expect(new Set(requests.map(keyOf)).size).toBe(1);
    expect(requests).toHaveLength(2);
    expect(await server.entries("simple")).toHaveLength(1);
  });
}

test("an answer that is no answer is asked for again", async ({ page, server }) => {
  const requests = entryRequests(page);
  await intercept(page, (route) => route.fulfill({ status: 502, body: "<h1>Bad gateway</h1>" }));
  await open(page, "/draws/simple");
  await fill(page, BRIEF_ADA);
  await register(page);
  await receipt(page);
  expect(new Set(requests.map(keyOf)).size).toBe(1);
  expect(await server.entries("simple")).toHaveLength(1);
});

test("an answer that does not come in time is asked for again", async ({ page, server }) => {
  const requests = entryRequests(page);
  await intercept(page, async (route) => {
    await route.fetch();
    // No answer: the page has to give it up by itself.
  });
  await page.clock.install();
  await open(page, "/draws/simple");
  await fill(page, BRIEF_ADA);
  await register(page);
  await expect(page.locator("#register")).toHaveText("Sending…");
  await expect.poll(() => server.entries("simple")).toHaveLength(1);
  await page.clock.fastForward(21_000);
  await receipt(page);
  expect(new Set(requests.map(keyOf)).size).toBe(1);
  expect(await server.entries("simple")).toHaveLength(1);
});

test("a token that has expired is renewed, and nothing that was typed is lost", async ({ page, server }) => {
  const requests = entryRequests(page);
  await intercept(page, problem(403, "token-expired", "The page token has expired"));
  await open(page, "/draws/simple");
  const token = await pageToken(page);
  await fill(page, BRIEF_ADA);
  const renewal = page.waitForRequest("**/api/v1/draws/simple/tokens");
  await register(page);
  await renewal;
  await receipt(page);
  expect(keyOf(requests[0])).toBe(token);
  expect(keyOf(requests[1])).not.toBe(token);
  expect(requests[1].postData()).toBe(requests[0].postData());
  expect(await server.entries("simple")).toHaveLength(1);
});

test("a renewal that fails is tried again", async ({ page, server }) => {
  await intercept(page, problem(403, "token-expired", "The page token has expired"));
  let renewals = 0;
  await page.route("**/api/v1/draws/simple/tokens", (route) => (++renewals === 1 ? route.abort() : route.continue()));
  await open(page, "/draws/simple");
  await fill(page, BRIEF_ADA);
  await register(page);
  await receipt(page);
  expect(renewals).toBe(2);
  expect(await server.entries("simple")).toHaveLength(1);
});

test("a token that the server refuses for good does not loop", async ({ page, server }) => {
  const expired = problem(403, "token-expired", "The page token has expired");
  const requests = entryRequests(page);
  await intercept(page, expired, expired, expired);
  await open(page, "/draws/simple");
  await fill(page, BRIEF_ADA);
  const before = await typed(page);
  await register(page);
  await expect(page.locator("#notice")).toContainText("This page is out of date");
  await expect(page.locator("#notice")).toBeFocused();
  expect(requests).toHaveLength(2);
  expect(await typed(page)).toEqual(before);
  expect(await server.entries("simple")).toHaveLength(0);
});

test("a draw that closes while the form is filled in is told in a notice, with the request id", async ({ page, server }) => {
  await open(page, "/draws/simple");
  await fill(page, BRIEF_ADA);
  await server.change("simple", "close");
  await register(page);
  await expect(page.locator("#notice")).toContainText("The draw is closed");
  await expect(page.locator("#notice")).toContainText(/Request id: [0-9a-f-]{36}/);
  await expect(page.locator("#notice")).toBeFocused();
  await expect(page.locator("#full_name")).toHaveValue(BRIEF_ADA.full_name);
});
