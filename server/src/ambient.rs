//! Time and randomness, passed in rather than reached for, so that tests can hold them still.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rand::Rng as _;
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's time enters")]
    fn now(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond()
    }
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Stands at an instant, in milliseconds since 1970.
    pub fn at(now: i64) -> Self {
        Self(AtomicI64::new(now))
    }

    /// Moves on by so many milliseconds.
    pub fn advance(&self, by: i64) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Time and randomness together.
#[derive(Clone)]
pub struct Ambient {
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Ambient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ambient").field("now", &self.now()).finish()
    }
}

impl Ambient {
    /// With the machine's clock.
    pub fn system() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// With a clock of one's own.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    /// Milliseconds since 1970, UTC.
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Bytes nobody can guess, from the thread's cryptographic generator, which the operating system seeds.
    #[expect(clippy::disallowed_methods, reason = "the one place where randomness enters")]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        rand::rng().fill_bytes(&mut bytes);
        bytes
    }

    /// A number in `0..bound`, for jitter.
    pub fn jitter(&self, bound: u32) -> u32 {
        u32::from_be_bytes(self.random()).checked_rem(bound).unwrap_or(0)
    }

    /// A new `UUIDv7`: sorts by time.
    pub fn new_id(&self) -> Uuid {
        let millis = u64::try_from(self.now()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.random()).into_uuid()
    }
}
