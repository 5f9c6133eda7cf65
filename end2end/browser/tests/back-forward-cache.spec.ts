import { expect, FAILED_REQUEST, open, test } from "../fixtures.ts";
import { ADA, fill, GRACE, receipt, register } from "../form.ts";

// Playwright turns this cache off; browsers of people have it.
test.use({
  launchOptions: async ({ launchOptions }, use) =>
    use({ ...launchOptions, ignoreDefaultArgs: ["--disable-back-forward-cache"] }),
});

test("Back to a page that the browser has kept whole: the form is of use again, for a second person", async ({ page, server, watch }) => {
  watch.allow(FAILED_REQUEST);
  await page.addInitScript(() => {
    addEventListener("pageshow", ({ persisted }) => (document.documentElement.dataset.kept = String(persisted)));
  });
  await open(page, "/draws/garden");
  await fill(page, ADA);
  await register(page);
  const ada = await receipt(page);
  await page.goBack();
  await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
  console.log(`kept whole: ${await page.locator("html").getAttribute("data-kept")}`);
  await expect(page.locator("#register")).toBeEnabled();
  await expect(page.locator("#register")).toHaveText("Register");
  await expect(page.locator("#full_name")).toHaveValue("Ada Lovelace");
  await fill(page, GRACE);
  await register(page);
  await expect(page.locator("#notice")).toContainText("Register Grace Hopper <grace@example.org> as another person?");
  await page.locator("#confirm-another").click();
  expect(await receipt(page)).not.toBe(ada);
  expect(await server.entries("garden")).toHaveLength(2);
});
