//! What servers share, with moods: it can be lost, be away, or do all it is told without saying so.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use server::coordination::{
    Coordination, CoordinationError, CoordinationResult, Key, Lease, Owner, Rate, Take,
};

use crate::transitions::Mood;

/// How long the end of a lease is waited for at once.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A backend and its mood.
#[derive(Debug)]
pub struct Moody {
    backend: RwLock<Arc<dyn Coordination>>,
    mood: AtomicU8,
}

impl Moody {
    /// A backend that does as it should.
    pub fn new(backend: Arc<dyn Coordination>) -> Self {
        Self { backend: RwLock::new(backend), mood: AtomicU8::new(0) }
    }

    /// From now on.
    pub fn set_mood(&self, mood: Mood) {
        let number = match mood {
            Mood::Fine => 0,
            Mood::Away => 1,
            Mood::Mute => 2,
        };
        self.mood.store(number, Ordering::SeqCst);
    }

    /// Another backend takes its place; what it held is lost.
    pub fn replace(&self, backend: Arc<dyn Coordination>) {
        *self.backend.write().unwrap_or_else(PoisonError::into_inner) = backend;
    }

    /// The backend, whatever the mood.
    pub fn backend(&self) -> Arc<dyn Coordination> {
        Arc::clone(&self.backend.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn ask<T>(
        &self,
        call: impl Future<Output = CoordinationResult<T>> + Send,
    ) -> CoordinationResult<T> {
        let no_answer = || Err(CoordinationError::Failed("a bad mood".to_owned()));
        match self.mood.load(Ordering::SeqCst) {
            0 => call.await,
            1 => no_answer(),
            _ => call.await.and_then(|_| no_answer()),
        }
    }
}

#[async_trait]
impl Coordination for Moody {
    async fn get(&self, key: &Key) -> CoordinationResult<Option<Bytes>> {
        self.ask(self.backend().get(key)).await
    }

    async fn get_or_lease(&self, key: &Key, owner: &Owner, life: Duration) -> CoordinationResult<Lease> {
        self.ask(self.backend().get_or_lease(key, owner, life)).await
    }

    async fn settle(
        &self,
        key: &Key,
        owner: &Owner,
        value: Bytes,
        life: Duration,
    ) -> CoordinationResult<bool> {
        self.ask(self.backend().settle(key, owner, value, life)).await
    }

    async fn release(&self, key: &Key, owner: &Owner) -> CoordinationResult<bool> {
        self.ask(self.backend().release(key, owner)).await
    }

    async fn wait(&self, key: &Key, at_most: Duration) -> CoordinationResult<()> {
        // Nobody wakes who waits for a lease that was lost with its backend: look again soon.
        self.ask(self.backend().wait(key, at_most.min(LOOK_AGAIN))).await
    }

    async fn discard(&self, key: &Key, value: &Bytes) -> CoordinationResult<()> {
        self.ask(self.backend().discard(key, value)).await
    }

    async fn take(&self, key: &Key, rate: Rate, turns: u32) -> CoordinationResult<Take> {
        self.ask(self.backend().take(key, rate, turns)).await
    }

    fn is_remote(&self) -> bool {
        self.backend().is_remote()
    }
}
