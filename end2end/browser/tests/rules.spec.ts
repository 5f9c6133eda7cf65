import { expect, open, test } from "../fixtures.ts";
import { ADA, BRIEF_ADA, choose, entryRequests, fill, receipt, register } from "../form.ts";

/** A field, a wrong text, and what is said about it. */
const WRONG: [field: string, text: string, message: string][] = [
  ["full_name", "", "Enter your full name"],
  ["full_name", "x".repeat(101), "Enter a name of at most 100 characters"],
  ["full_name", "Ada \u202eecalevoL", "Enter the name without line breaks or control characters"],
  ["email", "", "Enter an email address like name@example.org"],
  ["email", "ada@", "Enter an email address like name@example.org"],
  ["email", "ada lovelace@example.org", "Enter an email address like name@example.org"],
  ["phone", "", "Enter a phone number with its country code, like +44 1632 960961"],
  ["phone", "01632 960961", "Enter a phone number with its country code, like +44 1632 960961"],
  ["date_of_birth", "", "Enter your date of birth as year-month-day, like 1990-12-10"],
  ["date_of_birth", "1880-01-01", "Enter a date of birth at most 120 years ago"],
  ["date_of_birth", "2999-01-01", "Enter a date of birth that is not in the future"],
  ["postcode", "", "Enter a postcode of 2 to 12 letters, digits, spaces or hyphens"],
  ["postcode", "AB1_2CD", "Enter a postcode of 2 to 12 letters, digits, spaces or hyphens"],
  ["party_size", "", "Enter how many people: 1 to 4"],
  ["party_size", "5", "Enter a number of people from 1 to 4"],
  ["party_size", "two", "Enter a number of people from 1 to 4"],
];

for (const [field, text, message] of WRONG) {
  const visible = text.replace(/[^ -~]/g, (character) => `U+${character.charCodeAt(0).toString(16)}`);
  const shown = text.length > 30 ? `of ${text.length} characters` : JSON.stringify(visible);
  test(`${field} ${shown}: what to do is said on leaving the field, and no longer once mended`, async ({ page }) => {
    await open(page, "/draws/garden");
    await choose(page, "category", "general");
    const control = page.locator(`#${field}`);
    const complaint = page.locator(`#${field}-error`);
    await expect(complaint).toBeEmpty();
    await control.focus();
    await control.fill(text);
    await expect(complaint, "nobody is interrupted while typing").toBeEmpty();
    await control.blur();
    await expect(complaint).toHaveText(message);
    await expect(control).toHaveAttribute("aria-invalid", "true");
    await expect(control).toHaveAccessibleDescription(new RegExp(message.replace(/[+.]/g, "\\$&")));
    await control.fill(ADA[field]);
    await expect(complaint).toBeEmpty();
    await expect(control).toHaveAttribute("aria-invalid", "false");
  });
}

test("an empty form: every field is named, the summary has the focus, its links lead into the fields", async ({ page }) => {
  const requests = entryRequests(page);
  await open(page, "/draws/garden");
  await register(page);
  const summary = page.locator("#error-summary");
  await expect(summary).toBeFocused();
  await expect(summary).toHaveRole("alert");
  const links = summary.getByRole("link");
  const expected = [
    ["full_name", "Enter your full name"],
    ["email", "Enter an email address like name@example.org"],
    ["phone", "Enter a phone number with its country code, like +44 1632 960961"],
    ["date_of_birth", "Enter your date of birth as year-month-day, like 1990-12-10"],
    ["country", "Choose your country"],
    ["postcode", "Enter a postcode of 2 to 12 letters, digits, spaces or hyphens"],
    ["category", "Choose a category"],
    ["session", "Choose a session"],
    ["accept_terms", "Accept the terms to take part"],
  ];
  await expect(links).toHaveText(expected.map(([, message]) => message));
  for (const [field, message] of expected) {
    await expect(page.locator(`#${field}-error`)).toHaveText(message);
    await expect(page.locator(`#${field}`)).toHaveAttribute("aria-invalid", "true");
    await summary.getByRole("link", { name: message }).click();
    const isGroup = ["category", "session"].includes(field);
    await expect(isGroup ? page.locator(`[name=${field}]`).first() : page.locator(`#${field}`)).toBeFocused();
  }
  expect(requests).toHaveLength(0);
});

