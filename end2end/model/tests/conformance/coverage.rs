//! How often everything occurred that has to occur, so that a run which tries nothing does not pass.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::reference::Reference;
use model::reference::values::{Clash, Expected, Mode, Proof};
use shared::{Layer, Outcome};

/// Counts by name.
#[derive(Debug, Default)]
pub struct Coverage(BTreeMap<String, u64>);

/// What has to occur in a run of usual length, on every combination.
const REQUIRED: [&str; 43] = [
    "answer: created",
    "answer: created, person again after an end",
    "answer: replay, same key",
    "answer: replay, same key, after closing",
    "answer: replay, same key, after a day",
    "answer: replay, same key, of an ended entry",
    "answer: replay, same key, of a form that is invalid now",
    "answer: replay, first stands",
    "answer: replay, sequence",
    "answer: replay, sequence, of an ended entry",
    "answer: replay, browser",
    "answer: replay, browser, after closing",
    "answer: replay, browser, when full",
    "answer: key reused, person",
    "answer: key reused, payload",
    "answer: key reused, payload, in a strict draw",
    "answer: key reused, sequence",
    "answer: already registered",
    "answer: taken, phone",
    "answer: taken, member_id",
    "answer: invalid",
    "answer: token settles",
    "answer: token expired",
    "answer: token invalid",
    "answer: not open",
    "answer: closed",
    "answer: full",
    "replayed by: memory",
    "replayed by: joined",
    "replayed by: cache",
    "replayed by: lock",
    "replayed by: constraint",
    "step: burst",
    "step: burst beside Close",
    "step: burst beside End",
    "step: burst beside RequirePostcode",
    "step: burst beside Wipe",
    "step: restart",
    "step: wipe",
    "step: away",
    "step: mute",
    "step: plant, and it was there",
    "step: end, done",
];

impl Coverage {
    /// Something occurred.
    pub fn note(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    /// A request was told what the reference expects, who stands as it was before.
    pub fn note_answer(&mut self, before: &Reference, person: Option<u8>, expected: &Expected) {
        for name in names(before, person, expected) {
            self.note(format!("answer: {name}"));
        }
    }

    /// A layer answered a request.
    pub fn note_layer(&mut self, outcome: Outcome, layer: Layer, joined: bool) {
        let layer = if joined { "joined" } else { layer.as_str() };
        let verb = if outcome == Outcome::Replayed { "replayed" } else { "told" };
        self.note(format!("{verb} by: {layer}"));
    }

    /// A table, and what should have occurred and did not.
    pub fn report(&self) -> (String, Vec<&'static str>) {
        let mut table = String::new();
        for (what, times) in &self.0 {
            // Writing to a string does not fail.
            let _ = writeln!(table, "{times:>8}  {what}");
        }
        let missing = REQUIRED.into_iter().filter(|what| !self.0.contains_key(*what));
        (table, missing.collect())
    }
}

/// What an answer is called, alone and by what makes it remarkable.
fn names(before: &Reference, person: Option<u8>, expected: &Expected) -> Vec<String> {
    let (name, marks): (String, Vec<(&str, bool)>) = match expected {
        Expected::Created(_) => {
            let again = before.entries.iter().any(|entry| Some(entry.payload.person) == person);
            ("created".to_owned(), vec![("person again after an end", again)])
        }
        Expected::Replay(entry, proof) => {
            let entry = &before.entries[*entry];
            let is_full = before.draw.capacity.is_some_and(|capacity| before.live() >= capacity);
            let is_invalid = before.draw.requires_postcode && !entry.payload.has_postcode;
            let marks = vec![
                ("after closing", before.is_over()),
                ("after a day", before.now - entry.registered_at >= 24 * 3_600_000),
                ("of an ended entry", !entry.is_live()),
                ("of a form that is invalid now", is_invalid),
                ("when full", is_full),
            ];
            let proof = match proof {
                Proof::Key => "same key",
                Proof::FirstStands => "first stands",
                Proof::Sequence => "sequence",
                Proof::Browser => "browser",
            };
            (format!("replay, {proof}"), marks)
        }
        Expected::KeyReused(clash) => {
            let clash = match clash {
                Clash::Person => "person",
                Clash::Payload => "payload",
                Clash::Sequence => "sequence",
            };
            (format!("key reused, {clash}"), vec![("in a strict draw", before.draw.mode == Mode::Strict)])
        }
        Expected::Taken(fields) => {
            return fields.iter().map(|field| format!("taken, {}", field.as_str())).collect();
        }
        Expected::AlreadyRegistered => ("already registered".to_owned(), Vec::new()),
        Expected::Invalid => ("invalid".to_owned(), Vec::new()),
        Expected::TokenSettles => ("token settles".to_owned(), Vec::new()),
        Expected::TokenExpired => ("token expired".to_owned(), Vec::new()),
        Expected::TokenInvalid => ("token invalid".to_owned(), Vec::new()),
        Expected::NotOpen { .. } => ("not open".to_owned(), Vec::new()),
        Expected::Closed => ("closed".to_owned(), Vec::new()),
        Expected::Full => ("full".to_owned(), Vec::new()),
    };
    let marked = marks.iter().filter(|(_, applies)| *applies).map(|(mark, _)| format!("{name}, {mark}"));
    std::iter::once(name.clone()).chain(marked).collect()
}
