//! The countdown to the opening, by the server's clock.

use leptos::prelude::*;

use crate::islands::browser;

/// Milliseconds over which a crowd that waited for the same instant is spread.
const SPREAD_MS: f64 = 1000.0;
/// Milliseconds before a page that is still not open asks again.
const AGAIN_MS: f64 = 2000.0;
/// Milliseconds by which the device's clock may run ahead of the page's before the device was asleep.
const SLEPT_MS: f64 = 5000.0;

/// What a countdown counts to; context for [`Countdown`] on the server.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountdownView {
    /// The server's clock when the page was made, milliseconds since 1970.
    pub server_time: i64,
    /// Opening instant, milliseconds since 1970.
    pub opens_at: i64,
}

/// Counts down to the opening and then loads the page anew, which has the form. The device's own clock does
/// not matter: time is the server's at load plus what has passed since.
#[island]
pub fn Countdown() -> impl IntoView {
    let to_go = to_go();
    let at_load = seconds_left(to_go);
    let left = RwSignal::new(at_load);
    if cfg!(not(feature = "ssr")) {
        // Milliseconds by the page's clock at which the draw opens.
        let opens = browser::answered_ms() + to_go as f64;
        let drift = js_sys::Date::now() - browser::elapsed_ms();
        let clock = Clock { opens, drift, is_late: at_load == 0 };
        browser::after(0, move || tick(clock, left));
    }
    let digits = move |part: fn(u32) -> u32| move || two_digits(part(left.get()));
    view! {
        <div class="countdown" id="countdown" data-to-go=to_go.to_string()>
            <div class="countdown__units" aria-hidden="true">
                <p><span>{digits(|s| s / 86_400)}</span>" days"</p>
                <p><span>{digits(|s| s / 3600 % 24)}</span>" hours"</p>
                <p><span>{digits(|s| s / 60 % 60)}</span>" minutes"</p>
                <p><span>{digits(|s| s % 60)}</span>" seconds"</p>
            </div>
            <p class="visually-hidden" role="status">{move || announcement(left.get()).to_owned()}</p>
        </div>
    }
}

/// Milliseconds from the making of the page to the opening: given by the page on the server, found in the
/// page in the browser.
fn to_go() -> i64 {
    if cfg!(feature = "ssr") {
        let CountdownView { server_time, opens_at } = use_context().unwrap_or_default();
        return opens_at - server_time;
    }
    let countdown = document().get_element_by_id("countdown");
    let text = countdown.and_then(|countdown| countdown.get_attribute("data-to-go"));
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[derive(Clone, Copy)]
struct Clock {
    /// When the draw opens, by the page's clock.
    opens: f64,
    /// The device's clock less the page's, at load.
    drift: f64,
    /// Whether the page was made after the opening and still is not open.
    is_late: bool,
}

fn tick(clock: Clock, left: RwSignal<u32>) {
    let now = browser::elapsed_ms();
    // Whole milliseconds: the remainder of fractions would bring a library function along.
    let remaining = (clock.opens - now).ceil() as i64;
    if js_sys::Date::now() - now - clock.drift > SLEPT_MS {
        // The page's clock stood still while the device slept: only the server knows what time it is.
        browser::reload();
        return;
    }
    let seconds = seconds_left(remaining);
    left.set(seconds);
    if remaining > 0 {
        // Wakes when the shown second changes.
        let wait = (remaining % 1000).max(20) as u32;
        browser::after(wait, move || tick(clock, left));
    } else {
        let spread = browser::random() * SPREAD_MS + if clock.is_late { AGAIN_MS } else { 0.0 };
        browser::after(spread as u32, browser::reload);
    }
}

/// Whole seconds, the begun one included.
fn seconds_left(ms: i64) -> u32 {
    u32::try_from(ms.max(0).saturating_add(999) / 1000).unwrap_or(u32::MAX)
}

/// What is said aloud: a countdown read out each second helps nobody.
fn announcement(seconds: u32) -> &'static str {
    match seconds {
        0 => "Opening. The form appears by itself.",
        1..=10 => "Opens in a few seconds.",
        11..=60 => "Opens within a minute.",
        61..=600 => "Opens within 10 minutes.",
        _ => "",
    }
}

fn two_digits(value: u32) -> String {
    let text = value.to_string();
    if value < 10 { ["0", &text].concat() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_begun_second_counts() {
        assert_eq!([seconds_left(1), seconds_left(1000), seconds_left(1001)], [1, 1, 2]);
        assert_eq!([seconds_left(0), seconds_left(-5), seconds_left(i64::MAX)], [0, 0, u32::MAX]);
    }

    #[test]
    fn two_digits_are_shown() {
        assert_eq!(
            [two_digits(0), two_digits(9), two_digits(10), two_digits(120)],
            ["00", "09", "10", "120"]
        );
    }
}
