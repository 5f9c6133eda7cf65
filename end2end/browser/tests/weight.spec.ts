import { expect, hydrated, test } from "../fixtures.ts";

/** Bytes on the wire of the registration page, from an empty cache until its island runs. */
const MOST = 90_000;

test(`the registration page weighs at most ${MOST / 1000} kB, and asks no other host`, async ({ page, server }) => {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  await devtools.send("Network.setCacheDisabled", { cacheDisabled: false });
  await devtools.send("Network.clearBrowserCache");
  const urls = new Map<string, string>();
  const sizes = new Map<string, number>();
  devtools.on("Network.requestWillBeSent", ({ requestId, request }) => {
    // The browser's own pictures, of its calendar for instance, come from no host.
    if (!request.url.startsWith("data:")) urls.set(requestId, request.url);
  });
  devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));

  await page.goto("/draws/garden");
  await hydrated(page);
  // Announced is not finished: every request of the page has to have ended before it is counted.
  await expect.poll(() => [...urls.keys()].filter((id) => !sizes.has(id))).toEqual([]);

  const rows = [...urls].map(([id, url]) => ({ url, bytes: sizes.get(id) ?? 0 }));
  const total = rows.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { url, bytes } of rows) console.log(`${String(bytes).padStart(8)}  ${url.replace(server.url, "")}`);
  console.log(`${String(total).padStart(8)}  in total, of at most ${MOST}`);

  expect(rows.map(({ url }) => url).filter((url) => !url.startsWith(`${server.url}/`))).toEqual([]);
  const paths = rows.map(({ url }) => new URL(url).pathname);
  for (const ending of ["/draws/garden", ".css", ".js", ".wasm"]) {
    expect(paths.filter((path) => path.endsWith(ending)), ending).not.toEqual([]);
  }
  expect(total).toBeLessThanOrEqual(MOST);
});
