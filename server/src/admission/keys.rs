//! Every key under which the admission path shares something, and how long it lives.

use std::time::Duration;

use uuid::Uuid;

use crate::coordination::Key;
use crate::secrets::{Digest, Keys};

/// How long a committed outcome is remembered by all servers.
pub const OUTCOME_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long a lease is held at most: longer than any write is waited for.
pub const LEASE_LIFE: Duration = Duration::from_secs(15);
/// How long a request waits for another that holds the same key, before it is told to come again.
pub const WAIT: Duration = Duration::from_secs(10);
/// How long a request waits for its own write, before it is told that nothing is known.
pub const WRITE_WAIT: Duration = Duration::from_secs(10);

/// The outcome, and the lease, of one key of the anonymous API: page tokens of one draw.
pub fn outcome(keys: &Keys, token_claim: &Digest) -> Key {
    keys.cached_outcome(&[b"key", token_claim])
}

/// The allowance of a client address.
pub fn address_allowance(keys: &Keys, address: &[u8]) -> Key {
    keys.cached_outcome(&[b"address", address])
}

/// The allowance of a person in a draw.
pub fn person_allowance(keys: &Keys, draw: Uuid, person: &Digest) -> Key {
    keys.cached_outcome(&[b"person", draw.as_bytes(), person])
}
