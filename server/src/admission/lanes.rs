//! One lane a draw: so many writers at once and no more, so that a draw which stands still (its row is locked, its
//! database shard hangs) never holds all of them.
//!
//! Who comes parks what they bring; whoever finds no writer in the lane calls one, who takes what is parked by then. A
//! second writer is called beside the first only when enough waits for it: a batch costs nearly the same for one entry
//! as for some, so what comes while another batch commits waits for that and goes together. Where the first does not
//! get on, the others do not wait for it for longer than a moment.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many entries are worth a transaction beside another: on two processors, with 64 people at a time, one batch after
/// the other takes a quarter more of them than two beside each other.
const BESIDE: usize = 128;
/// How long fewer of them wait for the other. A batch takes a few milliseconds where nothing is wrong.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);

/// Who is writing what, and what waits for them.
#[derive(Debug)]
pub(super) struct Lanes<K, T> {
    at_once: usize,
    lanes: Mutex<HashMap<K, Lane<T>>>,
}

#[derive(Debug)]
struct Lane<T> {
    /// Writers, those who are called included.
    writers: usize,
    /// Writers who are called and have not come yet.
    called: usize,
    /// When somebody last began to write, or was called.
    moved_at: Instant,
    parked: Vec<T>,
}

impl<K: Copy + Eq + Hash, T> Lanes<K, T> {
    pub(super) fn new(at_once: usize) -> Self {
        Self { at_once, lanes: Mutex::default() }
    }

    /// Parks what is to be written; whether a writer is to be called, who does [`Self::begin`].
    #[must_use]
    pub(super) fn enter(&self, key: K, one: T) -> bool {
        let mut lanes = self.lock();
        let lane = lanes.entry(key).or_insert_with(|| Lane {
            writers: 0,
            called: 0,
            moved_at: Instant::now(),
            parked: Vec::new(),
        });
        lane.parked.push(one);
        let is_little = lane.parked.len() < BESIDE && lane.moved_at.elapsed() < PATIENCE;
        let waits = lane.writers >= self.at_once || lane.called > 0 || (lane.writers > 0 && is_little);
        if !waits {
            lane.call();
        }
        !waits
    }

    /// Whether a writer is to be called because those who are in the lane have not got on for a moment.
    #[must_use]
    pub(super) fn needs_another(&self, key: K) -> bool {
        let mut lanes = self.lock();
        let Some(lane) = lanes.get_mut(&key) else { return false };
        let needs = !lane.parked.is_empty()
            && lane.writers < self.at_once
            && lane.called == 0
            && lane.moved_at.elapsed() >= PATIENCE;
        if needs {
            lane.call();
        }
        needs
    }

    /// How many lanes there are.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// How long a lane has been full without anybody in it getting on.
    pub(super) fn stands_still_for(&self, key: K) -> Duration {
        match self.lock().get(&key) {
            Some(lane) if lane.writers >= self.at_once => lane.moved_at.elapsed(),
            _ => Duration::ZERO,
        }
    }

    /// For a writer who was called: the first batch, at most so large, or the way out.
    pub(super) fn begin(&self, key: K, at_most: usize) -> Option<Vec<T>> {
        let mut lanes = self.lock();
        let lane = lanes.get_mut(&key)?;
        lane.called -= 1;
        Self::take(&mut lanes, key, at_most)
    }

    /// After writing: the next batch, at most so large, or the way out. What is to be written again goes first.
    pub(super) fn next(&self, key: K, again: Vec<T>, at_most: usize) -> Option<Vec<T>> {
        let mut lanes = self.lock();
        lanes.get_mut(&key)?.parked.splice(0..0, again);
        Self::take(&mut lanes, key, at_most)
    }

    /// After writing, where other lanes wait for a writer: whether one is to be called to this lane again, after them.
    #[must_use]
    pub(super) fn give_way(&self, key: K, again: Vec<T>) -> bool {
        let mut lanes = self.lock();
        let Some(lane) = lanes.get_mut(&key) else { return false };
        lane.parked.splice(0..0, again);
        lane.writers -= 1;
        let goes_on = !lane.parked.is_empty();
        if goes_on {
            lane.call();
        } else if lane.writers == 0 {
            lanes.remove(&key);
        }
        goes_on
    }

    /// When nobody can be called any more: what is parked is given up.
    pub(super) fn give_up(&self, key: K) {
        drop(self.lock().remove(&key));
    }

