/** Editing a draw: plain forms, two organisers at once, and how it looks. */
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import type { Browser, Page } from "@playwright/test";
import type { Drawbridge } from "../drawbridge.mjs";
import { garden } from "../draws.mjs";
import { expect, FAILED_REQUEST, test } from "../fixtures.ts";
import { overflowing, tooSmall } from "../narrow.ts";
import { newPassword, ORGANISER, signedIn, signIn } from "../organiser.ts";

const EDIT = "/admin/draws/garden/edit";
const LONG_TITLE = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft, the second evening";
const LONG_LINK = `https://example.org/${"terms-and-conditions/".repeat(8)}`;

/** A second organiser in a browser of their own. */
async function somebodyElse(browser: Browser, server: Drawbridge): Promise<Page> {
  const password = newPassword();
  await server.addOrganiser("otto@example.org", password);
  const page = await (await browser.newContext({ baseURL: server.url })).newPage();
  await page.goto("/admin/sign-in");
  await signIn(page, password, "otto@example.org");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return page;
}

/** Saves another version while the page is open, then sends the page's own. */
async function provokeConflict(page: Page, browser: Browser, server: Drawbridge) {
  const otto = await somebodyElse(browser, server);
  await page.goto(EDIT);
  await otto.goto(EDIT);
  await otto.locator("#title").fill("Garden Evening, moved indoors");
  await otto.locator("#description").fill("Two evenings in the walled garden hall.\n\nBring a coat.");
  await otto.locator("#closes_at").fill("2031-07-01T18:30");
  await otto.locator("#draws_at").fill("");
  await otto.locator("#save").click();
  await otto.getByText("The draw is saved").waitFor();
  await otto.context().close();
  await page.locator("#title").fill("Garden Evenings");
  await page.locator("#capacity").fill("250");
  await page.locator("#save").click();
  await expect(page.locator("#conflict")).toBeVisible();
}

const difference = (page: Page, part: string) => page.locator("#versions tbody tr").filter({ hasText: part }).locator("td");

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with scripts" : "without scripts", () => {
    test.use({ javaScriptEnabled });

    test("a draw is edited, and entrants see it at once", async ({ page, server }) => {
      await signedIn(page, server);
      await page.goto("/admin/draws/garden");
      await page.locator("#edit").click();
      await page.locator("#title").fill("Garden Night");
      await page.locator("#capacity").fill("120");
      await page.locator("#closes_at").fill("2031-06-08T10:00");
      await page.locator("#draws_at").fill("");
      await page.getByText("The repeat is refused").click();
      await page.locator("#save").click();
      await expect(page.getByRole("main").getByRole("status")).toContainText("The draw is saved");
      await expect(page.getByRole("main")).toContainText("Sunday 8 June 2031, 10:00");
      await expect(page.getByRole("main")).toContainText("120 entries");
      const draw = await (await page.request.get("/api/v1/draws/garden")).json();
      expect(draw).toMatchObject({ title: "Garden Night", capacity: 120, mode: "strict", draws_at: null });
      expect(draw.closes_at).toBe("2031-06-08T09:00:00.000Z");
      expect(draw.rules.min_age, "rules stay").toBe(16);
      await page.goto("/admin/audit");
      const row = page.locator("#audit tbody tr").filter({ hasText: "draw changed" });
      await expect(row).toContainText("title, closes_at, draws_at, mode, capacity");
      await expect(row).toContainText(ORGANISER);
    });

    test("what is wrong is told, and nothing typed is lost", async ({ page, server, watch }) => {
      watch.allow(FAILED_REQUEST);
      await signedIn(page, server);
      await page.goto(EDIT);
      await page.locator("#title").fill(" ");
      await page.locator("#description").fill("First.\n\nSecond.");
      await page.locator("#timezone").fill("Europe/Atlantis");
      await page.locator("#terms_url").fill("www.example.org");
      await page.locator("#save").click();
      await expect(page.locator("#error-summary li")).toHaveCount(3);
      await expect(page.locator("#timezone-error")).toContainText("is not an IANA time zone");
      await expect(page.locator("#timezone")).toHaveValue("Europe/Atlantis");
      await expect(page.locator("#description")).toHaveValue("First.\n\nSecond.");
      await expect(page).toHaveTitle(/^Not saved/);
      await page.locator("#error-summary a").last().click();
      await expect(page.locator("#terms_url")).toBeInViewport();
      await page.locator("#title").fill("Garden Evening");
      await page.locator("#timezone").fill("europe/dublin");
      await page.locator("#terms_url").fill("https://www.example.org");
      await page.locator("#save").click();
      await expect(page.getByRole("main")).toContainText("The draw is saved");
      await expect(page.getByRole("main")).toContainText("Europe/Dublin");
    });

    test("two organisers: the later sees both versions and saves over the other", async ({ page, browser, server, watch }) => {
      watch.allow(FAILED_REQUEST);
      await signedIn(page, server);
      await provokeConflict(page, browser, server);
      await expect(page.locator("#latest-change")).toContainText("otto@example.org");
      await expect(page.locator("#latest-change")).toContainText("Title, Description, Closing time");
      await expect(difference(page, "Title").first()).toHaveText("Garden Evening, moved indoors");
      await expect(difference(page, "Title").last()).toHaveText("Garden Evenings");
      await expect(difference(page, "Capacity").first()).toHaveText("None");
      await expect(difference(page, "Description").first().locator("mark").first()).toContainText("hall");
      await expect(page.locator("#versions tbody tr")).toHaveCount(5);
      await expect(page.locator("#title"), "nothing typed is lost").toHaveValue("Garden Evenings");
      await page.locator("#save-mine").click();
      await expect(page.getByRole("main")).toContainText("The draw is saved");
      const draw = await (await page.request.get("/api/v1/draws/garden")).json();
      expect(draw).toMatchObject({ title: "Garden Evenings", capacity: 250 });
      expect(draw.description).toBe("Two evenings in the walled garden.");
    });

    test("two organisers: the later discards", async ({ page, browser, server, watch }) => {
      watch.allow(FAILED_REQUEST);
      await signedIn(page, server);
      await provokeConflict(page, browser, server);
      await page.locator("#discard-mine").click();
      await expect(page.locator("#conflict")).toHaveCount(0);
      await expect(page.locator("#title")).toHaveValue("Garden Evening, moved indoors");
      await expect(page.locator("#capacity")).toHaveValue("");
      const draw = await (await page.request.get("/api/v1/draws/garden")).json();
      expect(draw.title).toBe("Garden Evening, moved indoors");
    });
  });
}

