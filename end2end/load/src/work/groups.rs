//! Duplicates: one attempt sent on several connections at once has to come to one entry and to equal bytes.

use std::collections::HashMap;

use super::ledger::{Acknowledged, Ledger, Token};

/// What one copy of an attempt was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// A receipt of an entry, and the hash of its bytes; whether it said that it is a replay.
    Receipt { entry: [u8; 16], body: u64, is_replayed: bool },
    /// To come again later: this copy made no entry.
    Later,
    /// Nothing that says whether there is an entry.
    Nothing,
}

/// An attempt whose copies are not all answered.
#[derive(Debug)]
struct Group {
    person: u32,
    token: Token,
    /// Copies that are not answered.
    open: u32,
    receipt: Option<([u8; 16], u64)>,
    /// Receipts that were no replays.
    originals: u32,
    replays: u32,
    /// Copies that were told nothing.
    nothing: u32,
}

/// Attempts that are on their way several times.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: HashMap<u32, Group>,
}

impl Groups {
    /// Begins an attempt of so many copies.
    pub fn begin(&mut self, person: u32, token: Token, copies: u32) {
        let group =
            Group { person, token, open: copies, receipt: None, originals: 0, replays: 0, nothing: 0 };
        self.groups.insert(person, group);
    }

    /// The token of an attempt.
    pub fn token(&self, person: u32) -> Option<&Token> {
        self.groups.get(&person).map(|group| &group.token)
    }

    /// Notes what a copy was told; when it was the last, the attempt goes to the ledger.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn told(&mut self, person: u32, told: Told, ledger: &mut Ledger) -> Result<(), &'static str> {
        let Some(group) = self.groups.get_mut(&person) else { return Ok(()) };
        let noted = group.note(told);
        group.open -= 1;
        if group.open > 0 {
            return noted;
        }
        let ended = group.end(ledger);
        self.groups.remove(&person);
        noted.and(ended)
    }

    /// Attempts of which nobody will learn more.
    pub fn abandon(self, ledger: &mut Ledger) {
        for mut group in self.groups.into_values() {
            group.nothing += 1;
            // What is wrong was said with the answer that showed it.
            let _ = group.end(ledger);
        }
    }
}

impl Group {
    fn note(&mut self, told: Told) -> Result<(), &'static str> {
        let Told::Receipt { entry, body, is_replayed } = told else {
            self.nothing += u32::from(told == Told::Nothing);
            return Ok(());
        };
        self.originals += u32::from(!is_replayed);
        self.replays += u32::from(is_replayed);
        let (_, first) = *self.receipt.get_or_insert((entry, body));
        match () {
            () if first != body => Err("the bytes that another copy of the same attempt got"),
            () if self.originals > 1 => Err("Idempotent-Replayed: true, since another copy was the first"),
            () => Ok(()),
        }
    }

    fn end(&self, ledger: &mut Ledger) -> Result<(), &'static str> {
        match self.receipt {
            Some((entry, body)) => {
                ledger.acknowledged.push(Acknowledged {
                    person: self.person,
                    token: self.token,
                    entry,
                    body,
                });
            }
            None if self.nothing > 0 => ledger.unknown.push(self.person),
            None => {}
        }
        if self.originals == 0 && self.replays > 0 && self.nothing == 0 {
            return Err("one copy of the attempt without Idempotent-Replayed");
        }
        Ok(())
    }
}
