//! Group commit: what arrives while a writer commits is parked, and written in one transaction after that.
//!
//! Nobody waits for company: an idle server writes at once, a busy one in batches as large as its commits are slow.
//! Writers own what they write: nobody cancels them, least of all a client that hangs up.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc, oneshot};
use uuid::Uuid;

use super::lanes::{Lanes, PATIENCE};
use super::protocol::{AfterTry, Round, after_lost_answer, after_round, recognise};
use super::standby::{Standby, Ticket};
use crate::reply::{Reply, answer_all, reply};
use crate::store::entries::{NewEntry, Written};
use crate::store::{Store, StoreResult};
use crate::telemetry;

/// Attempts that may wait in one server.
pub const QUEUE_MAX: usize = 4096;
/// Above this expected wait new attempts are refused at once.
const EXPECTED_WAIT_MAX: Duration = Duration::from_secs(2);
/// Entries of one transaction.
const BATCH_MAX: usize = 512;
/// How long a batch in doubt is written again and again, with the same ids, before nobody can say what became of
/// it. A request waits a little longer ([`super::keys::ANSWER_WITHIN`]).
const DEADLINE: Duration = Duration::from_secs(8);
/// Pause before a batch in doubt is written again; doubled each time, up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// How often an entry may lose to something that is not there in the end.
const AGAIN_MAX: u32 = 5;

/// What became of a submitted entry.
#[derive(Debug)]
pub enum Submitted {
    /// The store's word.
    Written(Written),
    /// Not queued: too much is waiting.
    Overloaded,
    /// The store has no word: the entry may be there or not.
    Unknown,
}

#[derive(Debug)]
struct Queued {
    draw: Uuid,
    entry: Box<NewEntry>,
    tries: u32,
    done: Reply<Submitted>,
}

/// The way to the writers.
#[derive(Clone, Debug)]
pub struct Batches {
    /// Draws that need a writer.
    calls: mpsc::UnboundedSender<Uuid>,
    pace: Arc<Pace>,
    lanes: Arc<Lanes<Uuid, Queued>>,
    standby: Arc<Standby<Uuid, Queued>>,
}

/// An entry that stands by; see [`Batches::stand_by`]. Dropped, it goes along no more.
#[derive(Debug)]
pub struct StandingBy<'a> {
    batches: &'a Batches,
    draw: Uuid,
    ticket: Ticket,
    fate: oneshot::Receiver<Submitted>,
}

/// How much waits, and how fast it goes.
#[derive(Debug)]
struct Pace {
    waiting: AtomicUsize,
    /// Moving average of a round, in nanoseconds. Rounds, not entries: a round costs about the same for one
    /// entry as for many, so what one entry took alone says nothing of a crowd.
    round: AtomicU64,
    /// What instants below are counted from.
    origin: Instant,
    /// When each writer's running round began, in nanoseconds since `origin`; 0 when it runs none.
    running_since: Vec<AtomicU64>,
}

