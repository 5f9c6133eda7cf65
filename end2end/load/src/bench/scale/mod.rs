//! What a draw costs once millions have registered: `load bench-scale`.
//!
//! Databases of different sizes stand beside each other, filled by `COPY`, and what is done with the largest is done
//! with a small one in turn. Redis is not used.
//!
//! | to change | look in |
//! | --- | --- |
//! | who is in the databases | [`people`]; what of them is stored: [`copy`], [`keys`] |
//! | how they are filled | [`fill`] |
//! | one registration | [`registrations`] |
//! | which pages an organiser looks at | [`pages`]; how their cost is counted: [`statements`] |
//! | the download | [`export`] |
//! | what the server remembers | [`memory`] |

pub mod copy;
pub mod export;
pub mod fill;
pub mod keys;
pub mod memory;
pub mod organiser;
pub mod pages;
pub mod people;
pub mod registrations;
pub mod statements;

use std::cell::OnceCell;
use std::time::Instant;

use super::Comparison;
use super::ground::{Backends, Ground, SECRET, Site};
use crate::{Failure, draw};
use fill::Filled;

/// One comparison: its name on the command line, and how it is made.
type Entry = (&'static str, fn(&Scale<'_>) -> Result<Vec<Comparison>, Failure>);

/// All of them, in the order of the table.
pub const ALL: [Entry; 4] = [
    ("registrations", registrations::compare),
    ("pages", pages::compare),
    ("export", export::compare),
    ("memory", memory::compare),
];

/// Entries of the small draws that the large one is compared with, and of the one that is exported; never more than
/// the large one has.
const REGISTRATIONS_SMALL: u64 = 100_000;
const PAGES_SMALL: u64 = 10_000;
const EXPORTED: u64 = 1_000_000;

/// What the comparisons share.
#[derive(Debug)]
pub struct Scale<'a> {
    /// Servers and databases.
    pub ground: &'a Ground,
    /// Entries of the large draw.
    pub entries: u64,
    /// Rounds of each comparison.
    pub rounds: usize,
    /// Told each round's figures.
    pub tell: fn(&str),
    large: OnceCell<Hall<'a>>,
}

/// A database and what is in it.
#[derive(Debug)]
pub struct Hall<'a> {
    /// The database.
    pub site: Site<'a>,
    /// What is in it.
    pub filled: Filled,
}

impl<'a> Scale<'a> {
    /// Nothing filled yet.
    pub fn new(ground: &'a Ground, entries: u64, rounds: usize, tell: fn(&str)) -> Self {
        Self { ground, entries, rounds, tell, large: OnceCell::new() }
    }

    /// The large draw, filled when it is first wanted.
    fn large(&self) -> Result<&Hall<'a>, Failure> {
        if let Some(hall) = self.large.get() {
            return Ok(hall);
        }
        let hall = self.hall(self.entries)?;
        Ok(self.large.get_or_init(|| hall))
    }

    /// A draw with so many entries, in a database of its own.
    fn hall(&self, entries: u64) -> Result<Hall<'a>, Failure> {
        let site = self.ground.site(Backends::Postgres)?;
        organiser::add(&site)?;
        let began = Instant::now();
        let filled = fill::fill(&site.url, draw::SLUG, SECRET, entries)?;
        (self.tell)(&format!("{entries} entries: filled in {:.0} s", began.elapsed().as_secs_f64()));
        Ok(Hall { site, filled })
    }

    fn at_most(&self, entries: u64) -> u64 {
        entries.min(self.entries)
    }
}

/// A number of entries in words.
fn words(entries: u64) -> String {
    match entries {
        0..1000 => entries.to_string(),
        1000..1_000_000 => format!("{} thousand", entries / 1000),
        _ => format!("{} million", entries / 1_000_000),
    }
}

#[cfg(test)]
mod tests;