test("a complaint leaves the summary when its field is mended, and the summary with the last one", async ({ page }) => {
  await open(page, "/draws/simple");
  await register(page);
  const links = page.locator("#error-list a");
  await expect(links).toHaveCount(3);
  await page.locator("#full_name").fill("Ada");
  await expect(links).toHaveCount(2);
  await page.locator("#email").fill("ada@example.org");
  await expect(links).toHaveCount(1);
  await page.locator("#accept_terms").check();
  await expect(page.locator("#error-summary")).toBeHidden();
  await register(page);
  await receipt(page);
});

test("an international domain is taken in its xn-- form, which the browser finds by itself", async ({ page, server }) => {
  await open(page, "/draws/simple");
  await fill(page, { ...BRIEF_ADA, email: "ada@b\u00fccher.example" });
  await register(page);
  await receipt(page);
  expect((await server.entries("simple"))[0]).toContain("ada@xn--bcher-kva.example");
});

test("countries are those that the draw is open to", async ({ page }) => {
  await open(page, "/draws/garden");
  const values = await page.locator("#country option").evaluateAll((all) => all.map((it) => (it as HTMLOptionElement).value));
  expect(values.filter(Boolean).sort()).toEqual(["GB", "IE"]);
});

test("who is under 18 when the draw closes names a guardian; others are not asked", async ({ page, server }) => {
  await open(page, "/draws/garden");
  const guardian = page.locator("#guardian_name");
  await expect(guardian).toBeHidden();
  await fill(page, ADA);
  await expect(guardian).toBeHidden();
  const birth = new Date();
  birth.setFullYear(birth.getFullYear() - 17);
  await page.locator("#date_of_birth").fill(birth.toISOString().slice(0, 10));
  await expect(guardian).toBeVisible();
  await register(page);
  const message = "Enter the full name of your parent or guardian: you are under 18 when this draw closes";
  await expect(page.locator("#guardian_name-error")).toHaveText(message);
  await guardian.fill("Annabella Byron");
  await register(page);
  await receipt(page);
  expect((await server.entries("garden"))[0]).toContain("Annabella Byron");
});

test("who is too young for the draw is told so", async ({ page }) => {
  await open(page, "/draws/garden");
  const birth = new Date();
  birth.setFullYear(birth.getFullYear() - 12);
  await page.locator("#date_of_birth").fill(birth.toISOString().slice(0, 10));
  await page.locator("#date_of_birth").blur();
  await expect(page.locator("#date_of_birth-error")).toHaveText(
    "You have to be 16 or older on the day this draw closes",
  );
});

test("a membership number is asked of members only, and of others not sent", async ({ page, server }) => {
  const requests = entryRequests(page);
  await open(page, "/draws/garden");
  const number = page.locator("#member_id");
  await expect(number).toBeHidden();
  await fill(page, ADA);
  await choose(page, "category", "member");
  await expect(number).toBeVisible();
  await register(page);
  await expect(page.locator("#member_id-error")).toHaveText("Enter your membership number");
  await number.fill("123");
  await expect(page.locator("#member_id-error")).toHaveText("Enter a membership number like M234567");
  await number.fill("M123456");
  await expect(page.locator("#error-summary")).toBeHidden();
  await choose(page, "category", "general");
  await expect(number).toBeHidden();
  await register(page);
  await receipt(page);
  expect(requests.at(-1)?.postDataJSON()).not.toHaveProperty("member_id");
  expect((await server.entries("garden"))[0]).not.toContain("M123456");
});

test("a session that excludes the category is refused in words", async ({ page }) => {
  await open(page, "/draws/garden");
  await fill(page, { ...ADA, category: "family" });
  await register(page);
  const complaint = page.locator("#session-error");
  await expect(complaint).toHaveText("Saturday evening is not open to Family. Choose another session");
  await expect(page.locator("#session")).toHaveAttribute("aria-invalid", "true");
  await choose(page, "session", "sun-matinee");
  await expect(complaint).toBeEmpty();
  await register(page);
  await receipt(page);
});