impl Pace {
    fn new(writers: usize) -> Self {
        Self {
            waiting: AtomicUsize::new(0),
            round: AtomicU64::new(0),
            origin: Instant::now(),
            running_since: (0..writers.max(1)).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// How long a new attempt would wait, among so many draws that have something to write. Nobody waits in an idle server,
    /// however slow its last round was.
    fn expected_wait(&self, draws: usize) -> Duration {
        let waiting = self.waiting.load(Ordering::Relaxed);
        if waiting == 0 {
            return Duration::ZERO;
        }
        let writers = self.running_since.len();
        // Each draw is a batch of its own.
        let rounds = (waiting / (BATCH_MAX * writers) + 1).max(draws / writers);
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        let usual = Duration::from_nanos(self.round.load(Ordering::Relaxed)).saturating_mul(rounds);
        // A database that hangs is noticed while it hangs, and believed again as soon as it answers. One writer
        // that goes on is enough.
        let hanging = (0..self.running_since.len()).map(|writer| self.running_for(writer)).min();
        usual.max(hanging.unwrap_or_default())
    }

    fn running_for(&self, writer: usize) -> Duration {
        match self.running_since[writer].load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => self.origin.elapsed().saturating_sub(Duration::from_nanos(since)),
        }
    }

    fn begin_round(&self, writer: usize) {
        let since = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.running_since[writer].store(since.max(1), Ordering::Relaxed);
    }

    fn end_round(&self, writer: usize) {
        let took = self.running_for(writer);
        self.running_since[writer].store(0, Ordering::Relaxed);
        self.note_round(took);
    }

    /// Falls at once and rises slowly: one stall says little about the rounds to come.
    fn note_round(&self, took: Duration) {
        let sample = u64::try_from(took.min(EXPECTED_WAIT_MAX).as_nanos()).unwrap_or(u64::MAX / 8);
        let before = self.round.load(Ordering::Relaxed);
        let after = if sample < before { before.midpoint(sample) } else { before / 8 * 7 + sample / 8 };
        self.round.store(after, Ordering::Relaxed);
    }

    fn changed(&self) {
        #[expect(clippy::cast_precision_loss, reason = "at most a few thousand")]
        metrics::gauge!("drawbridge_queue_depth").set(self.waiting.load(Ordering::Relaxed) as f64);
    }
}

impl Batches {
    /// Starts as many writers over a store as are worth it. They end, with everything written, when the last
    /// [`Batches`] is dropped.
    pub fn start(store: Arc<dyn Store>) -> Self {
        let (calls, called) = mpsc::unbounded_channel();
        let called = Arc::new(Mutex::new(called));
        let writers = store.writers();
        let pace = Arc::new(Pace::new(writers));
        // One writer is left for other draws, whatever happens in one.
        let lanes = Arc::new(Lanes::new(writers.saturating_sub(1).max(1)));
        let standby = Arc::new(Standby::default());
        for number in 0..writers {
            let (store, pace, called) = (Arc::clone(&store), Arc::clone(&pace), Arc::clone(&called));
            let (lanes, standby, calls) = (Arc::clone(&lanes), Arc::clone(&standby), calls.downgrade());
            tokio::spawn(Writer { number, store, pace, called, calls, lanes, standby }.run());
        }
        Self { calls, pace, lanes, standby }
    }

    /// Whether a new attempt in a draw would have to wait too long.
    pub fn is_overloaded(&self, draw: Uuid) -> bool {
        self.pace.expected_wait(self.lanes.count()) > EXPECTED_WAIT_MAX
            || self.pace.waiting.load(Ordering::Relaxed) >= QUEUE_MAX
            || self.lanes.stands_still_for(draw) > EXPECTED_WAIT_MAX
    }

    /// Whether there are writers.
    pub fn is_alive(&self) -> bool {
        !self.calls.is_closed()
    }

    /// Queues an entry and waits for its fate.
    pub async fn submit(&self, draw: Uuid, entry: Box<NewEntry>) -> Submitted {
        let (done, fate) = reply();
        if !self.queue(Queued { draw, entry, tries: 0, done }) {
            return Submitted::Overloaded;
        }
        fate.await.unwrap_or(Submitted::Unknown)
    }

    /// Lets an entry go along with the next batch of its draw that leaves for the sake of others.
    pub fn stand_by(&self, draw: Uuid, entry: Box<NewEntry>) -> StandingBy<'_> {
        let (done, fate) = reply();
        let ticket = self.standby.enter(draw, Queued { draw, entry, tries: 0, done });
        StandingBy { batches: self, draw, ticket, fate }
    }

    /// Whether anybody stands by in a draw.
    #[cfg(test)]
    pub(super) fn is_stood_by_for(&self, draw: Uuid) -> bool {
        self.standby.has_line(draw)
    }

    /// Queues an entry, unless it would have to wait too long.
    fn queue(&self, queued: Queued) -> bool {
        if !self.is_alive() || self.is_overloaded(queued.draw) {
            return false;
        }
        if self.pace.waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE_MAX {
            self.pace.waiting.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let draw = queued.draw;
        if self.lanes.enter(draw, queued) && self.calls.send(draw).is_err() {
            // Only in a process that is going down: whoever waits learns that nobody knows.
            self.lanes.give_up(draw);
        }
        self.pace.changed();
        true
    }
}

impl StandingBy<'_> {
    /// The fate of the entry, once a batch took it along.
    pub async fn gone(&mut self) -> Submitted {
        (&mut self.fate).await.unwrap_or(Submitted::Unknown)
    }

