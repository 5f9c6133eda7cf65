// Starts the islands of a page. Loaded as a module, with the addresses of its parts on its own tag.
// `data-hydrated` on <html> tells the stylesheet and the tests how it went.
const root = document.documentElement;
const { js, wasm } = document.querySelector("script[data-wasm]").dataset;
try {
  const app = await import(js);
  await app.default({ module_or_path: wasm });
  app.hydrate();
  for (const island of document.querySelectorAll("leptos-island[data-component]")) {
    app[island.dataset.component](island);
  }
  root.dataset.hydrated = "true";
} catch (error) {
  // The pages work without their islands: forms are sent as plain forms.
  root.dataset.hydrated = "failed";
  console.error(error);
}
