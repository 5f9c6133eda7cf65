//! One lane a draw: so many writers at once and no more, so that a draw which stands still (its row is locked, its
//! database shard hangs) never holds all of them.
//!
//! A second writer begins beside the first only when enough waits for it: a batch costs nearly the same for one entry
//! as for some, so what comes while another batch commits waits for that and goes together. Where the first does not
//! get on, the others do not wait for it for longer than a moment.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

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
    /// Somebody in some lane got on.
    moved: Notify,
}

/// What becomes of a batch that comes to a lane.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entered<T> {
    /// It is written now, by who brought it.
    Write(Vec<T>),
    /// It is left to those who are writing.
    Parked,
    /// It is left to those who are writing, and who brought it sees to it that they get on: see [`Lanes::watch`].
    Watched,
}

#[derive(Debug)]
struct Lane<T> {
    writing: usize,
    /// When somebody last began to write.
    moved_at: Instant,
    parked: Vec<T>,
    /// Somebody sees to it that what is parked does not wait for one who does not get on.
    is_watched: bool,
}

impl<K: Copy + Eq + Hash, T> Lanes<K, T> {
    pub(super) fn new(at_once: usize) -> Self {
        Self { at_once, lanes: Mutex::default(), moved: Notify::new() }
    }

    /// Whether a batch is written now, with what is parked, at most so much, or left to those who are writing.
    pub(super) fn enter(&self, key: K, batch: Vec<T>, at_most: usize) -> Entered<T> {
        let mut lanes = self.lock();
        let lane = lanes.entry(key).or_insert_with(|| Lane {
            writing: 0,
            moved_at: Instant::now(),
            parked: Vec::new(),
            is_watched: false,
        });
        let is_full = lane.writing >= self.at_once;
        lane.parked.extend(batch);
        let is_little = lane.parked.len() < BESIDE && lane.moved_at.elapsed() < PATIENCE;
        if is_full || (lane.writing > 0 && is_little) {
            let watches = !is_full && !std::mem::replace(&mut lane.is_watched, true);
            return if watches { Entered::Watched } else { Entered::Parked };
        }
        lane.writing += 1;
        self.moved.notify_waiters();
        Entered::Write(lane.take(at_most))
    }

    /// Waits until nothing is parked in a lane any more; the batch to write beside those who are writing, at most so
    /// large, once they have not got on for a moment.
    pub(super) async fn watch(&self, key: K, at_most: usize) -> Option<Vec<T>> {
        loop {
            let mut moved = pin!(self.moved.notified());
            // From here on no movement is missed, whatever the look below sees.
            moved.as_mut().enable();
            let rest = {
                let mut lanes = self.lock();
                let lane = lanes.get_mut(&key)?;
                let stood_still = lane.moved_at.elapsed();
                if lane.parked.is_empty() || lane.writing >= self.at_once {
                    lane.is_watched = false;
                    return None;
                }
                if stood_still >= PATIENCE {
                    lane.is_watched = false;
                    lane.writing += 1;
                    return Some(lane.take(at_most));
                }
                PATIENCE - stood_still
            };
            // Either is a reason to look again: another lane may be what moved.
            let _ = tokio::time::timeout(rest, moved).await;
        }
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
            self.moved.notify_waiters();
            return Some(lane.take(at_most));
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

impl<T> Lane<T> {
    /// What is parked, at most so much of it, for somebody who gets on with it.
    fn take(&mut self, at_most: usize) -> Vec<T> {
        self.moved_at = Instant::now();
        let rest = self.parked.split_off(at_most.min(self.parked.len()));
        std::mem::replace(&mut self.parked, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(from: usize) -> Vec<usize> {
        (from..from + BESIDE).collect()
    }

    #[test]
    fn what_comes_while_a_lane_is_full_waits_for_those_who_write() {
        let lanes = Lanes::new(2);
        assert_eq!(lanes.enter('a', vec![1], 512), Entered::Write(vec![1]));
        assert_eq!(lanes.enter('a', many(100), 512), Entered::Write(many(100)));
        assert!(lanes.stands_still_for('a') > Duration::ZERO, "nobody got on since");
        assert_eq!(lanes.enter('a', vec![3, 4, 5], 512), Entered::Parked);
        assert_eq!(lanes.enter('b', vec![6], 512), Entered::Write(vec![6]), "another lane is free");
        assert_eq!(lanes.stands_still_for('b'), Duration::ZERO, "there is room in it");
        assert_eq!(lanes.next('a', 2), Some(vec![3, 4]));
        assert_eq!(lanes.next('a', 2), Some(vec![5]));
        assert_eq!(lanes.next('a', 2), None);
        assert_eq!(lanes.next('a', 2), None);
        assert_eq!(lanes.next('b', 2), None);
        assert!(lanes.lock().is_empty(), "nothing stays behind");
        assert_eq!(lanes.enter('a', vec![7], 512), Entered::Write(vec![7]));
    }

    #[tokio::test]
    async fn few_wait_for_one_who_writes_and_many_do_not() {
        let lanes = Lanes::new(3);
        assert_eq!(lanes.enter('a', vec![1], 512), Entered::Write(vec![1]));
        assert_eq!(lanes.enter('a', vec![2], 512), Entered::Watched);
        assert_eq!(lanes.enter('a', vec![3], 512), Entered::Parked, "one watches");
        let Entered::Write(together) = lanes.enter('a', many(100), 512) else { panic!("enough for another") };
        assert_eq!(together.len(), BESIDE + 2, "with those who waited");
        assert_eq!(lanes.enter('a', vec![4], 512), Entered::Parked);
        assert_eq!(lanes.next('a', 9), Some(vec![4]));
        assert_eq!(lanes.watch('a', 9).await, None, "nobody waits");
    }

    #[tokio::test]
    async fn what_moves_in_another_lane_ends_no_watch() {
        let lanes = Lanes::new(3);
        for (key, entry) in [('a', 1), ('b', 11)] {
            assert_eq!(lanes.enter(key, vec![entry], 512), Entered::Write(vec![entry]));
        }
        assert_eq!(lanes.enter('a', vec![2], 512), Entered::Watched);
        assert_eq!(lanes.enter('b', vec![12], 512), Entered::Watched);
        let mut watch = pin!(lanes.watch('a', 9));
        assert!(futures_util::poll!(&mut watch).is_pending());
        assert_eq!(lanes.next('b', 9), Some(vec![12]));
        assert_eq!(watch.await, Some(vec![2]), "who waits in this lane is seen to");
    }

    #[tokio::test]
    async fn nobody_waits_long_for_one_who_does_not_get_on() {
        let lanes = Lanes::new(3);
        assert_eq!(lanes.enter('a', vec![1], 512), Entered::Write(vec![1]));
        assert_eq!(lanes.enter('a', vec![2, 3], 512), Entered::Watched);
        assert_eq!(lanes.watch('a', 1).await, Some(vec![2]));
        assert_eq!(lanes.next('a', 9), Some(vec![3]));
        std::thread::sleep(PATIENCE);
        assert_eq!(lanes.enter('a', vec![4], 512), Entered::Write(vec![4]), "nobody got on since");
    }
}