    /// Queues the entry, if it has not gone along, and waits for its fate.
    pub async fn go(mut self) -> Submitted {
        let left = self.batches.standby.leave(self.draw, self.ticket);
        if left.is_some_and(|queued| !self.batches.queue(queued)) {
            return Submitted::Overloaded;
        }
        self.gone().await
    }

    /// The entry, if it has not gone along.
    ///
    /// # Errors
    /// Itself, whose fate is to be waited for.
    pub fn step_back(self) -> Result<Box<NewEntry>, Self> {
        match self.batches.standby.leave(self.draw, self.ticket) {
            Some(queued) => Ok(queued.entry),
            None => Err(self),
        }
    }
}

impl Drop for StandingBy<'_> {
    fn drop(&mut self) {
        drop(self.batches.standby.leave(self.draw, self.ticket));
    }
}

struct Writer {
    number: usize,
    store: Arc<dyn Store>,
    pace: Arc<Pace>,
    /// Writers take turns at waiting for a call.
    called: Arc<Mutex<mpsc::UnboundedReceiver<Uuid>>>,
    /// Weak, so that writers end when nobody else can call them.
    calls: mpsc::WeakUnboundedSender<Uuid>,
    lanes: Arc<Lanes<Uuid, Queued>>,
    standby: Arc<Standby<Uuid, Queued>>,
}

impl Writer {
    async fn run(self) {
        loop {
            let called = self.called.lock().await.recv().await;
            let Some(draw) = called else { return };
            let mut batch = self.lanes.begin(draw, BATCH_MAX);
            while let Some(now) = batch {
                self.pace.begin_round(self.number);
                let again = self.write_patiently(draw, now).await;
                self.pace.end_round(self.number);
                batch = match self.calls.upgrade() {
                    // A crowd in one draw keeps nobody from another.
                    Some(calls) if self.is_another_called() => {
                        if self.lanes.give_way(draw, again) {
                            // This writer hears it, if no other does.
                            let _ = calls.send(draw);
                        }
                        None
                    }
                    _ => self.lanes.next(draw, again, BATCH_MAX),
                };
            }
        }
    }

    /// Whether a call waits and no writer is free to hear it.
    fn is_another_called(&self) -> bool {
        // Whoever holds it waits for a call.
        self.called.try_lock().is_ok_and(|called| !called.is_empty())
    }

    /// Writes a batch; calls another writer for what waits meanwhile, where that takes too long. It looks again and again:
    /// what comes while another gets on, and then waits, is nobody else's to see to.
    async fn write_patiently(&self, draw: Uuid, batch: Vec<Queued>) -> Vec<Queued> {
        let mut writing = pin!(self.write(draw, batch));
        loop {
            if let Ok(again) = tokio::time::timeout(PATIENCE, &mut writing).await {
                return again;
            }
            // Where nobody can submit anything any more, what waits is written after this.
            if let Some(calls) = self.calls.upgrade()
                && self.lanes.needs_another(draw)
            {
                // This writer hears it, if no other does.
                let _ = calls.send(draw);
            }
        }
    }

    /// Writes a batch, with who stands by, and tells everybody; returns who has to try again.
    async fn write(&self, draw: Uuid, mut batch: Vec<Queued>) -> Vec<Queued> {
        let along = self.standby.take(draw, BATCH_MAX.saturating_sub(batch.len()));
        self.pace.waiting.fetch_add(along.len(), Ordering::Relaxed);
        batch.extend(along);
        let (entries, waiting): (Vec<NewEntry>, Vec<_>) =
            batch.into_iter().map(|queued| (*queued.entry, (queued.tries, queued.done))).unzip();
        let began = Instant::now();
        let fates = self.write_until_known(draw, &entries).await;
        let took = began.elapsed();
        #[expect(clippy::cast_precision_loss, reason = "at most a few hundred")]
        metrics::histogram!("drawbridge_batch_size").record(entries.len() as f64);
        metrics::histogram!("drawbridge_batch_seconds").record(took.as_secs_f64());
        let mut again = Vec::new();
        let mut told = Vec::with_capacity(waiting.len());
        match fates {
            Ok(fates) => {
                for ((fate, entry), (tries, done)) in fates.into_iter().zip(entries).zip(waiting) {
                    match after_round(&fate, tries, AGAIN_MAX) {
                        Round::Again => {
                            again.push(Queued { draw, entry: Box::new(entry), tries: tries + 1, done })
                        }
                        Round::NobodyKnows => told.push((done, Submitted::Unknown)),
                        Round::Tell => told.push((done, Submitted::Written(fate))),
                    }
                }
            }
            Err(error) => {
                tracing::error!(
                    error = %telemetry::causes(&error),
                    entries = waiting.len(),
                    "a batch was not written"
                );
                told.extend(waiting.into_iter().map(|(_, done)| (done, Submitted::Unknown)));
            }
        }
        self.pace.waiting.fetch_sub(told.len(), Ordering::Relaxed);
        self.pace.changed();
        // Nobody listens any more when the server is going down: what is written is written all the same.
        answer_all(told);
        again
    }

