//! What a list's address asks for, and the addresses of the pages around.
//!
//! A position in a list travels as its sort key and an id. Whoever edits it by hand gets another page of the
//! same list, nothing else.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use uuid::Uuid;

use crate::store::listing::{Order, Position, SortKey, Window};

/// Characters of a search text: the longest thing to search for is an email address.
const SEARCH_CHARS: usize = 254;

/// The query of a list's address. What cannot be read counts as not given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// What is searched for.
    pub q: String,
    /// What entries are worth.
    pub state: String,
    /// Category's id.
    pub category: String,
    /// Session's id.
    pub session: String,
    /// Order.
    pub sort: String,
    /// The row before the page.
    pub after: String,
    /// The row after the page.
    pub before: String,
}

impl Asked {
    /// Reads the query of an address.
    pub fn read(query: Option<String>) -> Self {
        let mut asked: Self = serde_urlencoded::from_str(&query.unwrap_or_default()).unwrap_or_default();
        if let Some((end, _)) = asked.q.char_indices().nth(SEARCH_CHARS) {
            asked.q.truncate(end);
        }
        asked
    }

    /// The order asked for.
    pub fn order(&self) -> Order {
        match &*self.sort {
            "oldest" => Order::Oldest,
            "name" => Order::Name,
            _ => Order::Newest,
        }
    }

    /// Which page is asked for.
    pub fn window<K>(&self, read: impl Fn(&str) -> Option<Position<K>>) -> Window<K> {
        match (read(&self.after), read(&self.before)) {
            (Some(position), _) => Window::After(position),
            (None, Some(position)) => Window::Before(position),
            (None, None) => Window::First,
        }
    }

    /// The address of another page of the same list: `way` is `after` or `before`.
    pub fn href(&self, path: &str, way: &str, position: &str) -> String {
        let pairs = [
            ("q", &*self.q),
            ("state", &self.state),
            ("category", &self.category),
            ("session", &self.session),
            ("sort", &self.sort),
            (way, position),
        ];
        let given: Vec<_> = pairs.into_iter().filter(|(_, text)| !text.is_empty()).collect();
        format!("{path}?{}", serde_urlencoded::to_string(given).unwrap_or_default())
    }
}

/// An order's name in addresses.
pub fn order_name(order: Order) -> &'static str {
    match order {
        Order::Newest => "newest",
        Order::Oldest => "oldest",
        Order::Name => "name",
    }
}

/// A position in a list by time.
pub fn by_time(position: &Position<i64>) -> String {
    format!("{}.{}", position.key, position.id.simple())
}

/// Reads a position in a list by time.
pub fn read_by_time(text: &str) -> Option<Position<i64>> {
    let (key, id) = text.split_once('.')?;
    Some(Position { key: key.parse().ok()?, id: Uuid::try_parse(id).ok()? })
}

/// A position in a list of entries.
pub fn by_key(position: &Position<SortKey>) -> String {
    match &position.key {
        SortKey::Time(at) => by_time(&Position { key: *at, id: position.id }),
        SortKey::Name(name) => format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(name), position.id.simple()),
    }
}

/// Reads a position in a list of entries of that order.
pub fn read_by_key(text: &str, order: Order) -> Option<Position<SortKey>> {
    if order != Order::Name {
        let Position { key, id } = read_by_time(text)?;
        return Some(Position { key: SortKey::Time(key), id });
    }
    let (name, id) = text.split_once('.')?;
    let name = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(name).ok()?).ok()?;
    Some(Position { key: SortKey::Name(name), id: Uuid::try_parse(id).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_as_it_is_written() {
        let id = Uuid::from_u128(7);
        for (key, order) in [
            (SortKey::Time(1_780_000_000_000), Order::Newest),
            (SortKey::Time(-5), Order::Oldest),
            (SortKey::Name("zoë & söhne".to_owned()), Order::Name),
            (SortKey::Name(String::new()), Order::Name),
        ] {
            let position = Position { key, id };
            assert_eq!(read_by_key(&by_key(&position), order), Some(position));
        }
        for wrong in ["", ".", "x.y", "1780000000000", "1.7", "%.00000000000000000000000000000007"] {
            assert_eq!(read_by_key(wrong, Order::Newest), None, "{wrong:?}");
            assert_eq!(read_by_key(wrong, Order::Name), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_address_repeats_what_was_asked_for_and_only_that() {
        let asked = Asked::read(Some("q=a%26b%3Dc&state=withdrawn&after=1.2&unknown=x".to_owned()));
        assert_eq!(asked.href("/x", "before", "9.9"), "/x?q=a%26b%3Dc&state=withdrawn&before=9.9");
        assert_eq!(Asked::read(Some("q=a&q=b".to_owned())).q, "", "twice is unreadable");
        assert_eq!(Asked::read(Some(format!("q={}", "%C3%A9".repeat(300)))).q.chars().count(), 254);
    }
}
