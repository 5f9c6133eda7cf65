/** Steps with the registration form that many tests take. */
import { expect, type Page, type Request, type Route } from "@playwright/test";

export type Person = Record<string, string>;

export const ADA: Person = {
  full_name: "Ada Lovelace",
  email: "ada@example.org",
  phone: "+44 1632 960961",
  date_of_birth: "1990-12-10",
  country: "GB",
  postcode: "AB1 2CD",
  category: "general",
  party_size: "2",
  session: "sat-evening",
};

export const GRACE: Person = {
  ...ADA,
  full_name: "Grace Hopper",
  email: "grace@example.org",
  phone: "+44 1632 960962",
};

/** What a draw that asks for little is told. */
export const BRIEF_ADA: Person = { full_name: ADA.full_name, email: ADA.email };

export const RECEIPT_URL = /\/receipts\/[a-z0-9]+$/;

/** Types, chooses and ticks; terms are accepted unless `accept_terms` is empty. */
export async function fill(page: Page, person: Person) {
  for (const [field, value] of Object.entries({ accept_terms: "true", ...person })) {
    if (field === "country") await page.locator("#country").selectOption(value);
    else if (field === "category" || field === "session") await choose(page, field, value);
    else if (field === "accept_terms") await page.locator("#accept_terms").setChecked(value !== "");
    else await page.locator(`#${field}`).fill(value);
  }
}

export const choose = (page: Page, field: string, value: string) =>
  page.locator(`[name=${field}][value="${value}"]`).check();

export const register = (page: Page) => page.locator("#register").click();

/** The code of the receipt that the page has come to. */
export async function receipt(page: Page): Promise<string> {
  // Asked again and again, not waited for: a second press aborts the navigation of the first.
  await expect(page).toHaveURL(RECEIPT_URL, { timeout: 30_000 });
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("You are registered");
  const code = new URL(page.url()).pathname.split("/").at(-1) ?? "";
  await expect(page.locator("#receipt-code")).toHaveText(code);
  return code;
}

/** What the controls hold, by field. */
export const typed = (page: Page): Promise<Person> =>
  page.locator("#registration").evaluate((form: HTMLFormElement) => {
    const { token: _, ...values } = Object.fromEntries(new FormData(form)) as Person;
    return values;
  });

/** The token that the page was served with. */
export const pageToken = (page: Page) => page.locator("#registration [name=token]").inputValue();

export const isEntryRequest = (request: Request) =>
  request.method() === "POST" && new URL(request.url()).pathname.endsWith("/entries");

/** The requests to register that a page makes, as they are made. */
export function entryRequests(page: Page): Request[] {
  const requests: Request[] = [];
  page.on("request", (request) => {
    if (isEntryRequest(request)) requests.push(request);
  });
  return requests;
}

export const keyOf = (request: Request) => request.headers()["idempotency-key"];

/** Answers the first requests to register one way each; those after them reach the server. */
export async function intercept(page: Page, ...answers: ((route: Route) => Promise<void>)[]) {
  await page.route("**/api/v1/draws/*/entries", async (route) => {
    const answer = answers.shift();
    await (answer ? answer(route) : route.continue());
  });
}

/** Lets a request reach the server and loses the answer; `answered` has it. */
export function losingTheAnswer() {
  let keep: (body: string) => void;
  const answered = new Promise<string>((resolve) => (keep = resolve));
  const answer = async (route: Route) => {
    const response = await route.fetch();
    expect(response.status()).toBe(201);
    keep(await response.text());
    await route.abort("connectionreset");
  };
  return { answer, answered };
}

/** A problem as the server would send it. */
export const problem =
  (status: number, code: string, title: string, headers: Record<string, string> = {}) =>
  async (route: Route) => {
    const type = `/problems/${code}`;
    const body = JSON.stringify({ type, title, status, detail: "Said by the test.", request_id: "test" });
    await route.fulfill({ status, headers: { "content-type": "application/problem+json", ...headers }, body });
  };

/** Holds requests back until `release` is called. */
export function held() {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  const answer = async (route: Route) => {
    arrive();
    await released;
    await route.continue();
  };
  return { answer, arrived, release };
}
