//! The registration page, rendered once and filled in for each visitor.
//!
//! While a draw is open, its page differs from visitor to visitor in four places only: the nonce of its scripts, the
//! page token and its end, and the server's time. So the page is rendered with marks in these places, cut at the marks,
//! and put together again for each visitor. A mark cannot be confused with anything else on the page: nobody can guess
//! it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use app::models::{Chrome, FormView};
use uuid::Uuid;

use crate::ambient::Ambient;
use crate::http::views;
use crate::state::App;
use crate::store::Draw;

/// Draws whose pages are kept: about 20 KB each.
const SHELLS_MAX: usize = 256;

/// What the page of an open draw depends on, beside the visitor. Days change at midnight in the draw's time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edition {
    version: i64,
    today: String,
}

/// A place on a page that differs from visitor to visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Nonce,
    Token,
    TokenExpiresAt,
    ServerTime,
}

/// What goes there.
#[derive(Debug)]
pub struct Visitor<'a> {
    /// The nonce of the answer's scripts.
    pub nonce: &'a str,
    /// A fresh page token.
    pub token: &'a str,
    /// Its end, in milliseconds since 1970.
    pub token_expires_at: i64,
    /// Now, in milliseconds since 1970.
    pub server_time: i64,
}

/// A page cut at its marks: the text before each, and the rest.
#[derive(Debug)]
struct Shell {
    edition: Edition,
    parts: Vec<(String, Slot)>,
    rest: String,
}

/// The pages of open draws.
#[derive(Debug, Default)]
pub struct Shells(Mutex<HashMap<Uuid, Arc<Shell>>>);

impl Shells {
    /// The page of a draw that is open and has room, with an empty form.
    pub fn page(&self, app: &App, draw: &Draw, visitor: &Visitor<'_>) -> String {
        let edition =
            Edition { version: draw.version, today: draw.dates(visitor.server_time).today.to_string() };
        if let Some(shell) = self.lock().get(&draw.id).filter(|shell| shell.edition == edition) {
            return Arc::clone(shell).fill(visitor);
        }
        let shell = Arc::new(Shell::render(app, draw, visitor.server_time, edition));
        let mut shells = self.lock();
        if shells.len() >= SHELLS_MAX {
            shells.clear();
        }
        shells.insert(draw.id, Arc::clone(&shell));
        drop(shells);
        shell.fill(visitor)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Arc<Shell>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands in a slot while the page is rendered.
struct Marks {
    nonce: String,
    token: String,
    token_expires_at: i64,
    server_time: i64,
}

impl Marks {
    fn new(ambient: &Ambient) -> Self {
        let text = || hex::encode(ambient.random::<16>());
        // Positive, with 19 digits: no instant has as many.
        let number = || 1_000_000_000_000_000_000 + (i64::from_be_bytes(ambient.random()) >> 2).abs();
        Self { nonce: text(), token: text(), token_expires_at: number(), server_time: number() }
    }

    /// Cuts a page at every mark.
    fn cut(&self, page: &str, edition: Edition) -> Shell {
        let marks = [
            (Slot::Nonce, self.nonce.clone()),
            (Slot::Token, self.token.clone()),
            (Slot::TokenExpiresAt, self.token_expires_at.to_string()),
            (Slot::ServerTime, self.server_time.to_string()),
        ];
        let mut found: Vec<(usize, Slot, usize)> = marks
            .iter()
            .flat_map(|(slot, mark)| page.match_indices(mark).map(|(at, _)| (at, *slot, mark.len())))
            .collect();
        found.sort_by_key(|(at, ..)| *at);
        let mut parts = Vec::with_capacity(found.len());
        let mut from = 0;
        for (at, slot, length) in found {
            parts.push((page[from..at].to_owned(), slot));
            from = at + length;
        }
        Shell { edition, parts, rest: page[from..].to_owned() }
    }
}

impl Shell {
    fn render(app: &App, draw: &Draw, now: i64, edition: Edition) -> Self {
        let marks = Marks::new(&app.ambient);
        let chrome = Chrome { nonce: marks.nonce.clone(), ..app.plain_chrome() };
        let form = FormView {
            token: marks.token.clone(),
            token_expires_at: marks.token_expires_at,
            server_time: marks.server_time,
            ..views::empty_form(draw, now)
        };
        let page = app::register_page(&chrome, &views::draw_view(draw, false, now), Some(form));
        marks.cut(&page, edition)
    }

    fn fill(&self, visitor: &Visitor<'_>) -> String {
        let known: usize = self.parts.iter().map(|(text, _)| text.len()).sum();
        let mut page = String::with_capacity(known + self.rest.len() + self.parts.len() * 64);
        for (text, slot) in &self.parts {
            page.push_str(text);
            match slot {
                Slot::Nonce => page.push_str(visitor.nonce),
                Slot::Token => page.push_str(visitor.token),
                Slot::TokenExpiresAt => page.push_str(&visitor.token_expires_at.to_string()),
                Slot::ServerTime => page.push_str(&visitor.server_time.to_string()),
            }
        }
        page.push_str(&self.rest);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_at_every_mark_and_filled_in_again() {
        let marks = Marks::new(&Ambient::system());
        let Marks { nonce, token, token_expires_at, server_time } = &marks;
        let page = format!(
            "<script nonce={nonce}></script><input value={token}>{{\"token\":\"{token}\",\"now\":{server_time},\"end\":{token_expires_at}}}"
        );
        let edition = Edition { version: 1, today: "2026-06-01".to_owned() };
        let visitor = Visitor { nonce: "n+/", token: "tok_-", token_expires_at: 12, server_time: 7 };
        let filled = marks.cut(&page, edition.clone()).fill(&visitor);
        assert_eq!(
            filled,
            "<script nonce=n+/></script><input value=tok_->{\"token\":\"tok_-\",\"now\":7,\"end\":12}"
        );
        assert_eq!(marks.cut("none", edition).fill(&visitor), "none");
    }
}