    fn take(lanes: &mut HashMap<K, Lane<T>>, key: K, at_most: usize) -> Option<Vec<T>> {
        let lane = lanes.get_mut(&key)?;
        if lane.parked.is_empty() {
            lane.writers -= 1;
            if lane.writers == 0 {
                lanes.remove(&key);
            }
            return None;
        }
        lane.moved_at = Instant::now();
        let rest = lane.parked.split_off(at_most.min(lane.parked.len()));
        Some(std::mem::replace(&mut lane.parked, rest))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Lane<T>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Lane<T> {
    fn call(&mut self) {
        self.writers += 1;
        self.called += 1;
        self.moved_at = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parks so many; whether any of them called a writer.
    fn enter(lanes: &Lanes<char, usize>, key: char, many: std::ops::Range<usize>) -> bool {
        many.map(|one| lanes.enter(key, one)).fold(false, |any, called| any | called)
    }

    #[test]
    fn what_comes_while_a_lane_is_full_waits_for_those_who_write() {
        let lanes = Lanes::new(2);
        assert!(lanes.enter('a', 1));
        assert!(!enter(&lanes, 'a', 2..2 + 2 * BESIDE), "somebody is coming already");
        assert_eq!(lanes.begin('a', 2), Some(vec![1, 2]));
        assert!(lanes.enter('a', 900), "enough waits for another");
        assert_eq!(lanes.begin('a', 512).map(|batch| batch.len()), Some(2 * BESIDE));
        assert!(!enter(&lanes, 'a', 0..2 * BESIDE), "both write");
        assert!(lanes.stands_still_for('a') > Duration::ZERO, "nobody got on since");
        assert!(lanes.enter('b', 6), "another lane is free");
        assert_eq!(lanes.stands_still_for('b'), Duration::ZERO, "there is room in it");
        assert_eq!(lanes.begin('b', 9), Some(vec![6]));
        assert_eq!(lanes.next('a', vec![7, 8], 3), Some(vec![7, 8, 0]), "what lost goes first");
        assert_eq!(lanes.next('a', vec![], 512).map(|batch| batch.len()), Some(2 * BESIDE - 1));
        assert_eq!(lanes.next('a', vec![], 2), None);
        assert_eq!(lanes.next('a', vec![9], 2), Some(vec![9]), "also where nobody else waits");
        assert_eq!(lanes.next('a', vec![], 2), None);
        assert_eq!(lanes.next('b', vec![], 2), None);
        assert!(lanes.lock().is_empty(), "nothing stays behind");
        assert!(lanes.enter('a', 7));
    }

    #[test]
    fn few_wait_for_one_who_writes() {
        let lanes = Lanes::new(3);
        assert!(lanes.enter('a', 1));
        assert_eq!(lanes.begin('a', 512), Some(vec![1]));
        assert!(!enter(&lanes, 'a', 2..BESIDE + 1));
        assert!(!lanes.needs_another('a'), "the one who writes began a moment ago");
        assert_eq!(lanes.next('a', vec![], 512).map(|batch| batch.len()), Some(BESIDE - 1));
    }

    #[test]
    fn who_was_called_finds_nothing_where_another_took_it() {
        let lanes = Lanes::new(2);
        assert!(lanes.enter('a', 1));
        assert_eq!(lanes.begin('a', 512), Some(vec![1]));
        assert!(enter(&lanes, 'a', 0..BESIDE), "one is called beside");
        assert_eq!(lanes.next('a', vec![], 512).map(|batch| batch.len()), Some(BESIDE));
        assert_eq!(lanes.begin('a', 512), None);
        assert_eq!(lanes.next('a', vec![], 512), None);
        assert!(lanes.lock().is_empty());
    }

    #[test]
    fn who_gives_way_to_another_lane_is_called_again_for_what_waits() {
        let lanes = Lanes::new(1);
        assert!(lanes.enter('a', 1));
        assert_eq!(lanes.begin('a', 512), Some(vec![1]));
        assert!(!lanes.enter('a', 2));
        assert!(lanes.enter('b', 3));
        assert_eq!(lanes.count(), 2);
        assert!(lanes.give_way('a', vec![1]));
        assert!(!lanes.enter('a', 4), "somebody comes again");
        assert_eq!(lanes.begin('b', 512), Some(vec![3]));
        assert!(!lanes.give_way('b', vec![]), "nothing waits there");
        assert_eq!(lanes.begin('a', 512), Some(vec![1, 2, 4]), "what lost goes first");
        assert!(!lanes.give_way('a', vec![]));
        assert!(lanes.lock().is_empty(), "nothing stays behind");
    }

    #[test]
    fn nobody_waits_long_for_one_who_does_not_get_on() {
        let lanes = Lanes::new(3);
        assert!(lanes.enter('a', 1));
        assert_eq!(lanes.begin('a', 512), Some(vec![1]));
        assert!(!lanes.enter('a', 2));
        std::thread::sleep(PATIENCE);
        assert!(lanes.needs_another('a'), "what waits needs another writer");
        assert!(!lanes.needs_another('a'), "one is on the way");
        assert_eq!(lanes.begin('a', 512), Some(vec![2]));
        assert!(!lanes.needs_another('a'), "nothing waits");
        std::thread::sleep(PATIENCE);
        assert!(lanes.enter('a', 3), "nobody got on since");
        assert!(!lanes.needs_another('a'), "the lane is full");
    }
}
