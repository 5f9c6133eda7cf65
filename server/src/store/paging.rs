//! Pages by keyset.

use std::time::{Duration, Instant};

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

/// Rows that are read for a page: one more than it holds, which tells whether there is another.
pub(in crate::store) const ROWS_READ: u32 = PAGE_ROWS as u32 + 1;

/// Adds the order and the limit.
pub(in crate::store) fn push_order<D: Database>(
    query: &mut QueryBuilder<D>,
    column: &str,
    id: &str,
    direction: Direction,
    at_most: u32,
) {
    let way = match direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    };
    query.push(format_args!(" ORDER BY {column} {way}, {id} {way} LIMIT {at_most}"));
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
    Page { rows: rows.into_iter().map(|(row, _)| row).collect(), next, previous, is_cut: false }
}

/// Rows that are looked at first when few may fit. By name they lie anywhere, and each may be a page of the disk.
const FIRST_STEP: u32 = 250;
/// Steps up to this one are looked at whatever they take: a list of less than 1,750 rows is never cut, however busy the
/// machine is.
const STEP_ALWAYS: u32 = 1000;
/// How long may be looked for the rows of one page, so that organisers leave the database to those who register. A last
/// step that meets a cold cache takes longer than was thought: this leaves room up to 50 ms.
const LOOKING: Duration = Duration::from_millis(20);

/// Looks for the rows of a page among others that do not fit and that no index tells apart: in steps, of which each is
/// twice as long as the one before, until the page is full, the list is over, or the next step would take too long.
/// Then the page ends where it was looked last, and the next one goes on there. A step is a bounded piece of a list in
/// its order, and all steps of a page have to see one snapshot.
pub(in crate::store) struct Looking<T, K> {
    window: Window<K>,
    /// What is looked at next.
    at: Window<K>,
    found: Vec<(T, Position<K>)>,
    direction: Direction,
    step: u32,
    until: Instant,
    began: Instant,
    is_over: bool,
}

impl<T, K: Clone> Looking<T, K> {
    /// For the page of a window of a list that ascends or not.
    pub(in crate::store) fn begin(window: &Window<K>, list_ascends: bool) -> Self {
        Self::for_so_long(window, list_ascends, LOOKING)
    }

    fn for_so_long(window: &Window<K>, list_ascends: bool, time: Duration) -> Self {
        let began = Instant::now();
        Self {
            direction: Direction::of(window, list_ascends),
            window: window.clone(),
            at: window.clone(),
            found: Vec::new(),
            step: FIRST_STEP,
            until: began + time,
            began,
            is_over: false,
        }
    }

    /// Where the next step begins, and how many rows of any kind it looks at.
    pub(in crate::store) fn step(&self) -> (&Window<K>, u32) {
        (&self.at, self.step)
    }

    /// Whether so many rows that fit make the page full: then nobody asks where their step ended.
    pub(in crate::store) fn is_full_with(&self, more: usize) -> bool {
        self.found.len() + more > PAGE_ROWS
    }

    /// Adds the rows of a step that fit and where it ended, which is nowhere for the last step of a list; whether there
    /// has to be another.
    pub(in crate::store) fn add(&mut self, rows: Vec<(T, Position<K>)>, end: Option<Position<K>>) -> bool {
        let is_full = self.is_full_with(rows.len());
        self.found.extend(rows);
        let Some(end) = end.filter(|_| !is_full) else {
            self.is_over = true;
            return false;
        };
        self.at = match self.at {
            Window::First | Window::After(_) => Window::After(end),
            Window::Before(_) => Window::Before(end),
        };
        let now = Instant::now();
        let twice_as_long = (now - self.began) * 2;
        (self.began, self.step) = (now, self.step.saturating_mul(2));
        self.step <= STEP_ALWAYS || now + twice_as_long <= self.until
    }

