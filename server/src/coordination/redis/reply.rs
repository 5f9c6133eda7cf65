//! What replies mean. Redis may answer with anything (G6): what makes no sense is a failure, never an
//! outcome, and nothing of it is repeated.

use std::time::Duration;

use bytes::Bytes;
use redis::Value;

use crate::coordination::{CoordinationError, CoordinationResult, Lease, Owner, Rate, Take};

/// No value is as large as this; what is, is not ours.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// What is kept under a key, to who only looks: the value, where there is one.
///
/// # Errors
/// When it is nothing of ours.
pub fn got(kept: Value) -> CoordinationResult<Option<Bytes>> {
    Ok(match read(kept)? {
        Some(Kept::Value(value)) => Some(value),
        Some(Kept::Lease(_)) | None => None,
    })
}

/// What was kept under a key, to who has just taken the lease if there was nothing: the value, the lease, or that
/// somebody else holds it.
///
/// # Errors
/// When it is nothing of ours.
pub fn looked(kept: Value, owner: &Owner) -> CoordinationResult<Lease> {
    Ok(match read(kept)? {
        Some(Kept::Value(value)) => Lease::Found(value),
        // Its owner may ask again, whose first answer was lost.
        Some(Kept::Lease(holder)) if holder[..] == owner[..] => Lease::Leased,
        Some(Kept::Lease(_)) => Lease::Busy,
        None => Lease::Leased,
    })
}

/// What a value was stored in the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The lease of who stored it.
    pub is_own: bool,
    /// A lease, whoever held it, whose end somebody waits for.
    pub is_waited_for: bool,
}

/// What was kept under a key, to who has just stored a value there.
///
/// # Errors
/// When it is no text. Whatever text it was is gone.
pub fn replaced(kept: Value, owner: &Owner) -> CoordinationResult<Replaced> {
    let kept = match kept {
        Value::Nil => Vec::new(),
        Value::BulkString(kept) => kept,
        other => return Err(unexpected(&other)),
    };
    Ok(match kept.split_first() {
        Some((kind @ (b'l' | b'w'), holder)) => {
            Replaced { is_own: holder == owner, is_waited_for: *kind == b'w' }
        }
        _ => Replaced { is_own: false, is_waited_for: false },
    })
}

/// What `release.lua` says: whether the lease was still held.
///
/// # Errors
/// When it is neither yes nor no.
pub fn released(reply: &Value) -> CoordinationResult<bool> {
    match reply {
        Value::Int(1) => Ok(true),
        Value::Int(0) => Ok(false),
        other => Err(unexpected(other)),
    }
}

/// The reply of `wait.lua`: how long the lease still lives, `None` when it has ended.
///
/// # Errors
/// When it is no number.
pub fn left(reply: &Value, at_most: Duration) -> CoordinationResult<Option<Duration>> {
    match reply {
        Value::Int(-2 | 0) => Ok(None),
        // A lease without an end is not ours, and waited for no longer than any other.
        Value::Int(left) => Ok(Some(u64::try_from(*left).map_or(at_most, Duration::from_millis))),
        other => Err(unexpected(other)),
    }
}

/// The reply of `discard.lua`, which has nothing to tell.
///
/// # Errors
/// When it is not of the script.
pub fn discarded(reply: &Value) -> CoordinationResult<()> {
    match reply {
        Value::Int(0 | 1) => Ok(()),
        other => Err(unexpected(other)),
    }
}

/// The reply of `take.lua`: whether so many turns were granted, or the microseconds until they would be.
///
/// # Errors
/// When it is no time that this rate can make anybody wait.
pub fn taken(reply: &Value, rate: Rate, turns: u32) -> CoordinationResult<Take> {
    // However many turns are free, so many are after this, unless they are more than the burst.
    let longest = rate.interval() * i64::from(rate.burst.max(turns));
    match reply {
        Value::Int(0) => Ok(Take::Granted),
        Value::Int(excess) if (1..=longest).contains(excess) => {
            Ok(Take::Refused { retry_after: Rate::millis(*excess) })
        }
        other => Err(unexpected(other)),
    }
}

enum Kept {
    Value(Bytes),
    /// With its owner.
    Lease(Bytes),
}

fn read(kept: Value) -> CoordinationResult<Option<Kept>> {
    let bytes = match kept {
        Value::Nil => return Ok(None),
        Value::BulkString(bytes) if bytes.len() <= 1 + VALUE_BYTES_MAX => Bytes::from(bytes),
        other => return Err(unexpected(&other)),
    };
    match bytes.first() {
        Some(b'v') => Ok(Some(Kept::Value(bytes.slice(1..)))),
        Some(b'l' | b'w') => Ok(Some(Kept::Lease(bytes.slice(1..)))),
        _ => Err(unexpected(&Value::BulkString(Vec::new()))),
    }
}

/// Says what kind of answer came, never what was in it.
fn unexpected(answer: &Value) -> CoordinationError {
    let kind = match answer {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) => "a string",
        Value::Array(_) => "a list",
        Value::SimpleString(_) | Value::Okay => "a status",
        _ => "something else",
    };
    CoordinationError::Failed(format!("Redis answered with {kind} that makes no sense here"))
}
