//! Attempts in flight in this process: the second request under a key does not repeat the first one's work.
//!
//! The one that leads holds a [`Lead`]; the others wait on a channel whose sender is in it. Dropping the
//! lead, however that comes about, wakes them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::Ending;
use super::protocol::{self, Claimant, Seat};
use crate::secrets::Digest;

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
