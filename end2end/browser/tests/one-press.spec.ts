import { expect, open, test } from "../fixtures.ts";
import { BRIEF_ADA, entryRequests, fill, held, intercept, receipt, register } from "../form.ts";

const WAITING = "Your request has been received, please wait";

test("a double click sends one request", async ({ page, server }) => {
  const requests = entryRequests(page);
  await open(page, "/draws/simple");
  await fill(page, BRIEF_ADA);
  await page.locator("#register").dblclick();
  await receipt(page);
  expect(requests).toHaveLength(1);
  expect(await server.entries("simple")).toHaveLength(1);
});

test("a held Enter sends one request", async ({ page, server }) => {
  const requests = entryRequests(page);
  const hold = held();
  await intercept(page, hold.answer, hold.answer, hold.answer);
  await open(page, "/draws/simple");
  await fill(page, BRIEF_ADA);
  await page.locator("#email").focus();
  // Every `down` after the first is a repeat, as the keyboard makes them while the key is held.
  for (let repeat = 0; repeat < 20; repeat++) await page.keyboard.down("Enter");
  await hold.arrived;
  for (let repeat = 0; repeat < 20; repeat++) await page.keyboard.down("Enter");
  await page.keyboard.up("Enter");
  await expect(page.locator("#status")).toHaveText(WAITING);
  hold.release();
  await receipt(page);
  expect(requests).toHaveLength(1);
  expect(await server.entries("simple")).toHaveLength(1);
});

test("while it is sent, the button is off and says so", async ({ page }) => {
  const hold = held();
  await intercept(page, hold.answer);
  await open(page, "/draws/simple");
  const button = page.locator("#register");
  await expect(button).toHaveText("Register");
  await fill(page, BRIEF_ADA);
  await register(page);
  await hold.arrived;
  await expect(button).toBeDisabled();
  await expect(button).toHaveText("Sending…");
  await expect(page.getByRole("status")).toHaveText(WAITING);
  // What is being sent cannot be changed meanwhile.
  await page.locator("#full_name").focus();
  await expect(page.locator("#full_name")).not.toBeFocused();
  hold.release();
  await receipt(page);
});

test("on a slow network the form says what it does and reaches the receipt", async ({ page, server }) => {
  const requests = entryRequests(page);
  await open(page, "/draws/simple");
  await fill(page, BRIEF_ADA);
  const devtools = await page.context().newCDPSession(page);
  const slow = { offline: false, latency: 2000, downloadThroughput: 6000, uploadThroughput: 3000 };
  await devtools.send("Network.emulateNetworkConditions", slow);
  await register(page);
  await expect(page.locator("#register")).toHaveText("Sending…");
  await expect(page.locator("#register")).toBeDisabled();
  await expect(page.locator("#status")).toHaveText(WAITING);
  await page.locator("#register").click({ force: true });
  await receipt(page);
  expect(requests).toHaveLength(1);
  expect(await server.entries("simple")).toHaveLength(1);
});

test("pressing before the page is ready registers all the same, once", async ({ page, server }) => {
  // The script arrives only after the form was sent as a plain one.
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/*.wasm", async (route) => {
    await released;
    await route.continue().catch(() => {});
  });
  await page.goto("/draws/simple", { waitUntil: "commit" });
  await fill(page, BRIEF_ADA);
  await register(page);
  await receipt(page);
  release();
  expect(await server.entries("simple")).toHaveLength(1);
});

test("what was typed before the page is ready is kept", async ({ page }) => {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/*.wasm", async (route) => {
    await released;
    await route.continue();
  });
  await page.goto("/draws/simple", { waitUntil: "commit" });
  await fill(page, BRIEF_ADA);
  release();
  await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
  await expect(page.locator("#full_name")).toHaveValue(BRIEF_ADA.full_name);
  await register(page);
  await receipt(page);
});
