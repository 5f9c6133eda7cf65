//! Time and randomness, passed in rather than reached for, so that tests can hold them still.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rand::Rng as _;
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now(&self) -> i64;

    /// The instant this clock is held at, if it is: then databases and caches go by it as well, in place of
    /// their own clocks.
    fn held(&self) -> Option<i64> {
        None
    }
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

    fn held(&self) -> Option<i64> {
        Some(self.now())
    }
}

/// Time and randomness together.
#[derive(Clone)]
pub struct Ambient {
    clock: Arc<dyn Clock>,
    /// Milliseconds by which the clock that is followed is ahead.
    offset: Arc<AtomicI64>,
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
        Self { clock, offset: Arc::default() }
    }

    /// Milliseconds since 1970, UTC, by the clock that is followed.
    pub fn now(&self) -> i64 {
        self.clock.now() + self.offset.load(Ordering::Relaxed)
    }

    /// The instant the clock is held at; `None` for one that runs. What has a clock of its own goes by that one
    /// unless this says otherwise.
    pub fn held(&self) -> Option<i64> {
        self.clock.held()
    }

    /// Follows another clock from now on, which showed `theirs` between the instants `before` and `after` of
    /// [`Self::own`]. All clones follow as well.
    pub fn follow(&self, theirs: i64, before: i64, after: i64) {
        self.offset.store(theirs - before.midpoint(after), Ordering::Relaxed);
    }

    /// Milliseconds since 1970, UTC, by the machine's clock: for measuring how far another one is off.
    pub fn own(&self) -> i64 {
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