test("who comes back sees what is stored now, not what was typed upon another version", async ({ page, server }) => {
  await signedIn(page, server);
  await page.goto(EDIT);
  await page.locator("#title").fill("Typed Before");
  await page.goto("/admin");
  await server.apply([garden({ title: "Applied Meanwhile" })]);
  await page.goBack();
  await expect(page.locator("#title")).toHaveValue("Applied Meanwhile");
});

test("a draw is edited by keyboard alone", async ({ page, server }) => {
  await signedIn(page, server);
  await page.goto(EDIT);
  await page.locator("#title").focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("Typed by Hand");
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.getAttribute("name"));
  const seen: unknown[] = [];
  // A date has a stop for each of its parts.
  for (let step = 0; step < 60 && (await focused()) !== "save"; step++) {
    await page.keyboard.press("Tab");
    if (seen.at(-1) !== (await focused())) seen.push(await focused());
  }
  expect(seen).toEqual([
    "description", "opens_at", "closes_at", "draws_at", "timezone", "capacity", "mode", "terms_url", "privacy_url", "contact", "save",
  ]);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Typed by Hand");
});

/** Every state of the page, with the longest texts there may be. */
const STATES: Record<string, (page: Page, browser: Browser, server: Drawbridge) => Promise<void>> = {
  form: async (page) => void (await page.goto(EDIT)),
  "long texts": async (page, _, server) => {
    const description = "Music until the light goes, and supper under the lime trees. ".repeat(20);
    await server.apply([garden({ title: LONG_TITLE, description, terms_url: LONG_LINK, capacity: 50_000 })]);
    await page.goto(EDIT);
  },
  errors: async (page) => {
    await page.goto(EDIT);
    await page.locator("#title").fill("");
    await page.locator("#closes_at").fill("2020-01-01T10:00");
    await page.locator("#timezone").fill("Europe/Atlantis");
    await page.locator("#capacity").fill("as many as come");
    await page.locator("#contact").fill("ask at the gate");
    await page.locator("#save").click();
    await page.locator("#error-summary").waitFor();
  },
  conflict: async (page, browser, server) => {
    await provokeConflict(page, browser, server);
    await page.locator(".versions__same summary").click();
  },
  "conflict of long texts": async (page, _, server) => {
    const description = "Music until the light goes, and supper under the lime trees. ".repeat(6);
    await page.goto(EDIT);
    await server.apply([garden({ title: LONG_TITLE, description, terms_url: LONG_LINK, capacity: 50_000 })]);
    await page.locator("#title").fill(LONG_TITLE.replace("second", "third"));
    await page.locator("#description").fill(description.replace("supper", "breakfast"));
    await page.locator("#save").click();
    await page.locator("#conflict").waitFor();
  },
  closed: async (page, _, server) => {
    await server.change("garden", "close");
    await page.goto(EDIT);
  },
  cancelled: async (page, _, server) => {
    await page.goto(EDIT);
    await server.change("garden", "cancel");
    await page.locator("#title").fill("Too Late");
    await page.locator("#save").click();
    await page.locator("#conflict").waitFor();
  },
};

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

for (const [name, go] of Object.entries(STATES)) {
  test(`no organiser is kept out of editing: ${name}`, async ({ page, browser, server, watch }) => {
    watch.allow(FAILED_REQUEST);
    await signedIn(page, server);
    await go(page, browser, server);
    for (const colorScheme of ["light", "dark"] as const) {
      for (const width of [360, 1280]) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await page.setViewportSize({ width, height: 900 });
        const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
        const faults = violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`));
        expect.soft(faults, `${colorScheme}, ${width} px`).toEqual([]);
        if (!process.env.SCREENSHOTS) continue;
        const file = `editing-${name.replaceAll(" ", "-")}-${width}-${colorScheme}.png`;
        await page.screenshot({ path: join(process.env.SCREENSHOTS, file), fullPage: true });
      }
    }
    await page.setViewportSize({ width: 360, height: 740 });
    expect.soft(await overflowing(page), "360 px are enough").toEqual([]);
    expect.soft(await tooSmall(page), "a finger hits every control").toEqual([]);
  });
}
