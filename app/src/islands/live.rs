//! Counts on the organisers' overview, kept up to date.
//!
//! The server makes every text; the browser only puts it in its place: the element whose `data-live` is the
//! text's name. Nobody looks at a hidden page, so a hidden page does not ask.

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Response, window};

use crate::islands::browser;
use crate::islands::json::Json;

/// Milliseconds between two looks.
const INTERVAL_MS: u32 = 5000;

/// When the page's counts were read: "12:04:31 UTC"; context for [`Live`] on the server.
#[derive(Clone, Debug, Default)]
pub struct LiveClock(pub String);

/// How keeping up goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    Well,
    /// No answer, or not the expected one: it is asked again.
    Badly,
    /// Nobody is signed in any more.
    SignedOut,
}

/// Says how fresh the counts are, and keeps them fresh where scripts run.
#[island]
pub fn Live() -> impl IntoView {
    let read_at = RwSignal::new(clock());
    let going = RwSignal::new(Going::Well);
    if cfg!(not(feature = "ssr")) {
        browser::after(INTERVAL_MS, move || look(read_at, going));
    }
    // Announced only when it changes for the worse or the better, not every five seconds.
    let news = move || match going.get() {
        Going::Well => "",
        Going::Badly => "No answer from the server. Trying again.",
        Going::SignedOut => "You have been signed out.",
    };
    view! {
        <p class="live">
            <span>"Counts of " <span id="live-clock">{move || read_at.get()}</span></span>
            <a href="/admin" id="live-reload">"Reload"</a>
            <span role="status" id="live-status">{news}</span>
        </p>
    }
}

/// When the counts were read: given by the page on the server, found in the page in the browser.
fn clock() -> String {
    if cfg!(feature = "ssr") {
        return use_context::<LiveClock>().unwrap_or_default().0;
    }
    let clock = document().get_element_by_id("live-clock");
    clock.and_then(|clock| clock.text_content()).unwrap_or_default()
}

fn look(read_at: RwSignal<String>, going: RwSignal<Going>) {
    spawn_local(async move {
        if !document().hidden() {
            let now = match ask().await {
                Some((200, counts)) => {
                    place(&counts);
                    read_at.set(counts.text("read_at"));
                    Going::Well
                }
                Some((401, _)) => Going::SignedOut,
                _ => Going::Badly,
            };
            going.set(now);
            if now == Going::SignedOut {
                return;
            }
        }
        browser::after(INTERVAL_MS, move || look(read_at, going));
    });
}

async fn ask() -> Option<(u16, Json)> {
    let response = JsFuture::from(window()?.fetch_with_str("/admin/live.json")).await.ok()?;
    let response: Response = response.unchecked_into();
    let text = JsFuture::from(response.text().ok()?).await.ok()?;
    Some((response.status(), Json::parse(&text.as_string()?)))
}

fn place(counts: &Json) {
    for text in counts.list("texts") {
        let selector = ["[data-live=\"", &text.text("name"), "\"]"].concat();
        let Ok(Some(element)) = document().query_selector(&selector) else {
            continue;
        };
        let text = text.text("text");
        if element.has_attribute("value") {
            let _ = element.set_attribute("value", &text);
        } else if element.text_content().as_deref() != Some(&*text) {
            element.set_text_content(Some(&text));
        }
    }
}
