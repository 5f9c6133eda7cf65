import { closed, garden, opening, simple } from "../draws.mjs";
import { expect, FAILED_REQUEST, open, test } from "../fixtures.ts";
import { BRIEF_ADA, entryRequests, fill, keyOf, receipt, register } from "../form.ts";

const HOUR = 3_600_000;

test.describe("a draw that opens soon", () => {
  test.use({ draws: async ({}, use) => use([opening(7000)]) });

  test("opens its form by itself at the opening, and registers", async ({ page, server }) => {
    await page.goto("/draws/opening");
    await expect(page.getByRole("heading", { name: "Not open yet" })).toBeVisible();
    await expect(page.locator("#registration")).toHaveCount(0);
    await expect(page.locator("#countdown")).toBeVisible();
    await expect(page.locator("#registration")).toBeVisible({ timeout: 20_000 });
    await fill(page, BRIEF_ADA);
    await register(page);
    await receipt(page);
    expect(await server.entries("opening")).toHaveLength(1);
  });
});

test.describe("a draw that opens in three days", () => {
  test.use({ draws: async ({}, use) => use([opening(3 * 24 * HOUR + HOUR / 2)]) });

  test("counts down by the server's clock, whatever the device believes", async ({ page }) => {
    await page.clock.install({ time: new Date("2001-01-01T00:00:00Z") });
    await open(page, "/draws/opening");
    const units = page.locator(".countdown__units p");
    await expect(units).toHaveText([/^03\s*days$/, /^00\s*hours$/, /^29\s*minutes$/, /^\d\d\s*seconds$/]);
    const seconds = units.last();
    const before = await seconds.textContent();
    await expect(seconds).not.toHaveText(before ?? "");
    await expect(page.locator("#registration")).toHaveCount(0);
  });

  test("refuses a registration through the API, and says when to come", async ({ request }) => {
    const { token } = await (await request.post("/api/v1/draws/opening/tokens")).json();
    const answer = await request.post("/api/v1/draws/opening/entries", {
      headers: { "Idempotency-Key": token },
      data: { ...BRIEF_ADA, accept_terms: true },
    });
    expect(answer.status()).toBe(409);
    expect((await answer.json()).type).toBe("/problems/draw-not-open");
    expect(Number(answer.headers()["retry-after"])).toBeGreaterThan(0);
  });
});

test.describe("draws without a form", () => {
  const full = () => simple({ slug: "full", title: "Small Room", capacity: 1 });
  test.use({ draws: async ({}, use) => use([closed(), full(), garden()]) });

  test("a closed draw says that registration has ended", async ({ page }) => {
    await page.goto("/draws/closed");
    await expect(page.getByRole("heading", { name: "Registration has ended" })).toBeVisible();
    await expect(page.locator("#registration")).toHaveCount(0);
    await page.getByRole("link", { name: "When is the result out?" }).click();
    await expect(page.getByRole("main")).toContainText("Winners have not been drawn yet.");
  });

  test("a full draw says so, and has its form again when somebody withdraws", async ({ page, request }) => {
    await open(page, "/draws/full");
    await fill(page, BRIEF_ADA);
    await register(page);
    const code = await receipt(page);
    await page.goto("/draws/full");
    await expect(page.getByRole("heading", { name: "This draw is full" })).toBeVisible();
    await expect(page.locator("#registration")).toHaveCount(0);
    expect((await request.delete(`/api/v1/receipts/${code}`)).status()).toBe(204);
    await page.reload();
    await expect(page.locator("#registration")).toBeVisible();
  });

  test("a draw that fills up while the form is filled in is told in a notice", async ({ page, request, watch, server }) => {
    watch.allow(FAILED_REQUEST);
    await open(page, "/draws/full");
    await fill(page, BRIEF_ADA);
    const { token } = await (await request.post("/api/v1/draws/full/tokens")).json();
    const other = { full_name: "Grace Hopper", email: "grace@example.org", accept_terms: true };
    const headers = { "Idempotency-Key": token };
    expect((await request.post("/api/v1/draws/full/entries", { headers, data: other })).status()).toBe(201);
    await register(page);
    await expect(page.locator("#notice")).toContainText("The draw is full");
    await expect(page.locator("#notice")).toBeFocused();
    expect(await server.entries("full")).toHaveLength(1);
  });

  test("a cancelled draw says that it was called off, and leaves the list", async ({ page, server }) => {
    await server.change("garden", "cancel");
    await page.goto("/draws/garden");
    await expect(page.getByRole("heading", { name: "This draw was called off" })).toBeVisible();
    await expect(page.locator("#registration")).toHaveCount(0);
    await page.goto("/");
    await expect(page.getByRole("link", { name: "Garden Evening" })).toHaveCount(0);
  });

  test("a draft is nobody's business", async ({ page, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    await server.apply([simple({ slug: "draft", title: "Secret", state: "draft" })]);
    expect((await page.goto("/draws/draft"))?.status()).toBe(404);
    await page.goto("/");
    await expect(page.getByText("Secret")).toHaveCount(0);
  });
});

test("a retry after closing gets the original receipt, and nobody new gets in", async ({ page, server, request }) => {
  const requests = entryRequests(page);
  await open(page, "/draws/simple");
  await fill(page, BRIEF_ADA);
  const answer = page.waitForResponse((response) => response.url().endsWith("/entries"));
  await register(page);
  await answer;
  const code = await receipt(page);
  await server.change("simple", "close");

  const send = (key: string, data: object) =>
    request.post("/api/v1/draws/simple/entries", { headers: { "Idempotency-Key": key }, data });
  const replay = await send(keyOf(requests[0]), requests[0].postDataJSON());
  expect(replay.status()).toBe(201);
  expect((await replay.json()).receipt).toBe(code);
  expect(replay.headers()["idempotent-replayed"]).toBe("true");
  const { token } = await (await request.post("/api/v1/draws/simple/tokens")).json();
  const refused = await send(token, { full_name: "Grace", email: "grace@example.org", accept_terms: true });
  expect((await refused.json()).type).toBe("/problems/draw-closed");
  expect(await server.entries("simple")).toHaveLength(1);
});

test("no draws at all: the list says so", async ({ page, server }) => {
  for (const slug of ["garden", "simple"]) await server.change(slug, "cancel");
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "No draws at the moment" })).toBeVisible();
});
