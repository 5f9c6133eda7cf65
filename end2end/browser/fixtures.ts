/** What every test has: a Drawbridge of its own, and browser windows that are watched. */
import { test as base, expect, type BrowserContext, type Page } from "@playwright/test";
import { Drawbridge } from "./drawbridge.mjs";
import { garden, simple, type Draw } from "./draws.mjs";

export { expect };

/** Collects what a page must not do: complain, break, violate its policy, or talk to strangers. */
export class Watch {
  #faults: string[] = [];
  #allowed: RegExp[] = [];
  readonly #origin: string;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** What this test provokes: complaints that match are no faults. */
  allow(...complaints: RegExp[]) {
    this.#allowed.push(...complaints);
  }

  async over(context: BrowserContext) {
    context.on("console", (message) => {
      const isComplaint = ["error", "warning", "assert"].includes(message.type());
      if (isComplaint) this.#faults.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    });
    context.on("weberror", (error) => this.#faults.push(`page error: ${error.error()}`));
    context.on("request", (request) => {
      const isOurs = request.url() === this.#origin || request.url().startsWith(`${this.#origin}/`);
      if (!isOurs) this.#faults.push(`request to a stranger: ${request.url()}`);
    });
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (violation) => {
        console.error(`policy violation: ${violation.violatedDirective} ${violation.blockedURI}`);
      });
    });
  }

  get faults() {
    return this.#faults.filter((fault) => !this.#allowed.some((allowed) => allowed.test(fault)));
  }
}

/** What a browser without scripts says of a page that stays open for a while: it fetched what only scripts use. */
const UNUSED_PRELOAD = /was preloaded using link preload but not used/;

/** A request that the browser reports as failed, because the test makes it fail. */
export const FAILED_REQUEST = /Failed to load resource/;

interface Fixtures {
  /** The draws of the server. A test that needs others says so with `test.use({ draws })`. */
  draws: Draw[];
  /** Settings of the server beside its address and database. */
  settings: Record<string, string>;
  /** Whether the data is compared with its counters at the end. */
  reconciles: boolean;
  server: Drawbridge;
  watch: Watch;
}

export const test = base.extend<Fixtures>({
  draws: [[garden(), simple()], { option: true }],
  settings: [{}, { option: true }],
  reconciles: [true, { option: true }],

  server: async ({ draws, settings, reconciles }, use, info) => {
    const server = await Drawbridge.start(draws, settings);
    try {
      await use(server);
      if (info.status !== info.expectedStatus) {
        await info.attach("server log", { body: server.log.join("\n"), contentType: "text/plain" });
      }
      const { code, said, complained } = await server.run(["reconcile"]);
      if (reconciles) expect(`${code}: ${said}${complained}`).toMatch(/^0: /);
    } finally {
      await server.stop();
    }
  },

  baseURL: async ({ server }, use) => use(server.url),

  watch: [
    async ({ server, javaScriptEnabled }, use) => {
      const watch = new Watch(server.url);
      if (javaScriptEnabled === false) watch.allow(UNUSED_PRELOAD);
      await use(watch);
      expect(watch.faults, "no page complained, broke, violated its policy or talked to strangers").toEqual([]);
    },
    { auto: true },
  ],

  context: async ({ context, watch }, use) => {
    await watch.over(context);
    await use(context);
  },
});

/** Opens a page and waits until its islands run. */
export async function open(page: Page, path: string) {
  await page.goto(path);
  await hydrated(page);
}

export async function hydrated(page: Page) {
  await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
}
