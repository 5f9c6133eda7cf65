//! Draws come in rounds, so that beginnings and ends happen often.

use std::fmt;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::history::DrawId;

/// How a draw ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Not in this run: a day after it began, when late retries find it closed.
    TheNextDay,
    /// By its closing instant, so long after it was made.
    ByTheClock(Duration),
    /// By an organiser, so long after it was made.
    ByHand(Duration),
}

/// A draw of this run.
#[derive(Clone, Debug)]
pub struct Draw {
    /// Its number.
    pub id: DrawId,
    /// Its slug.
    pub slug: String,
    /// Whether another payload under a used key is refused.
    pub is_strict: bool,
    /// Whether a phone number is a claim.
    pub one_per_phone: bool,
    /// How many may enter. In a draw that has one nobody withdraws, so that full means full.
    pub capacity: Option<u32>,
    /// How it ends.
    pub ending: Ending,
    /// Scripts that are played in it.
    pub cases: u32,
}

impl Draw {
    /// The draw of a round that lasts so long and sees so many scripts.
    pub fn new(id: DrawId, lasts: Duration, cases: u32, random: &mut StdRng) -> Self {
        let middle = lasts.mul_f64(random.random_range(0.5..0.9));
        let ending = match random.random_range(0..10) {
            0..4 => Ending::TheNextDay,
            4..7 => Ending::ByTheClock(middle),
            _ => Ending::ByHand(middle),
        };
        let capacity = random.random_bool(0.3).then(|| (cases / 2).max(1));
        let (is_strict, one_per_phone) = (random.random_bool(0.35), random.random_bool(0.35));
        Self { id, slug: format!("round-{id}"), is_strict, one_per_phone, capacity, ending, cases }
    }

    /// As a file for `drawbridge draw apply`, at an instant.
    pub fn file(&self, now: jiff::Timestamp) -> String {
        let day = jiff::SignedDuration::from_hours(24);
        let closes_at = match self.ending {
            Ending::ByTheClock(after) => {
                now + jiff::SignedDuration::from_millis(i64::try_from(after.as_millis()).unwrap_or(i64::MAX))
            }
            Ending::TheNextDay | Ending::ByHand(_) => now + day,
        };
        let capacity = self.capacity.map_or_else(String::new, |places| format!("capacity = {places}\n"));
        let phone = if self.one_per_phone { "phone = \"required\"\none_per_phone = true\n" } else { "" };
        let mode = if self.is_strict { "strict" } else { "lenient" };
        format!(
            "[[draw]]\nslug = \"{0}\"\ntitle = \"{0}\"\ntimezone = \"Europe/London\"\nopens_at = {1}\ncloses_at = {2}\nmode = \"{mode}\"\n{capacity}{phone}",
            self.slug,
            now - day,
            closes_at,
        )
    }
}

impl fmt::Display for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.is_strict { "strict" } else { "lenient" };
        write!(f, "{}: {mode}, {} scripts", self.slug, self.cases)?;
        if self.one_per_phone {
            write!(f, ", one per phone")?;
        }
        if let Some(places) = self.capacity {
            write!(f, ", {places} places")?;
        }
        match self.ending {
            Ending::TheNextDay => write!(f, ", stays open"),
            Ending::ByTheClock(after) => {
                write!(f, ", closes by the clock after {:.1} s", after.as_secs_f64())
            }
            Ending::ByHand(after) => write!(f, ", closed by hand after {:.1} s", after.as_secs_f64()),
        }
    }
}
