//! Turns: of a client address, and of a person in a draw.
//!
//! Asking for each turn of an address would cost each request a round trip. Where asking costs one, a server
//! grants turns by itself and takes them from the shared allowance a portion at a time:
//!
//! - a portion is a sixteenth of the burst, at least one turn; with one, each turn is asked for first;
//! - a portion that is refused blocks the address here until it would be granted: who is refused costs nothing;
//! - turns that are granted and not yet taken stay so, however much later they are taken. The long-run rate is
//!   therefore that of the shared allowance, and what all servers together grant at once exceeds the burst by
//!   less than one portion for each server, and one for each portion that is being asked for at that moment.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::sync::Cache;
use shared::{Layer, Problem};

use super::ending::{Ending, Refusal};
use super::{Admission, keys};
use crate::ambient::Ambient;
use crate::coordination::{Coordination, Key, Rate, Take, note_failure};

/// Addresses whose turns are remembered here. Of one that is forgotten, less than a portion is.
const ADDRESSES_MAX: usize = 50_000;
/// Portions that make up a burst.
const PORTIONS: u32 = 16;

impl Admission {
    /// Turns of a client address.
    pub(super) async fn address_limit(&self, address: IpAddr) -> Option<Ending> {
        let rate = self.address_rate?;
        let address = match address.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            // One subscriber of IPv6 has at least a /64.
            IpAddr::V6(address) => address.octets()[..8].to_vec(),
        };
        let key = keys::address_allowance(&self.keys, &address);
        refused(self.limiter.take(&*self.shared, &self.ambient, key, rate).await)
    }

    /// A turn of anything else, asked for first.
    pub(super) async fn limit(&self, rate: Rate, key: Key) -> Option<Ending> {
        refused(ask(&*self.shared, key, rate, 1).await)
    }
}

fn refused(take: Take) -> Option<Ending> {
    match take {
        Take::Granted => None,
        Take::Refused { retry_after } => {
            Some(Ending::refused(Refusal::after(Problem::RateLimited, retry_after), Layer::Limiter))
        }
    }
}

/// Asks for turns. A limiter that fails limits nothing.
async fn ask(shared: &dyn Coordination, key: Key, rate: Rate, turns: u32) -> Take {
    shared.take(&key, rate, turns).await.unwrap_or_else(|error| {
        note_failure("take", &error);
        Take::Granted
    })
}

/// What this server remembers of addresses.
pub struct Limiter(Cache<Key, Arc<Account>>);

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Limiter").field(&self.0.len()).finish()
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Self(Cache::new(ADDRESSES_MAX))
    }
}

impl Limiter {
    async fn take(&self, shared: &dyn Coordination, ambient: &Ambient, key: Key, rate: Rate) -> Take {
        if !shared.is_remote() {
            return ask(shared, key, rate, 1).await;
        }
        let account = match self.0.get_or_insert_with(&key, || Ok::<_, Infallible>(Arc::default())) {
            Ok(account) => account,
            Err(never) => match never {},
        };
        let portion = (rate.burst / PORTIONS).max(1);
        let longest = rate.interval() * i64::from(rate.burst) / 1000 + 1;
        match account.next(ambient.now(), portion, longest) {
            Next::Decided(take) => take,
            Next::Ask => {
                let bill = Bill { account: &account, portion, is_settled: false };
                let take = ask(shared, key, rate, portion).await;
                bill.settle(take, ambient.now())
            }
        }
    }
}

/// Turns of one address on this server.
#[derive(Debug, Default)]
struct Account(Mutex<Turns>);

#[derive(Debug, Default)]
struct Turns {
    /// Granted, but not yet taken from the shared allowance.
    unpaid: u32,
    /// Nothing is granted before this instant.
    blocked_until: i64,
}

enum Next {
    Decided(Take),
    /// With this turn a portion is full.
    Ask,
}

impl Account {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, now: i64, portion: u32, longest: i64) -> Next {
        let mut turns = self.turns();
        // Longer than a whole burst takes to come back nobody waits: then the clock was set back.
        if (1..=longest).contains(&(turns.blocked_until - now)) {
            return Next::Decided(Take::Refused { retry_after: turns.blocked_until - now });
        }
        turns.blocked_until = now;
        turns.unpaid += 1;
        if turns.unpaid < portion {
            return Next::Decided(Take::Granted);
        }
        // No longer counted here while it is asked for, so that it is asked for once.
        turns.unpaid -= portion;
        Next::Ask
    }
}

/// A portion that is being asked for. Dropped before there is an answer, because the client went away, it is
/// owed again.
struct Bill<'a> {
    account: &'a Account,
    portion: u32,
    is_settled: bool,
}

impl Bill<'_> {
    fn settle(mut self, take: Take, now: i64) -> Take {
        self.is_settled = true;
        if let Take::Refused { retry_after } = take {
            let mut turns = self.account.turns();
            turns.blocked_until = turns.blocked_until.max(now + retry_after);
            // All but the turn that is refused now.
            turns.owe(self.portion - 1, self.portion);
        }
        take
    }
}

impl Drop for Bill<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.account.turns().owe(self.portion, self.portion);
        }
    }
}

impl Turns {
    /// Bounded: many portions that were refused together do not add up to a debt for later.
    fn owe(&mut self, turns: u32, portion: u32) {
        self.unpaid = (self.unpaid + turns).min(portion * 2);
    }
}

#[cfg(test)]
mod tests;