    /// The page.
    pub(in crate::store) fn page(self) -> Page<T, K> {
        if self.is_over && (!self.found.is_empty() || matches!(self.window, Window::First)) {
            return page(self.found, &self.window);
        }
        // It was looked up to here, and nothing between the last row and this fits: the next page goes on from here. Where
        // nothing was found at all, the page before ends here as well.
        let end = match (boundary(&self.at), self.step) {
            (Some(start), FIRST_STEP) => Some(just_before(start, self.direction)),
            (end, _) => end.cloned(),
        };
        let first = self.found.first().map(|(_, position)| position.clone()).or_else(|| end.clone());
        let beyond = if self.is_over { None } else { end };
        let mut rows: Vec<T> = self.found.into_iter().map(|(row, _)| row).collect();
        let (next, previous) = match self.window {
            Window::First => (beyond, None),
            Window::After(_) => (beyond, first),
            Window::Before(_) => {
                rows.reverse();
                (first, beyond)
            }
        };
        Page { rows, next, previous, is_cut: !self.is_over }
    }
}

/// A position with nothing between it and a row, on the side that is read first.
fn just_before<K: Clone>(row: &Position<K>, direction: Direction) -> Position<K> {
    let id = match direction {
        Direction::Ascending => row.id.as_u128().saturating_add(1),
        Direction::Descending => row.id.as_u128().saturating_sub(1),
    };
    Position { key: row.key.clone(), id: uuid::Uuid::from_u128(id) }
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

    /// The id of every number.
    const ID: u128 = 5;

    fn position(key: i64) -> Position<i64> {
        Position { key, id: uuid::Uuid::from_u128(ID) }
    }

    /// A page of those of the numbers below 20,000 that `fit`, looked for for so long.
    fn looked(window: &Window<i64>, fit: fn(i64) -> bool, time: Duration) -> Page<i64, i64> {
        let mut looking = Looking::for_so_long(window, true, time);
        loop {
            let (at, step) = looking.step();
            let all: Vec<i64> = match at {
                Window::First => (0..20_000).collect(),
                Window::After(Position { key, id }) => {
                    (key + i64::from(id.as_u128() >= ID)..20_000).collect()
                }
                Window::Before(Position { key, id }) => {
                    (0..key + i64::from(id.as_u128() > ID)).rev().collect()
                }
            };
            let step = usize::try_from(step).expect("a small number");
            let rows = all.iter().take(step).filter(|number| fit(**number)).take(PAGE_ROWS + 1);
            let rows: Vec<_> = rows.map(|number| (*number, position(*number))).collect();
            let end = all.get(step - 1).map(|number| position(*number));
            if !looking.add(rows, end) {
                return looking.page();
            }
        }
    }

    #[test]
    fn whoever_turns_pages_sees_every_row_that_fits_once_however_short_they_were_looked_for() {
        let fits: [fn(i64) -> bool; 4] =
            [|number| number % 3 == 0, |number| number % 1000 == 7, |number| number > 19_990, |_| false];
        for fit in fits {
            let wanted: Vec<i64> = (0..20_000).filter(|number| fit(*number)).collect();
            for time in [Duration::ZERO, Duration::from_secs(60)] {
                let mut seen = Vec::new();
                let mut page = looked(&Window::First, fit, time);
                assert_eq!(page.previous, None);
                while let Some(next) = page.next {
                    seen.extend(page.rows);
                    page = looked(&Window::After(next), fit, time);
                }
                seen.extend(page.rows.iter().copied());
                assert_eq!(seen, wanted);
                let mut back = page.rows;
                while let Some(previous) = page.previous {
                    page = looked(&Window::Before(previous), fit, time);
                    back.splice(0..0, page.rows.iter().copied());
                }
                assert_eq!(back, wanted);
            }
        }
    }

    #[test]
    fn a_page_that_was_cut_says_so() {
        let cut = looked(&Window::First, |_| false, Duration::ZERO);
        assert_eq!((cut.is_cut, cut.next), (true, Some(position(1749))));
        let whole = looked(&Window::First, |_| false, Duration::from_secs(60));
        assert_eq!((whole.is_cut, whole.next), (false, None));
        let full = looked(&Window::First, |_| true, Duration::ZERO);
        assert_eq!((full.is_cut, full.rows.len()), (false, PAGE_ROWS));
    }

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
