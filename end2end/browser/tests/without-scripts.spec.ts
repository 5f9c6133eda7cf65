import type { Page } from "@playwright/test";
import { expect, FAILED_REQUEST, test } from "../fixtures.ts";
import { ADA, BRIEF_ADA, choose, fill, pageToken, receipt, register, typed } from "../form.ts";

const WRONG = {
  ...ADA,
  full_name: "",
  email: "ada@",
  phone: "12",
  date_of_birth: "1890-01-01",
  postcode: "!",
  category: "family",
  party_size: "nine",
  accept_terms: "",
};

/** Sends wrong answers, finds all of them named and kept, mends them and reaches the receipt. */
async function mend(page: Page, typedValues: (page: Page) => Promise<Record<string, string>>) {
  await page.goto("/draws/garden");
  const token = await pageToken(page);
  await fill(page, WRONG);
  const before = await typedValues(page);
  const answer = page.waitForResponse((response) => response.request().method() === "POST");
  await register(page);
  expect((await answer).status()).toBe(422);

  const wrong = ["full_name", "email", "phone", "date_of_birth", "postcode", "session", "party_size", "accept_terms"];
  const links = page.locator("#error-list a");
  expect(await links.evaluateAll((all) => all.map((link) => link.getAttribute("href")))).toEqual(
    wrong.map((field) => `#${field}`),
  );
  for (const field of wrong) {
    await expect(page.locator(`#${field}-error`)).not.toBeEmpty();
    await expect(page.locator(`#${field}`)).toHaveAttribute("aria-invalid", "true");
  }
  await expect(page.locator("#session-error")).toHaveText(
    "Saturday evening is not open to Family. Choose another session",
  );
  expect(await typedValues(page)).toEqual(before);
  expect(await pageToken(page)).toBe(token);

  await fill(page, ADA);
  await register(page);
  await receipt(page);
}

/** The controls' values where no script runs. */
async function shown(page: Page) {
  const values: Record<string, string> = {};
  for (const field of ["full_name", "email", "phone", "date_of_birth", "country", "postcode", "party_size"]) {
    values[field] = await page.locator(`#${field}`).inputValue();
  }
  for (const field of ["category", "session"]) {
    values[field] = await page.locator(`[name=${field}]:checked`).inputValue();
  }
  values.accept_terms = String(await page.locator("#accept_terms").isChecked());
  return values;
}

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("a person registers and reaches the receipt", async ({ page, server }) => {
    await page.goto("/draws/garden");
    await fill(page, ADA);
    await register(page);
    const code = await receipt(page);
    expect((await server.entries("garden"))[0]).toContain(code);
  });

  test("every wrong answer is named, and every typed value and the token are kept", async ({ page, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    await mend(page, shown);
    expect(await server.entries("garden")).toHaveLength(1);
  });

  test("fields that matter to some people only are there for all", async ({ page }) => {
    await page.goto("/draws/garden");
    await expect(page.locator("#member_id")).toBeVisible();
    await expect(page.locator("#guardian_name")).toBeVisible();
    await fill(page, { ...ADA, category: "member", member_id: "M123456" });
    await register(page);
    await receipt(page);
  });

  test("pressing twice makes one entry", async ({ page, server }) => {
    await page.goto("/draws/simple");
    await fill(page, BRIEF_ADA);
    await page.locator("#register").dblclick();
    await receipt(page);
    expect(await server.entries("simple")).toHaveLength(1);
  });

  test("a reload of the sent form leads to the same receipt", async ({ page, server }) => {
    await page.goto("/draws/simple");
    const token = await pageToken(page);
    await fill(page, BRIEF_ADA);
    await register(page);
    const code = await receipt(page);
    const form = { ...BRIEF_ADA, token, accept_terms: "true" };
    const again = await page.request.post("/draws/simple", { form, maxRedirects: 0 });
    expect(again.status()).toBe(303);
    expect(again.headers().location).toBe(`/receipts/${code}`);
    expect(await server.entries("simple")).toHaveLength(1);
  });

  test("a second person on a page that was used is told so, and registers with the next press", async ({ page, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    await page.goto("/draws/simple");
    const token = await pageToken(page);
    const first = { ...BRIEF_ADA, token, accept_terms: "true" };
    expect((await page.request.post("/draws/simple", { form: first, maxRedirects: 0 })).status()).toBe(303);
    await fill(page, { full_name: "Grace Hopper", email: "grace@example.org" });
    await register(page);
    await expect(page.locator("#notice")).toContainText("A registration was sent from this page before");
    await expect(page.locator("#full_name")).toHaveValue("Grace Hopper");
    expect(await pageToken(page)).not.toBe(token);
    await register(page);
    await receipt(page);
    expect(await server.entries("simple")).toHaveLength(2);
  });

  test("an entrant withdraws after a confirmation", async ({ page, server }) => {
    await page.goto("/draws/simple");
    await fill(page, BRIEF_ADA);
    await register(page);
    await receipt(page);
    await page.locator("#withdraw").click();
    expect(await server.entries("simple")).toHaveLength(1);
    await page.locator("#confirm-withdraw").click();
    await expect(page.locator(".receipt")).toHaveAttribute("data-state", "withdrawn");
    expect(await server.entries("simple")).toHaveLength(0);
  });
});

test.describe("when WebAssembly does not load", () => {
  test.beforeEach(async ({ page, watch }) => {
    watch.allow(FAILED_REQUEST, /console error: TypeError: Failed to fetch/);
    await page.route("**/*.wasm", (route) => route.abort());
  });

  test("the form still registers", async ({ page, server }) => {
    await page.goto("/draws/garden");
    await expect(page.locator("html")).toHaveAttribute("data-hydrated", "failed");
    await fill(page, { ...ADA, category: "member", member_id: "M123456" });
    await choose(page, "session", "sun-matinee");
    await register(page);
    await receipt(page);
    expect(await server.entries("garden")).toHaveLength(1);
  });

  test("every wrong answer is named, and every typed value and the token are kept", async ({ page, server }) => {
    await mend(page, typed);
    expect(await server.entries("garden")).toHaveLength(1);
  });
});
