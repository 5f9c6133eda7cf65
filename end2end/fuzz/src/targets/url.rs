//! What stands in an address: a receipt's code, a list's query, where signing in leads.

use server::http::admin::guard::{HOME, local};
use server::http::admin::query::{Asked, by_key, read_by_key};
use server::receipt;
use server::store::listing::{Order, Window};

use crate::input::Input;

/// A code carries a bucket or is none; a query leads to pages of the same list; signing in leads to a page of ours.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mode = input.byte() % 4;
    let Some(text) = input.text() else { return };
    match mode {
        0 => code(text),
        1 => query(text),
        2 => position(text),
        _ => next(text),
    }
}

fn code(text: &str) {
    const ALPHABET: &str = "0123456789abcdefghjkmnpqrstvwxyz";
    let has_form = text.len() == 28 && text.chars().all(|c| ALPHABET.contains(c));
    let value = |at: usize| ALPHABET.find(text.chars().nth(at)?).and_then(|value| i32::try_from(value).ok());
    let wanted = has_form.then(|| value(0).zip(value(1)).map(|(high, low)| high * 32 + low)).flatten();
    assert_eq!(receipt::bucket_of(text), wanted);
    assert!(wanted.is_none_or(|bucket| (0..1024).contains(&bucket)));
}

fn query(text: &str) {
    let asked = Asked::read(Some(text.to_owned()));
    assert!(asked.q.chars().count() <= 254);
    let order = asked.order();
    let window = asked.window(|text| read_by_key(text, order));
    let (way, position) = match &window {
        Window::After(position) => ("after", by_key(position)),
        Window::Before(position) => ("before", by_key(position)),
        Window::First => ("after", String::new()),
    };
    let href = asked.href("/admin/draws/a/entries", way, &position);
    assert!(href.bytes().all(|byte| byte.is_ascii_graphic()), "{href}");
    let again = Asked::read(href.split_once('?').map(|(_, query)| query.to_owned()));
    let same = |asked: &Asked| {
        [&asked.q, &asked.state, &asked.category, &asked.session, &asked.sort].map(String::clone)
    };
    assert_eq!(same(&again), same(&asked), "{href} is the same list");
    assert_eq!(again.window(|text| read_by_key(text, order)), window, "{href} is the same page");
}

fn position(text: &str) {
    for order in [Order::Newest, Order::Oldest, Order::Name] {
        if let Some(position) = read_by_key(text, order) {
            assert_eq!(read_by_key(&by_key(&position), order), Some(position));
        }
    }
}

/// As a browser resolves it: it never leaves this site, nor the organisers' part of it.
fn next(text: &str) {
    let to = local(text);
    assert!(to == text || to == HOME);
    assert!(to.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b'\\'), "{to:?}");
    let path = to.split(['?', '#']).next().unwrap_or_default();
    let rest = path.strip_prefix(HOME).expect("one of the organisers' pages");
    assert!(rest.is_empty() || rest.starts_with('/'), "{to:?}");
    let is_step = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        matches!(plain.as_str(), "." | ".." | "")
    };
    assert!(rest.is_empty() || !rest[1..].split('/').rev().skip(1).any(is_step), "{to:?}");
    assert!(!matches!(rest.rsplit('/').next(), Some("." | "..")), "{to:?}");
}
