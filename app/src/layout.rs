//! What surrounds every page: the document, its head, the header with the navigation, the footer.

use leptos::prelude::*;

use crate::components::mark;
use crate::models::{Assets, Chrome, OrganiserView};

/// What a page tells its head beside the title.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// The page's own title; the product's name follows it.
    pub title: &'a str,
    /// Seconds after which a browser without JavaScript reloads the page.
    pub refresh_seconds: Option<u64>,
    /// Whether search engines should leave the page alone.
    pub private: bool,
    /// Whether the page needs what only organisers' pages do of the style: `style/admin.css`.
    pub is_admin: bool,
}

/// A whole document, from `<!DOCTYPE html>` on, with `content` as its main part. Where the content holds an
/// island, the document loads what starts it.
pub fn document<V: IntoView>(chrome: &Chrome, title: &str, content: impl FnOnce() -> V) -> String {
    let is_admin = chrome.organiser.is_some();
    document_with(chrome, Head { title, private: true, is_admin, ..Head::default() }, content)
}

/// Like [`document`], for pages with more to say in their head.
pub fn document_with<V: IntoView>(chrome: &Chrome, head: Head<'_>, content: impl FnOnce() -> V) -> String {
    // The owner holds the signals of the islands; dropping it at the end frees them.
    let owner = Owner::new();
    let html = owner.with(|| {
        let content = content().into_view().to_html();
        let scripts = content.contains("<leptos-island").then(|| scripts(chrome));
        shell(chrome, head, scripts, content).into_view().to_html()
    });
    drop(owner);
    format!("<!DOCTYPE html>{html}")
}

fn shell(chrome: &Chrome, head: Head<'_>, scripts: Option<impl IntoView>, content: String) -> impl IntoView {
    let Assets { css, admin_css, icon, .. } = chrome.assets.clone();
    let title = format!("{} · Drawbridge", head.title);
    let refresh = head.refresh_seconds.map(|seconds| {
        let tag = format!(r#"<meta http-equiv="refresh" content="{seconds}">"#);
        view! { <noscript inner_html=tag></noscript> }
    });
    let robots = head.private.then(|| view! { <meta name="robots" content="noindex"/> });
    view! {
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <title>{title}</title>
                {robots}
                <link rel="stylesheet" href=css/>
                {head.is_admin.then(|| view! { <link rel="stylesheet" href=admin_css/> })}
                <link rel="icon" type="image/svg+xml" href=icon/>
                {scripts}
                {refresh}
            </head>
            <body>
                <a class="skip" href="#main">"Skip to the content"</a>
                {header(chrome.organiser.as_ref())}
                <main id="main" class="page" tabindex="-1" inner_html=content></main>
                {footer()}
            </body>
        </html>
    }
}

/// What starts the islands. All parts are announced at once, so that none waits for another to be read.
fn scripts(chrome: &Chrome) -> impl IntoView + use<> {
    let Assets { js, wasm, boot, .. } = chrome.assets.clone();
    let nonce = chrome.nonce.clone();
    view! {
        <link rel="modulepreload" href=js.clone() nonce=nonce.clone()/>
        <link rel="preload" href=wasm.clone() r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
        <script type="module" nonce=nonce src=boot data-js=js data-wasm=wasm></script>
    }
}

fn header(organiser: Option<&OrganiserView>) -> impl IntoView + use<> {
    view! {
        <header class="masthead">
            <div class="masthead__inner">
                <a class="brand" href="/">{mark()}<span class="brand__name">"Drawbridge"</span></a>
                {match organiser {
                    Some(organiser) => organisers_navigation(organiser).into_any(),
                    None => view! {
                        <nav class="nav" aria-label="Main"><a href="/">"All draws"</a></nav>
                    }.into_any(),
                }}
            </div>
        </header>
    }
}

fn organisers_navigation(organiser: &OrganiserView) -> impl IntoView + use<> {
    view! {
        <nav class="nav" aria-label="Organiser">
            <a href="/admin">"Overview"</a>
            <a href="/admin/audit">"Audit"</a>
            <a href="/admin/password" title=organiser.email.clone()>
                "Account"<span class="visually-hidden">" of "{organiser.email.clone()}</span>
            </a>
            <form method="post" action="/admin/sign-out">
                <input type="hidden" name="csrf" value=organiser.csrf.clone()/>
                <button class="button button--quiet">"Sign out"</button>
            </form>
        </nav>
    }
}

fn footer() -> impl IntoView {
    view! {
        <footer class="footer">
            <p class="footer__inner">
                "Drawbridge takes registrations for draws: one entry a person, however often the button is pressed."
            </p>
        </footer>
    }
}
