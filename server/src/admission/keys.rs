//! Every key under which the admission path shares something, and how long it lives.

use std::time::Duration;

use uuid::Uuid;

use crate::coordination::Key;
use crate::secrets::{Digest, Keys};

/// How long a committed outcome is remembered by all servers.
pub const OUTCOME_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long a lease is held at most. Longer than writes usually take; when its holder takes longer or dies, a
/// retry is not held up for long, and the constraint decides between them.
pub const LEASE_LIFE: Duration = Duration::from_secs(3);
/// How long a request waits for a lease that another server holds, before it goes on without one: longer than a
/// lease lives, so that only one that is never given up is passed over.
pub const LEASE_WAIT: Duration = Duration::from_secs(4);
/// How long a request is worked on before it is answered with what is known then: that it is in progress, or
/// nothing. Proxies wait a little longer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The outcome, and the lease, of one key. Its claim names the scope as well: a page token's draw, or the
/// integrator and the draw.
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
