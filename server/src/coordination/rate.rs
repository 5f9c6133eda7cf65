//! Rates, and GCRA: the generic cell rate algorithm (ITU-T I.371), a leaky bucket that stores one instant.

use std::str::FromStr;

/// So many turns a minute, with a burst on top of an empty allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Turns a minute in the long run.
    pub per_minute: u32,
    /// Turns that may come at once.
    pub burst: u32,
}

/// What asking for a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Granted.
    Granted,
    /// Not now, but after so many milliseconds.
    Refused {
        /// Milliseconds until a turn is free.
        retry_after: i64,
    },
}

impl Rate {
    /// One step of GCRA in microseconds since 1970, for so many turns at once. `arrival` is the theoretical
    /// arrival time stored for the key, if any; the second value is what to store, unless the turns are refused.
    /// `take.lua` is this function for Redis.
    pub fn step(self, arrival: Option<i64>, now: i64, turns: u32) -> (Take, i64) {
        let interval = self.interval();
        // No honest arrival lies further ahead than an empty allowance: a clock that was set back, or a rate that
        // was changed, locks nobody out for longer.
        let latest = now + interval * i64::from(self.burst);
        let arrival = arrival.unwrap_or(now).clamp(now, latest);
        let after = arrival + interval * i64::from(turns);
        let excess = after - now - interval * i64::from(self.burst);
        if excess > 0 {
            return (Take::Refused { retry_after: Self::millis(excess) }, arrival);
        }
        (Take::Granted, after)
    }

    /// Whole milliseconds of so many microseconds, rounded up: who waits for them is not a moment early.
    pub fn millis(micros: i64) -> i64 {
        (micros + 999) / 1000
    }

    /// Microseconds in which one turn comes back.
    pub fn interval(self) -> i64 {
        60_000_000 / i64::from(self.per_minute)
    }
}

/// Why a rate cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a rate like \"1200/min burst 600\", or \"off\"")]
pub struct RateError;

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let mut words = text.split_whitespace();
        let per_minute = words.next().and_then(|word| word.strip_suffix("/min")).ok_or(RateError)?;
        let burst = match (words.next(), words.next(), words.next()) {
            (Some("burst"), Some(burst), None) => burst,
            (None, None, None) => per_minute,
            _ => return Err(RateError),
        };
        let number = |text: &str| match text.parse::<u32>() {
            Ok(number @ 1..=60_000_000) => Ok(number),
            _ => Err(RateError),
        };
        Ok(Self { per_minute: number(per_minute)?, burst: number(burst)? })
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/min burst {}", self.per_minute, self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_reads_as_it_is_written() {
        let rate: Rate = "1200/min burst 600".parse().expect("valid");
        assert_eq!(rate, Rate { per_minute: 1200, burst: 600 });
        assert_eq!(rate.to_string(), "1200/min burst 600");
        for wrong in
            ["", "1200", "1200/s", "0/min", "1200/min burst", "1200/min burst 0", "a/min", "1/min burst 2 3"]
        {
            assert_eq!(wrong.parse::<Rate>(), Err(RateError), "{wrong}");
        }
    }

    #[test]
    fn a_burst_is_granted_and_then_the_rate() {
        let rate = Rate { per_minute: 60, burst: 3 };
        let mut arrival = None;
        let mut take = |now: i64| {
            let (take, next) = rate.step(arrival, now, 1);
            if take == Take::Granted {
                arrival = Some(next);
            }
            take
        };
        assert_eq!([take(0), take(0), take(0)], [Take::Granted; 3]);
        assert_eq!(take(0), Take::Refused { retry_after: 1000 });
        assert_eq!(take(999_999), Take::Refused { retry_after: 1 });
        assert_eq!(take(1_000_000), Take::Granted);
        assert_eq!(take(1_000_000), Take::Refused { retry_after: 1000 });
    }

    #[test]
    fn several_turns_are_granted_together_or_not_at_all() {
        let rate = Rate { per_minute: 60, burst: 3 };
        assert_eq!(rate.step(None, 0, 3), (Take::Granted, 3_000_000));
        assert_eq!(rate.step(Some(1_000_000), 0, 3).0, Take::Refused { retry_after: 1000 });
        assert_eq!(rate.step(Some(1_000_000), 0, 2), (Take::Granted, 3_000_000));
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out() {
        let rate = Rate { per_minute: 60, burst: 3 };
        let tomorrow = 24 * 3600 * 1_000_000;
        assert_eq!(rate.step(Some(tomorrow), 0, 1).0, Take::Refused { retry_after: 1000 });
    }

    #[test]
    fn five_hundred_people_behind_one_address_get_in_at_once() {
        let rate: Rate = "1200/min burst 600".parse().expect("valid");
        let mut arrival = None;
        for _ in 0..600 {
            let (take, next) = rate.step(arrival, 0, 1);
            assert_eq!(take, Take::Granted);
            arrival = Some(next);
        }
        assert!(matches!(rate.step(arrival, 0, 1).0, Take::Refused { .. }));
    }
}
