/** Steps on the organisers' side that many tests take. */
import { randomBytes } from "node:crypto";
import type { APIRequestContext, Page } from "@playwright/test";
import type { Drawbridge } from "./drawbridge.mjs";
import { expect } from "./fixtures.ts";
import { ADA, type Person } from "./form.ts";

export const ORGANISER = "olive@example.org";
export const PASSWORD = "correct horse battery staple";

/** Makes an organiser and signs the page in. */
export async function signedIn(page: Page, server: Drawbridge) {
  await server.addOrganiser(ORGANISER, PASSWORD);
  await page.goto("/admin/sign-in");
  await signIn(page, PASSWORD);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Overview");
}

export async function signIn(page: Page, password: string, email = ORGANISER) {
  await page.locator("#email").fill(email);
  await page.locator("#password").fill(password);
  await page.locator("#sign-in").click();
}

/** Registers somebody through the API; the receipt. */
export async function enter(request: APIRequestContext, slug: string, person: Person): Promise<string> {
  const { token } = await (await request.post(`/api/v1/draws/${slug}/tokens`)).json();
  const data: Record<string, unknown> = { ...person, accept_terms: true };
  if (person.party_size) data.party_size = Number(person.party_size);
  const answer = await request.post(`/api/v1/draws/${slug}/entries`, { headers: { "Idempotency-Key": token }, data });
  expect(answer.status(), await answer.text()).toBe(201);
  return (await answer.json()).receipt;
}

/** Registers so many people in the garden, some of them in each category and session; their names. */
export async function enterMany(request: APIRequestContext, count: number): Promise<string[]> {
  const names: string[] = [];
  for (let number = 1; number <= count; number++) {
    const padded = String(number).padStart(3, "0");
    const isFamily = number % 3 === 0;
    const person = {
      ...ADA,
      full_name: `Entrant ${padded}`,
      email: `entrant${padded}@example.org`,
      phone: `+4416329${String(number).padStart(5, "0")}`,
      category: isFamily ? "family" : "general",
      session: isFamily || number % 2 === 0 ? "sun-matinee" : "sat-evening",
    };
    await enter(request, "garden", person);
    names.push(person.full_name);
  }
  return names;
}

/** A password nobody guesses. */
export const newPassword = () => randomBytes(18).toString("base64url");
