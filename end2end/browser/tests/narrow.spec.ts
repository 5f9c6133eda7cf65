import { garden } from "../draws.mjs";
import { expect, open, test } from "../fixtures.ts";
import { ADA, fill, receipt, register } from "../form.ts";
import { overflowing } from "../narrow.ts";

// Every page is looked at in this width by accessibility.spec.ts.
test.use({ viewport: { width: 360, height: 740 } });

test("long words and names do not break the page", async ({ page, server }) => {
  const title = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
  await server.apply([
    garden({ slug: "long", title, description: title.repeat(3), contact: `${"x".repeat(60)}@example.org` }),
  ]);
  for (const path of ["/", "/draws/long"]) {
    await page.goto(path);
    expect(await overflowing(page)).toEqual([]);
  }
});

test("a person registers on a narrow screen", async ({ page, server }) => {
  await open(page, "/draws/garden");
  await fill(page, ADA);
  await register(page);
  await receipt(page);
  expect(await server.entries("garden")).toHaveLength(1);
});