    /// Writes a batch; when nobody can say whether it was written, writes it again with the same ids, and
    /// believes only that.
    async fn write_until_known(&self, draw: Uuid, entries: &[NewEntry]) -> StoreResult<Vec<Written>> {
        let until = Instant::now() + DEADLINE;
        let mut pause = PAUSE;
        let mut in_doubt = false;
        loop {
            let error = match self.store.write(draw, entries).await {
                Ok(fates) if in_doubt => {
                    let recognised = fates.into_iter().zip(entries);
                    return Ok(recognised.map(|(fate, entry)| recognise(fate, entry.id)).collect());
                }
                Ok(fates) => return Ok(fates),
                Err(error) => error,
            };
            match after_lost_answer(error.is_temporary(), Instant::now() + pause < until) {
                AfterTry::NobodyKnows => return Err(error),
                AfterTry::WriteAgain => {
                    let error = telemetry::causes(&error);
                    tracing::warn!(%error, entries = entries.len(), "a batch is in doubt, writing it again");
                    metrics::counter!("drawbridge_batches_repeated_total").increment(1);
                    in_doubt = true;
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_wait_counts_rounds_not_entries() {
        let pace = Pace::new(1);
        pace.note_round(Duration::from_millis(50));
        pace.waiting.store(400, Ordering::Relaxed);
        assert!(pace.expected_wait(1) < EXPECTED_WAIT_MAX, "one slow commit does not turn a crowd away");
        pace.waiting.store(QUEUE_MAX, Ordering::Relaxed);
        assert!(pace.expected_wait(1) < EXPECTED_WAIT_MAX);
        for _ in 0..100 {
            pace.note_round(Duration::from_millis(500));
        }
        assert!(pace.expected_wait(1) > EXPECTED_WAIT_MAX, "nine rounds of half a second are too many");
        pace.waiting.store(9, Ordering::Relaxed);
        assert!(pace.expected_wait(1) < EXPECTED_WAIT_MAX);
        assert!(pace.expected_wait(9) > EXPECTED_WAIT_MAX, "and so are nine draws, one after the other");
    }

    #[test]
    fn one_stall_turns_nobody_away_once_it_is_over() {
        let pace = Pace::new(1);
        for _ in 0..3 {
            pace.note_round(Duration::from_secs(30));
        }
        assert_eq!(pace.expected_wait(1), Duration::ZERO, "nobody waits");
        pace.waiting.store(1, Ordering::Relaxed);
        assert!(pace.expected_wait(1) < EXPECTED_WAIT_MAX);
    }

    #[test]
    fn a_database_that_hangs_is_noticed_while_it_hangs() {
        let pace = Pace::new(2);
        pace.waiting.store(1, Ordering::Relaxed);
        let pace =
            Pace { origin: pace.origin.checked_sub(EXPECTED_WAIT_MAX * 2).expect("an instant"), ..pace };
        pace.running_since[0].store(1, Ordering::Relaxed);
        assert!(pace.expected_wait(1) < EXPECTED_WAIT_MAX, "the other writer is free");
        pace.running_since[1].store(1, Ordering::Relaxed);
        assert!(pace.expected_wait(1) > EXPECTED_WAIT_MAX);
        pace.end_round(0);
        assert!(pace.expected_wait(1) < EXPECTED_WAIT_MAX, "and believed again as soon as it answers");
    }
}
