/** Every page entrants can see, and how to get there: for tests that go through all of them. */
import type { Page } from "@playwright/test";
import type { Drawbridge } from "./drawbridge.mjs";
import { closed, type Draw, garden, opening, simple } from "./draws.mjs";
import { hydrated } from "./fixtures.ts";
import { ADA, fill, held, intercept, problem, register } from "./form.ts";

const HOUR = 3_600_000;

/** The draws that [`PUBLIC_PAGES`] are about. */
export const everyDraw = (): Draw[] => [
  garden(),
  simple(),
  opening(26 * HOUR),
  closed(),
  simple({ slug: "full", title: "Small Room", capacity: 1 }),
  simple({ slug: "cancelled", title: "Rained Off" }),
];

/** Cancels, fills up and registers what [`everyDraw`] cannot say; a receipt's code. */
export async function prepare(page: Page, server: Drawbridge): Promise<string> {
  await server.change("cancelled", "cancel");
  let code = "";
  for (const slug of ["full", "garden"]) {
    const { token } = await (await page.request.post(`/api/v1/draws/${slug}/tokens`)).json();
    const { party_size, ...ada } = ADA;
    const small = { full_name: ADA.full_name, email: ADA.email, accept_terms: true };
    const data = slug === "full" ? small : { ...ada, party_size: Number(party_size), accept_terms: true };
    const headers = { "Idempotency-Key": token };
    code = (await (await page.request.post(`/api/v1/draws/${slug}/entries`, { headers, data })).json()).receipt;
  }
  return code;
}

export interface PageCase {
  name: string;
  /** Goes there, given a receipt of a registered entry. */
  go: (page: Page, code: string) => Promise<void>;
}

const at = (name: string, path: string): PageCase => ({
  name,
  go: async (page, code) => void (await page.goto(path.replace("CODE", code))),
});

async function form(page: Page) {
  await page.goto("/draws/garden");
  await hydrated(page);
}

export const PUBLIC_PAGES: PageCase[] = [
  at("draws", "/"),
  { name: "form", go: form },
  {
    name: "form with errors",
    go: async (page) => {
      await form(page);
      await register(page);
      await page.locator("#error-list a").first().waitFor();
    },
  },
  {
    name: "form with every field",
    go: async (page) => {
      await form(page);
      await fill(page, { ...ADA, date_of_birth: `${new Date().getFullYear() - 17}-01-01`, category: "member" });
      await page.locator("#member_id").waitFor();
      await page.locator("#guardian_name").waitFor();
    },
  },
  {
    name: "form while sending",
    go: async (page) => {
      const hold = held();
      await intercept(page, hold.answer);
      await form(page);
      await fill(page, ADA);
      await register(page);
      await hold.arrived;
    },
  },
  {
    name: "form while waiting",
    go: async (page) => {
      const busy = "Very many people are registering right now";
      await intercept(page, problem(503, "overloaded", busy, { "retry-after": "600" }));
      await form(page);
      await fill(page, ADA);
      await register(page);
      await page.getByText("Trying again in").waitFor();
    },
  },
  {
    name: "form offline",
    go: async (page) => {
      await form(page);
      await fill(page, ADA);
      await page.context().setOffline(true);
      await register(page);
      await page.locator("#edit-again").waitFor();
    },
  },
  {
    name: "form refused",
    go: async (page) => {
      await form(page);
      await fill(page, { ...ADA, postcode: "ZZ9 9ZZ" });
      await register(page);
      await page.getByText("Already registered in this draw").waitFor();
    },
  },
  {
    name: "form asking",
    go: async (page) => {
      await intercept(page, problem(409, "idempotency-key-reused", "This key was used for something else"));
      await form(page);
      await fill(page, ADA);
      await register(page);
      await page.locator("#confirm-another").waitFor();
    },
  },
  at("not open yet", "/draws/opening"),
  at("closed", "/draws/closed"),
  at("full", "/draws/full"),
  at("cancelled", "/draws/cancelled"),
  at("result", "/draws/closed/result"),
  at("receipt", "/receipts/CODE"),
  at("withdraw", "/receipts/CODE/withdraw"),
  {
    name: "withdrawn",
    go: async (page, code) => {
      await page.goto(`/receipts/${code}/withdraw`);
      await page.locator("#confirm-withdraw").click();
      await receiptState(page);
    },
  },
  at("not found", "/nowhere"),
  at("problem types", "/problems"),
  at("problem type", "/problems/overloaded"),
];

const receiptState = (page: Page) => page.locator(".receipt[data-state=withdrawn]").waitFor();
