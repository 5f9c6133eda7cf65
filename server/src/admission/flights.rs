//! Attempts in flight in this process: the second request under a key does not repeat the first one's work.
//!
//! The one that leads holds a [`Lead`]; the others wait on a channel whose sender is in it. Dropping the
//! lead, however that comes about, wakes them all.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use tokio::sync::watch;

use super::Ending;
use super::protocol::{self, Claimant, Seat};
use crate::secrets::Digest;
use crate::seen_through::seen_through;

/// Waits for the end of an attempt: `Some` when it ended, `None` when its leader vanished.
pub type End = watch::Receiver<Option<Ending>>;

/// What is in flight, by token claim key.
#[derive(Debug, Default)]
pub struct Flights(Arc<Mutex<HashMap<Digest, Flight>>>);

#[derive(Debug)]
struct Flight {
    claimant: Claimant,
    /// The verdict against it, if any.
    held: Option<Ending>,
    end: End,
}

/// A request's place among those under its key.
#[derive(Debug)]
pub enum Place {
    /// The first: does the work.
    Lead(Lead, End),
    /// The same attempt as the first: shares its end.
    Join(End),
    /// Another attempt under the same key: waits, then goes on by itself.
    Wait(End),
}

impl Flights {
    /// Whether an attempt under a key is in flight.
    pub fn is_aboard(&self, key: &Digest) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
    }

    /// How many attempts are in flight.
    pub fn aboard(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Takes a place.
    pub fn enter(&self, key: Digest, claimant: Claimant, held: Option<Ending>) -> Place {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&key) {
            let end = flight.end.clone();
            return match protocol::seat((&flight.claimant, &flight.held), (&claimant, &held)) {
                Seat::Join => Place::Join(end),
                Seat::Wait => Place::Wait(end),
            };
        }
        let (sender, end) = watch::channel(None);
        flights.insert(key, Flight { claimant, held, end: end.clone() });
        Place::Lead(Lead { flights: Arc::clone(&self.0), key, sender }, end)
    }
}

/// The right and the duty to do an attempt's work.
#[derive(Debug)]
pub struct Lead {
    flights: Arc<Mutex<HashMap<Digest, Flight>>>,
    key: Digest,
    sender: watch::Sender<Option<Ending>>,
}

impl Lead {
    /// Tells everybody who waits how it ended.
    pub fn end(self, ending: Ending) {
        // Out of the map first: who comes now looks into the memory, where the outcome already is.
        self.leave();
        self.sender.send_replace(Some(ending));
    }

    fn leave(&self) {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if self.sender.borrow().is_none() {
            self.leave();
        }
    }
}

/// The end of an attempt. `None` when its leader vanished without one.
pub async fn ended(mut end: End) -> Option<Ending> {
    match end.wait_for(Option::is_some).await {
        Ok(ending) => ending.clone(),
        Err(_) => None,
    }
}

/// Does the work of a leader, until its end is told: that end, or `None` when it panicked before. What is left to do
/// then, or when nobody waits any more, is seen through.
pub async fn led(work: impl Future<Output = ()> + Send + 'static, end: End) -> Option<Ending> {
    // The panic hook logs it.
    let work = seen_through(AssertUnwindSafe(work).catch_unwind());
    match select(work, pin!(ended(end))).await {
        Either::Left((_, ended)) => ended.await,
        Either::Right((ending, _rest)) => ending,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use shared::{Layer, Problem};
    use tokio::sync::{Notify, oneshot};

    use super::*;

    fn lead() -> (Flights, Lead, End) {
        let flights = Flights::default();
        let claimant = Claimant { person: Some([1; 32]), fingerprint: None, browser: None, source: None };
        let Place::Lead(lead, end) = flights.enter([7; 32], claimant, None) else {
            panic!("the first leads")
        };
        (flights, lead, end)
    }

    fn told() -> Ending {
        Ending::refused(Problem::Full, Layer::Constraint)
    }

    #[tokio::test]
    async fn an_end_is_told_before_the_work_is_over_and_the_rest_is_done_all_the_same() {
        let (flights, lead, end) = lead();
        let (settles, (done, is_settled)) = (Arc::new(Notify::new()), oneshot::channel());
        let go = Arc::clone(&settles);
        let work = async move {
            lead.end(told());
            go.notified().await;
            done.send(()).expect("the test waits");
        };
        assert!(led(work, end).await.is_some(), "nobody waits for what is left to do");
        assert!(!flights.is_aboard(&[7; 32]));
        settles.notify_one();
        assert!(is_settled.await.is_ok());
    }

    #[tokio::test]
    async fn who_does_not_wait_stops_nothing() {
        let (flights, lead, end) = lead();
        let go = Arc::new(Notify::new());
        let going = Arc::clone(&go);
        let work = async move {
            going.notified().await;
            lead.end(told());
        };
        {
            let mut waiting = pin!(led(work, end.clone()));
            assert!(poll!(&mut waiting).is_pending());
        }
        assert!(flights.is_aboard(&[7; 32]), "the work goes on");
        go.notify_one();
        assert!(ended(end).await.is_some());
    }

    #[tokio::test]
    async fn work_that_panics_tells_no_end_and_keeps_no_place() {
        let (flights, lead, end) = lead();
        let work = async move {
            let _lead = lead;
            panic!("on purpose");
        };
        assert!(led(work, end).await.is_none());
        assert!(!flights.is_aboard(&[7; 32]));
    }
}
