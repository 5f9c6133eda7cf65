//! Waking an event loop at an instant: epoll waits for whole milliseconds, which would make every press of an open
//! loop late.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Instant;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// A timer of the kernel's.
#[derive(Debug)]
pub struct Alarm {
    timer: OwnedFd,
    set_for: Option<Instant>,
}

impl Alarm {
    /// One that wakes a poll under a token.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { timer, set_for: None })
    }

    /// Wakes the poll at an instant; an earlier setting is forgotten.
    ///
    /// # Errors
    /// What the system says.
    pub fn set(&mut self, at: Instant, now: Instant) -> io::Result<()> {
        if self.set_for == Some(at) {
            return Ok(());
        }
        let wait = at.saturating_duration_since(now);
        // A time of 0 would switch the timer off.
        let it_value = Timespec {
            tv_sec: wait.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()).max(1),
        };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
        self.set_for = Some(at);
        Ok(())
    }
}
