/** Every page organisers can see, and how to get there. */
import type { Page } from "@playwright/test";
import type { Drawbridge } from "./drawbridge.mjs";
import { simple } from "./draws.mjs";
import { ADA } from "./form.ts";
import { enter, enterMany, signedIn, signIn } from "./organiser.ts";
import type { PageCase } from "./pages.ts";

/** A draft, more entries than a page of the list holds, one that was withdrawn, and an organiser signed in. */
export async function prepareOrganiser(page: Page, server: Drawbridge) {
  await server.apply([simple({ slug: "draft", title: "A Draft", state: "draft", capacity: 200 })]);
  await enterMany(page.request, 55);
  const name = "Wolfeschlegelsteinhausenbergerdorff Hubert Blaine the Elder";
  await enter(page.request, "garden", { ...ADA, full_name: name, email: `${"hubert.".repeat(8)}b@long-domain.example.org` });
  const gone = await enter(page.request, "simple", { full_name: "Ada Lovelace", email: "ada@example.org" });
  await page.request.delete(`/api/v1/receipts/${gone}`);
  await signedIn(page, server);
}

const at = (name: string, path: string): PageCase => ({ name, go: async (page) => void (await page.goto(path)) });

async function firstEntry(page: Page, draw = "garden", state = "registered") {
  await page.goto(`/admin/draws/${draw}/entries?state=${state}`);
  await page.locator("#entries tbody th a").first().click();
  await page.locator("#history").waitFor();
}

export const ORGANISER_PAGES: PageCase[] = [
  {
    name: "sign in",
    go: async (page) => {
      await page.context().clearCookies();
      await page.goto("/admin/sign-in");
    },
  },
  {
    name: "sign in refused",
    go: async (page) => {
      await page.context().clearCookies();
      await page.goto("/admin/sign-in");
      await signIn(page, "a wrong password");
      await page.getByRole("alert").waitFor();
    },
  },
  at("overview", "/admin"),
  at("draw", "/admin/draws/garden"),
  at("draft", "/admin/draws/draft"),
  at("announce", "/admin/draws/draft/announce"),
  at("close", "/admin/draws/garden/close"),
  at("cancel", "/admin/draws/garden/cancel"),
  {
    name: "closed just now",
    go: async (page) => {
      await page.goto("/admin/draws/garden/close");
      await page.locator("#confirm-change").click();
      await page.getByText("Registration is closed").waitFor();
    },
  },
  at("entries", "/admin/draws/garden/entries"),
  at("entries narrowed", "/admin/draws/garden/entries?q=entrant&category=family"),
  at("no entries", "/admin/draws/simple/entries"),
  at("withdrawn entries", "/admin/draws/simple/entries?state=withdrawn"),
  { name: "entry", go: (page) => firstEntry(page) },
  { name: "withdrawn entry", go: (page) => firstEntry(page, "simple", "withdrawn") },
  {
    name: "remove without a reason",
    go: async (page) => {
      await firstEntry(page);
      await page.locator("#remove").click();
      await page.locator("#confirm-remove").click();
      await page.locator("#reason-error").waitFor();
    },
  },
  at("audit", "/admin/audit"),
  at("password", "/admin/password"),
  {
    name: "password refused",
    go: async (page) => {
      await page.goto("/admin/password");
      await page.locator("#new").fill("short");
      await page.locator("#change-password").click();
      await page.locator("#new-error").waitFor();
    },
  },
  at("not found", "/admin/draws/nowhere"),
];
