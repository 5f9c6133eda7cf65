//! What the scripts' replies mean. Redis may answer with anything (G6): what makes no sense is a failure, never an
//! outcome, and nothing of it is repeated but the kind of an error.

use std::time::Duration;

use bytes::Bytes;
use redis::Value;

use crate::coordination::{CoordinationError, CoordinationResult, Lease, Rate, Take};

/// No value is as large as this; what is, is not ours.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// The replies to calls that went together.
///
/// # Errors
/// When they are not one for each.
pub fn each(reply: Value, calls: usize) -> CoordinationResult<Vec<Value>> {
    match reply {
        Value::Array(each) if each.len() == calls => Ok(each),
        other => Err(unexpected(&other)),
    }
}

/// What `look.lua` says to who only looks: the value, where there is one.
///
/// # Errors
/// When it is neither a value nor nothing.
pub fn got(reply: Value) -> CoordinationResult<Option<Bytes>> {
    match reply {
        Value::Nil => Ok(None),
        found => value(found).map(Some),
    }
}

/// What `look.lua` says to who would make it: the value, the lease, or that somebody else holds it.
///
/// # Errors
/// When it is none of these.
pub fn looked(reply: Value) -> CoordinationResult<Lease> {
    match reply {
        Value::Int(1) => Ok(Lease::Leased),
        Value::Int(0) => Ok(Lease::Busy),
        found => value(found).map(Lease::Found),
    }
}

/// What `finish.lua` says of one lease: whether the lease was still held.
///
/// # Errors
/// When it is neither yes nor no.
pub fn finished(reply: &Value) -> CoordinationResult<bool> {
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

fn value(found: Value) -> CoordinationResult<Bytes> {
    match found {
        Value::BulkString(bytes) if bytes.len() <= VALUE_BYTES_MAX => Ok(Bytes::from(bytes)),
        other => Err(unexpected(&other)),
    }
}

/// Says what kind of answer came, never what was in it; but for why a command of a script failed, of which the first
/// word names the kind.
fn unexpected(answer: &Value) -> CoordinationError {
    if let Value::Array(list) = answer
        && let [Value::BulkString(why)] = list.as_slice()
    {
        let kind: String = why
            .iter()
            .take(32)
            .map_while(|byte| byte.is_ascii_uppercase().then_some(char::from(*byte)))
            .collect();
        return CoordinationError::Failed(format!("a command of a script failed: {kind}"));
    }
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
