//! The few things islands ask of the browser. Each works, if it can, and is silent otherwise: a page whose
//! island fails is still a page.

use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::{HtmlElement, window};

/// Runs the action once, after so many milliseconds.
pub fn after(ms: u32, action: impl FnOnce() + 'static) {
    set_timeout(Box::new(action), i32::try_from(ms).unwrap_or(i32::MAX));
}

/// One function for all actions. Leptos' own goes by way of `Duration`, whose 128 bits of milliseconds need a
/// division that nothing else does.
fn set_timeout(action: Box<dyn FnOnce()>, ms: i32) {
    let action = Closure::once_into_js(action);
    if let Some(window) = window() {
        let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(action.unchecked_ref(), ms);
    }
}

/// Milliseconds since the page was asked for, by a clock that nobody sets.
pub fn elapsed_ms() -> f64 {
    window().and_then(|window| window.performance()).map_or(0.0, |performance| performance.now())
}

/// Milliseconds, by the clock of [`elapsed_ms`], at which the server's answer began: the instant the page's
/// server time belongs to.
pub fn answered_ms() -> f64 {
    let timing = window().and_then(|window| window.performance()).map(|performance| performance.timing());
    timing.map_or(0.0, |timing| (timing.response_start() - timing.navigation_start()).max(0.0))
}

/// Whether the page was reached by Back or Forward.
pub fn came_by_history() -> bool {
    const BACK_FORWARD: u16 = 2;
    window()
        .and_then(|window| window.performance())
        .is_some_and(|performance| performance.navigation().type_() == BACK_FORWARD)
}

/// A number in `[0, 1)`.
pub fn random() -> f64 {
    js_sys::Math::random()
}

/// Whether the browser believes it has a network.
pub fn is_online() -> bool {
    window().is_none_or(|window| window.navigator().on_line())
}

/// Leaves for another address.
pub fn go_to(url: &str) {
    if let Some(window) = window() {
        let _ = window.location().assign(url);
    }
}

/// Loads the page anew.
pub fn reload() {
    if let Some(window) = window() {
        let _ = window.location().reload();
    }
}

/// Listens on the window, as long as the page lives.
pub fn listen(event: &str, handler: impl Fn() + 'static) {
    add_listener(event, Box::new(handler));
}

fn add_listener(event: &str, handler: Box<dyn Fn()>) {
    let handler = Closure::wrap(handler).into_js_value();
    if let Some(window) = window() {
        let _ = window.add_event_listener_with_callback(event, handler.unchecked_ref());
    }
}

/// Moves the focus to the element of that id, or to the first control inside where it is a group. Waits for
/// what is being rendered at the moment.
pub fn focus(id: &str) {
    let selector = ["#", id, ":not(fieldset), #", id, " input"].concat();
    after(0, move || {
        let document = window().and_then(|window| window.document());
        let found = document.and_then(|document| document.query_selector(&selector).ok().flatten());
        if let Some(element) = found {
            let _ = element.unchecked_into::<HtmlElement>().focus();
        }
    });
}
