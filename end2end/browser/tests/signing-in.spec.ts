import { expect, FAILED_REQUEST, test } from "../fixtures.ts";
import { newPassword, ORGANISER, PASSWORD, signedIn, signIn } from "../organiser.ts";

test.beforeEach(({ watch }) => watch.allow(FAILED_REQUEST));

test("an organiser signs in, and out again", async ({ page, context, server }) => {
  await signedIn(page, server);
  const [cookie] = (await context.cookies()).filter(({ name }) => name === "drawbridge_session");
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Lax", path: "/" });
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("main")).toContainText("You have signed out");
  expect((await context.cookies()).map(({ name }) => name)).not.toContain("drawbridge_session");
  await page.goto("/admin");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sign in as an organiser");
});

test("a sign-out ends the session, not only the cookie", async ({ page, context, server }) => {
  await signedIn(page, server);
  const before = await context.cookies();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("main")).toContainText("You have signed out");
  await context.addCookies(before);
  await page.goto("/admin");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sign in as an organiser");
});

test("a wrong password and an unknown name are told the same, and the name is kept", async ({ page, server }) => {
  await server.addOrganiser(ORGANISER, PASSWORD);
  const said: (string | null)[] = [];
  for (const [email, password] of [
    [ORGANISER, "wrong horse battery staple"],
    ["nobody@example.org", PASSWORD],
  ]) {
    await page.goto("/admin/sign-in");
    await signIn(page, password, email);
    said.push(await page.getByRole("alert").textContent());
    await expect(page.locator("#email")).toHaveValue(email);
    await expect(page.locator("#password")).toHaveValue("");
  }
  expect(said[0]).not.toBe("");
  expect(said[1]).toBe(said[0]);
});

test("guessing is slowed down", async ({ page, server }) => {
  await server.addOrganiser(ORGANISER, PASSWORD);
  await page.goto("/admin/sign-in");
  const headers = { Origin: server.url };
  const form = { email: ORGANISER, password: "a guess that is wrong", next: "/admin" };
  const statuses = new Set<number>();
  for (let guess = 0; guess < 12; guess++) {
    const answer = await page.request.post("/admin/sign-in", { headers, form, maxRedirects: 0 });
    statuses.add(answer.status());
    if (answer.status() === 429) expect(Number(answer.headers()["retry-after"])).toBeGreaterThan(0);
  }
  expect(statuses).toContain(429);
  expect(statuses).not.toContain(303);
});

test("a link followed while signed out leads on after signing in", async ({ page, server }) => {
  await server.addOrganiser(ORGANISER, PASSWORD);
  await page.goto("/admin/draws/garden/entries?sort=name&q=ada");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sign in as an organiser");
  await signIn(page, PASSWORD);
  await page.waitForURL("**/admin/draws/garden/entries?sort=name&q=ada");
  await expect(page.locator("#q")).toHaveValue("ada");
});

test("the sign-in page leads to no other site", async ({ page, server }) => {
  await server.addOrganiser(ORGANISER, PASSWORD);
  await page.goto("/admin/sign-in?next=https%3A%2F%2Fevil.example%2Fadmin");
  await signIn(page, PASSWORD);
  await expect(page).toHaveURL(`${server.url}/admin`);
});

test("another password: the old one is void, and other browsers are signed out", async ({ page, browser, server, watch }) => {
  await signedIn(page, server);
  const elsewhere = await browser.newContext({ baseURL: server.url });
  await watch.over(elsewhere);
  const other = await elsewhere.newPage();
  await other.goto("/admin/sign-in");
  await signIn(other, PASSWORD);
  await expect(other.getByRole("heading", { level: 1 })).toHaveText("Overview");

  const password = newPassword();
  await page.goto("/admin/password");
  const change = async (current: string, chosen: string, repeated: string) => {
    await page.locator("#current").fill(current);
    await page.locator("#new").fill(chosen);
    await page.locator("#repeated").fill(repeated);
    await page.locator("#change-password").click();
  };
  await change(PASSWORD, "short", "short");
  await expect(page.locator("#new-error")).not.toBeEmpty();
  await change(PASSWORD, password, `${password}x`);
  await expect(page.locator("#repeated-error")).toHaveText("This is not the same as above");
  await change("not my present password", password, password);
  await expect(page.locator("#current-error")).toHaveText("This is not your present password");
  await change(PASSWORD, password, password);
  await expect(page.getByRole("main")).toContainText("Your password is changed");

  await other.goto("/admin");
  await expect(other.getByRole("heading", { level: 1 })).toHaveText("Sign in as an organiser");
  await signIn(other, PASSWORD);
  await expect(other.getByRole("alert")).toBeVisible();
  await signIn(other, password);
  await expect(other.getByRole("heading", { level: 1 })).toHaveText("Overview");
  await page.goto("/admin");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Overview");
  await elsewhere.close();
});

test.describe("a request that changes something", () => {
  for (const [what, headers, csrf] of [
    ["without an origin", {}, true],
    ["from another origin", { Origin: "https://evil.example" }, true],
    ["without the mark of the session", "ours", false],
  ] as const) {
    test(`${what} is refused, and changes nothing`, async ({ page, server }) => {
      await signedIn(page, server);
      await page.goto("/admin/draws/garden/close");
      const mark = await page.locator("main [name=csrf]").inputValue();
      const answer = await page.request.post("/admin/draws/garden/close", {
        headers: headers === "ours" ? { Origin: server.url } : headers,
        form: csrf ? { csrf: mark } : {},
        maxRedirects: 0,
      });
      expect(answer.status()).toBe(403);
      await page.goto("/draws/garden");
      await expect(page.locator("#registration")).toBeVisible();
    });
  }

  test("in the name of nobody leads to the sign-in page, and changes nothing", async ({ page, server }) => {
    const answer = await page.request.post("/admin/draws/garden/close", {
      headers: { Origin: server.url },
      form: { csrf: "x" },
      maxRedirects: 0,
    });
    expect(answer.status()).toBe(303);
    expect(answer.headers().location).toContain("/admin/sign-in");
    await page.goto("/draws/garden");
    await expect(page.locator("#registration")).toBeVisible();
  });
});
