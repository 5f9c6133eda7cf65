//! Free ports.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

/// Below the ports that the kernel gives to outgoing connections: a service that is stopped for a while finds
/// its port free when it comes back.
const RANGE: std::ops::Range<u16> = 15_000..32_000;

/// A port of 127.0.0.1 that nobody listens on at this instant, and that this process was not given before: whoever was
/// may not listen yet.
///
/// # Panics
/// When every port that is tried is taken.
pub fn free() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    for attempt in 0..10_000_u32 {
        let random = RandomState::new().hash_one((std::process::id(), attempt));
        let offset = u16::try_from(random % u64::from(RANGE.end - RANGE.start)).expect("less than the range");
        let port = RANGE.start + offset;
        let is_new = GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port);
        if is_new && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port on 127.0.0.1");
}
