//! What Redis answers, which may be anything: the protocol, and what replies are taken for.

use std::time::Duration;

use server::admission::remembered::Committed;
use server::coordination::redis::reply::{self, Replaced, VALUE_BYTES_MAX};
use server::coordination::{Lease, Owner, Rate, Take};

use crate::input::Input;
use crate::world::{DRAW, OURS};

/// Turns asked for at once at most: an allowance's portion.
const TURNS_MAX: u32 = 64;

/// Whose lease a reply may name.
const OWNER: Owner = [1; 16];

/// A reply is one of the few that make sense, or a failure; none makes anybody wait for longer than the limits do.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (turns, burst) = (u32::from(input.byte()) % TURNS_MAX + 1, u32::from(input.byte()) + 1);
    let Ok(reply) = redis::parse_redis_value(input.rest()) else { return };

    let rate = Rate { per_minute: 60, burst };
    if let Ok(Take::Refused { retry_after }) = reply::taken(&reply, rate, turns) {
        let longest = 1000 * i64::from(burst.max(turns));
        assert!((1..=longest).contains(&retry_after), "{retry_after} ms");
    }
    let at_most = Duration::from_secs(3);
    if let Ok(Some(left)) = reply::left(&reply, at_most) {
        assert!(left > Duration::ZERO, "who waits for a lease that has ended waits for ever");
    }
    let says_yes = reply::released(&reply).unwrap_or(false);
    assert!(!says_yes || reply::discarded(&reply).is_ok());

    if let Ok(Replaced { is_own: true, .. }) = reply::replaced(reply.clone(), &OWNER) {
        let looked = reply::looked(reply.clone(), &OWNER);
        assert_eq!(looked.expect("a lease"), Lease::Leased);
    }
    let got = reply::got(reply.clone()).ok().flatten();
    let is_nothing = reply == redis::Value::Nil;
    match reply::looked(reply, &OWNER) {
        Ok(Lease::Found(value)) => {
            assert!(value.len() <= VALUE_BYTES_MAX);
            assert_eq!(
                Committed::open(&value, &OURS, &[4; 32], DRAW, &[5; 32]),
                None,
                "nobody else can seal"
            );
            assert_eq!(got, Some(value));
        }
        Ok(Lease::Leased) => assert_eq!(got, None, "a value is no lease"),
        Ok(Lease::Busy) => assert!(!is_nothing && got.is_none()),
        Err(_) => assert_eq!(got, None),
    }
}
