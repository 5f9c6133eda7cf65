//! Draws as organisers write them (TOML), what their parts have to be, what may still be changed, and the copy
//! that requests read.

pub mod check;
mod edit;
pub mod file;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use check::Fault;
pub use edit::{Standing, Step};

use crate::store::{Draw, Store, StoreResult};

/// How long a copy of a draw is believed. A stale copy costs a retry, never a wrong entry: the transaction
/// compares versions.
const FRESH: Duration = Duration::from_secs(1);
/// Distinct slugs remembered, so that requests for draws that do not exist cannot fill the memory.
const SLUGS_MAX: usize = 1024;

/// How long reading again is waited for, where there is a copy: a database that hangs must not hold up those whose
/// outcome is known without it.
const RELOAD_WAIT: Duration = Duration::from_millis(500);

/// A draw as it was read, and when somebody last went to read it.
type Copy = (Instant, Option<Arc<Draw>>);

/// What a copy is worth.
enum Known {
    Fresh(Arc<Draw>),
    Stale(Arc<Draw>),
    Nothing,
}

/// Reads draws through a short-lived copy in memory.
#[derive(Debug)]
pub struct DrawBook {
    store: Arc<dyn Store>,
    copies: Mutex<HashMap<String, Copy>>,
}

impl DrawBook {
    /// Over a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, copies: Mutex::default() }
    }

    /// The draw of a slug, drafts included, at most a second old; older while the store fails, and for those who
    /// ask while another reads it again.
    ///
    /// # Errors
    /// When there is no copy and the store fails.
    pub async fn get(&self, slug: &str) -> StoreResult<Option<Arc<Draw>>> {
        let known = match self.known(slug) {
            Known::Fresh(draw) => return Ok(Some(draw)),
            Known::Stale(draw) => draw,
            Known::Nothing => return self.reload(slug).await,
        };
        match tokio::time::timeout(RELOAD_WAIT, self.reload(slug)).await {
            Ok(Err(error)) if error.is_temporary() => {
                tracing::warn!(%error, slug, "a draw was not read again, going on with what was known");
                Ok(Some(known))
            }
            Ok(result) => result,
            Err(_) => Ok(Some(known)),
        }
    }

    /// What is known of a slug. Who is told that it is stale goes to read it; the others believe it meanwhile.
    fn known(&self, slug: &str) -> Known {
        match self.lock().get_mut(slug) {
            // Only what is public is believed: a draft, or nothing, may have been announced a moment ago.
            Some((read_at, Some(draw))) if draw.is_public() => {
                if read_at.elapsed() < FRESH {
                    return Known::Fresh(Arc::clone(draw));
                }
                *read_at = Instant::now();
                Known::Stale(Arc::clone(draw))
            }
            _ => Known::Nothing,
        }
    }

    /// The draw of a slug as it is now.
    ///
    /// # Errors
    /// When the store fails. What was known before is kept, but not believed.
    pub async fn reload(&self, slug: &str) -> StoreResult<Option<Arc<Draw>>> {
        // Taken before reading, so that the copy is never younger than it claims.
        let read_at = Instant::now();
        let draw = self.store.draw(slug).await?.map(Arc::new);
        let mut copies = self.lock();
        if copies.len() >= SLUGS_MAX {
            copies.clear();
        }
        copies.insert(slug.to_owned(), (read_at, draw.clone()));
        Ok(draw)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Copy>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
