//! Pages by keyset.

use sqlx::{Database, QueryBuilder};

use crate::store::listing::{PAGE_ROWS, Page, Position, Window};

/// Which way the database reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    /// For a window of a list that ascends or not: a page before a row is read backwards from it.
    pub(in crate::store) fn of<K>(window: &Window<K>, list_ascends: bool) -> Self {
        let backwards = matches!(window, Window::Before(_));
        if list_ascends == backwards { Self::Descending } else { Self::Ascending }
    }

    /// The comparison that holds for rows still to be read.
    pub(in crate::store) fn beyond(self) -> &'static str {
        match self {
            Self::Ascending => ">",
            Self::Descending => "<",
        }
    }
}

/// The row a window begins or ends at.
pub(in crate::store) fn boundary<K>(window: &Window<K>) -> Option<&Position<K>> {
    match window {
        Window::First => None,
        Window::After(position) | Window::Before(position) => Some(position),
    }
}

/// Adds the order and the limit: one row more than a page, which tells whether there is another.
pub(in crate::store) fn push_order<D: Database>(
    query: &mut QueryBuilder<D>,
    column: &str,
    id: &str,
    direction: Direction,
) {
    let way = match direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    };
    query.push(format_args!(" ORDER BY {column} {way}, {id} {way} LIMIT {}", PAGE_ROWS + 1));
}

/// Makes a page of rows in the order they were read, at most one more than a page holds.
pub(in crate::store) fn page<T, K: Clone>(mut rows: Vec<(T, Position<K>)>, window: &Window<K>) -> Page<T, K> {
    let there_is_more = rows.len() > PAGE_ROWS;
    rows.truncate(PAGE_ROWS);
    let backwards = matches!(window, Window::Before(_));
    if backwards {
        rows.reverse();
    }
    let (has_previous, has_next) = match window {
        Window::First => (false, there_is_more),
        Window::After(_) => (true, there_is_more),
        Window::Before(_) => (there_is_more, true),
    };
    let previous = rows.first().filter(|_| has_previous).map(|(_, position)| position.clone());
    let next = rows.last().filter(|_| has_next).map(|(_, position)| position.clone());
    Page { rows: rows.into_iter().map(|(row, _)| row).collect(), next, previous }
}

/// The texts that begin with a prefix, as a range by code point: from the first value up to, but not
/// including, the second; without a second one the range has no end.
pub(in crate::store) fn prefix_range(prefix: &str) -> (String, Option<String>) {
    // A sigma is written ς at the end of a word and σ inside one: a prefix that ends in ς is a whole word or
    // the beginning of a longer one. Found without its last letter, which finds a few more.
    let prefix = prefix.strip_suffix('ς').unwrap_or(prefix);
    let mut letters: Vec<char> = prefix.chars().collect();
    while let Some(last) = letters.pop() {
        // The range leaves out what is no character (surrogates).
        if let Some(after) = (last..=char::MAX).nth(1) {
            letters.push(after);
            return (prefix.to_owned(), Some(letters.into_iter().collect()));
        }
    }
    (prefix.to_owned(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_range_by_code_point() {
        let range = |prefix: &str| prefix_range(prefix);
        assert_eq!(range("ada"), ("ada".to_owned(), Some("adb".to_owned())));
        assert_eq!(range("%_"), ("%_".to_owned(), Some("%`".to_owned())));
        assert_eq!(range("x\u{D7FF}"), ("x\u{D7FF}".to_owned(), Some("x\u{E000}".to_owned())));
        assert_eq!(range("x\u{10FFFF}"), ("x\u{10FFFF}".to_owned(), Some("y".to_owned())));
        assert_eq!(range(""), (String::new(), None));
        assert_eq!(range("οδυς"), ("οδυ".to_owned(), Some("οδφ".to_owned())));
    }
}
