//! Entries that stand by: they go along with a batch that leaves for the sake of others, and make none leave.
//!
//! A press that is said to be the first of its attempt asks what other servers know while it waits for its batch: nobody
//! can know anything of it, so the constraint seldom has to decide between two. Asked for one after the other, the look
//! and the batch would be two waits, in which a third of a crowd would stand before the queue instead of in it, and
//! batches would be smaller by as much. Where no batch leaves, the look comes first, as for everybody else: a lie costs its
//! person a turn, and a batch that leaves at that very moment one loser.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names one that stands by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// Who stands by, by what they wait for.
#[derive(Debug)]
pub(super) struct Standby<K, T>(Mutex<Waiting<K, T>>);

#[derive(Debug)]
struct Waiting<K, T> {
    next: u64,
    /// Each in order of arrival.
    lines: HashMap<K, VecDeque<(Ticket, T)>>,
}

impl<K, T> Default for Standby<K, T> {
    fn default() -> Self {
        Self(Mutex::new(Waiting { next: 0, lines: HashMap::new() }))
    }
}

impl<K: Copy + Eq + Hash, T> Standby<K, T> {
    /// Stands by, last in line.
    pub fn enter(&self, key: K, one: T) -> Ticket {
        let mut waiting = self.lock();
        let ticket = Ticket(waiting.next);
        waiting.next += 1;
        waiting.lines.entry(key).or_default().push_back((ticket, one));
        ticket
    }

    /// Whoever holds the ticket, unless they have gone along already.
    pub fn leave(&self, key: K, ticket: Ticket) -> Option<T> {
        let mut waiting = self.lock();
        let line = waiting.lines.get_mut(&key)?;
        // Tickets rise along the line.
        let at = line.binary_search_by_key(&ticket.0, |(ticket, _)| ticket.0).ok()?;
        let (_, one) = line.remove(at)?;
        if line.is_empty() {
            waiting.lines.remove(&key);
        }
        Some(one)
    }

    /// Those who go along now, at most so many, first come first.
    pub fn take(&self, key: K, at_most: usize) -> Vec<T> {
        let mut waiting = self.lock();
        let Some(line) = waiting.lines.get_mut(&key) else { return Vec::new() };
        let gone = line.drain(..at_most.min(line.len())).map(|(_, one)| one).collect();
        if line.is_empty() {
            waiting.lines.remove(&key);
        }
        gone
    }

    #[cfg(test)]
    pub fn has_line(&self, key: K) -> bool {
        self.lock().lines.contains_key(&key)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<K, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_stands_by_goes_along_once_or_leaves() {
        let standby = Standby::default();
        let tickets: Vec<Ticket> = (0..5).map(|one| standby.enter('a', one)).collect();
        let other = standby.enter('b', 9);
        assert_eq!(standby.leave('a', tickets[1]), Some(1));
        assert_eq!(standby.leave('a', tickets[1]), None, "left before");
        assert_eq!(standby.leave('b', tickets[2]), None, "stands in another line");
        assert_eq!(standby.take('a', 2), [0, 2], "first come first");
        assert_eq!(standby.leave('a', tickets[2]), None, "went along");
        assert_eq!(standby.take('a', 9), [3, 4]);
        assert_eq!(standby.take('a', 9), Vec::<i32>::new());
        assert_eq!(standby.leave('b', other), Some(9));
        assert!(!standby.has_line('a') && !standby.has_line('b'), "nothing stays behind");
    }
}
