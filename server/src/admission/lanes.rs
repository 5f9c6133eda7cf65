//! One lane a draw: so many writers at once and no more, so that a draw which stands still (its row is locked, its
//! database shard hangs) never holds all of them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Who is writing what, and what waits for them.
#[derive(Debug)]
pub(super) struct Lanes<K, T> {
    at_once: usize,
    lanes: Mutex<HashMap<K, Lane<T>>>,
}

#[derive(Debug)]
struct Lane<T> {
    writing: usize,
    /// When somebody last began to write.
    moved_at: Instant,
    parked: Vec<T>,
}

impl<K: Copy + Eq + Hash, T> Lanes<K, T> {
    pub(super) fn new(at_once: usize) -> Self {
        Self { at_once, lanes: Mutex::default() }
    }

    /// Gives a batch back to whoever may write it now; `None` when it was parked for those who are writing.
    pub(super) fn enter(&self, key: K, batch: Vec<T>) -> Option<Vec<T>> {
        let mut lanes = self.lock();
        let lane = lanes.entry(key).or_insert_with(|| Lane {
            writing: 0,
            moved_at: Instant::now(),
            parked: Vec::new(),
        });
        if lane.writing >= self.at_once {
            lane.parked.extend(batch);
            return None;
        }
        lane.writing += 1;
        lane.moved_at = Instant::now();
        Some(batch)
    }

    /// How long a lane has been full without anybody in it getting on.
    pub(super) fn stands_still_for(&self, key: K) -> Duration {
        match self.lock().get(&key) {
            Some(lane) if lane.writing >= self.at_once => lane.moved_at.elapsed(),
            _ => Duration::ZERO,
        }
    }

    /// After writing: the next batch, at most so large, or the way out.
    pub(super) fn next(&self, key: K, at_most: usize) -> Option<Vec<T>> {
        let mut lanes = self.lock();
        let lane = lanes.get_mut(&key)?;
        if !lane.parked.is_empty() {
            lane.moved_at = Instant::now();
            let rest = lane.parked.split_off(at_most.min(lane.parked.len()));
            return Some(std::mem::replace(&mut lane.parked, rest));
        }
        lane.writing -= 1;
        if lane.writing == 0 {
            lanes.remove(&key);
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Lane<T>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_while_a_lane_is_full_waits_for_those_who_write() {
        let lanes = Lanes::new(2);
        assert_eq!(lanes.enter('a', vec![1]), Some(vec![1]));
        assert_eq!(lanes.enter('a', vec![2]), Some(vec![2]));
        assert!(lanes.stands_still_for('a') > Duration::ZERO, "nobody got on since");
        assert_eq!(lanes.enter('a', vec![3, 4, 5]), None);
        assert_eq!(lanes.enter('b', vec![6]), Some(vec![6]), "another lane is free");
        assert_eq!(lanes.stands_still_for('b'), Duration::ZERO, "there is room in it");
        assert_eq!(lanes.next('a', 2), Some(vec![3, 4]));
        assert_eq!(lanes.next('a', 2), Some(vec![5]));
        assert_eq!(lanes.next('a', 2), None);
        assert_eq!(lanes.next('a', 2), None);
        assert_eq!(lanes.next('b', 2), None);
        assert!(lanes.lock().is_empty(), "nothing stays behind");
        assert_eq!(lanes.enter('a', vec![7]), Some(vec![7]));
    }
}
