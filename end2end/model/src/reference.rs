//! What registering comes to, as a machine that does one thing at a time over plain values: a second opinion beside
//! the server's code, with which it shares nothing.
//!
//! [`Reference::submit`] is the specification's order of precedence, from top to bottom. There are no layers, no
//! transactions and no failures here: whatever the server's layers do together has to come to one of these answers,
//! for some order of the requests that were under way together.
//!
//! To add a rule: a value in [`values`], the decision here, and a transition in `tests/conformance`.

pub mod values;

#[cfg(test)]
mod tests;

use values::{
    Attempt, Clash, Draw, End, Ended, Entry, Expected, Field, Form, Key, Mode, Name, Payload, Proof,
    TOKEN_LIFE, TOKEN_SETTLES, TOKEN_SKEW,
};

/// One draw and everybody in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The database's clock, milliseconds since 1970.
    pub now: i64,
    /// The draw.
    pub draw: Draw,
    /// Every entry that was ever made, in the order in which they were. Entries are named by their place here.
    pub entries: Vec<Entry>,
}

impl Reference {
    /// A draw that nobody has entered.
    pub fn new(now: i64, draw: Draw) -> Self {
        Self { now, draw, entries: Vec::new() }
    }

    /// One request to register.
    pub fn submit(&mut self, attempt: &Attempt) -> Expected {
        // What is no key of this draw names nothing that could be known.
        if !self.is_genuine(&attempt.key) {
            return Expected::TokenInvalid;
        }
        // Nothing refuses a known retry: not the rules, not the token's age, not the draw. An entry that has ended
        // still holds its key, and its source and sequence.
        if let Some(entry) = self.that_key_leads_to(&attempt.key) {
            return self.when_key_is_known(entry, attempt);
        }
        if let Some(entry) = self.that_sequence_leads_to(&attempt.key) {
            return self.when_sequence_is_known(entry, attempt);
        }
        // What is held against the attempt itself.
        let Some(payload) = self.judge(&attempt.form) else {
            return Expected::Invalid;
        };
        if self.has_expired(&attempt.key) {
            return if self.has_settled(&attempt.key) {
                Expected::TokenExpired
            } else {
                Expected::TokenSettles
            };
        }
        // A reload in the same browser is a retry as well, though under a fresh token. Having been acknowledged with
        // the entry, that token leads to it from then on, whatever becomes of the entry.
        let registered = self.live_entry_of(payload.person);
        if let Some(entry) = registered.filter(|entry| self.is_same_browser(*entry, attempt, &payload)) {
            self.entries[entry].keys.extend(Name::of(&attempt.key));
            return Expected::Replay(entry, Proof::Browser);
        }
        // Now it wants to enter: the draw, then the person, then what else may be held once, then the room.
        if let Some(refusal) = self.is_shut() {
            return refusal;
        }
        if registered.is_some() {
            return Expected::AlreadyRegistered;
        }
        let taken = self.taken(&payload);
        if !taken.is_empty() {
            return Expected::Taken(taken);
        }
        if self.draw.capacity.is_some_and(|capacity| self.live() >= capacity) {
            return Expected::Full;
        }
        self.create(attempt, payload)
    }

    /// One request to register, to a server that has not heard yet of an edit of the rules. No entry is made by old
    /// rules, so this matters only to who is refused twice over: that the token is too old, or that the draw takes
    /// nobody, may then be said in place of what the new rules have to say; and who is registered may be told so.
    /// How things stand then, and the answer; `None` where there is no such.
    pub fn submit_by_earlier_rules(
        &self,
        attempt: &Attempt,
        required_postcode: bool,
    ) -> Option<(Self, Expected)> {
        if self.is_shut().is_none() && !self.has_expired(&attempt.key) {
            return None;
        }
        let mut earlier = self.clone();
        earlier.require_postcode(required_postcode);
        let expected = earlier.submit(attempt);
        earlier.require_postcode(self.draw.requires_postcode);
        Some((earlier, expected))
    }

    /// The entrant withdraws, or an organiser removes the entry. Its person and its claims are free again, all but
    /// its key and its source and sequence.
    pub fn end(&mut self, entry: usize, end: End) -> Ended {
        let is_allowed = end == End::Removed || !self.is_over();
        match &mut self.entries[entry].end {
            Some(_) => Ended::Already,
            None if !is_allowed => Ended::DrawClosed,
            ended => {
                *ended = Some(end);
                Ended::Done
            }
        }
    }

    /// An organiser closes the draw; closing it again changes nothing.
    pub fn close(&mut self) {
        self.draw.is_closed = true;
    }

    /// An organiser edits the rules. Entries that were accepted stay.
    pub fn require_postcode(&mut self, is_required: bool) {
        self.draw.requires_postcode = is_required;
    }

    /// An organiser changes how many may enter; whether that is allowed, which it is not below what is taken.
    pub fn set_capacity(&mut self, capacity: Option<usize>) -> bool {
        let is_allowed = capacity.is_none_or(|capacity| capacity >= self.live());
        if is_allowed {
            self.draw.capacity = capacity;
        }
        is_allowed
    }

    /// Whether nothing enters any more: the list is frozen from the closing instant on, or when it was closed.
    pub fn is_over(&self) -> bool {
        self.draw.is_closed || self.now >= self.draw.closes_at
    }

    /// How many live entries there are: what the counter says.
    pub fn live(&self) -> usize {
        self.entries.iter().filter(|entry| entry.is_live()).count()
    }

    /// What an entry holds that no other may hold.
    pub fn claims(&self, entry: usize) -> Vec<&'static str> {
        let Entry { keys, sequence, payload, .. } = &self.entries[entry];
        let is_live = self.entries[entry].is_live();
        let member = (is_live && payload.member.is_some()).then_some("member");
        let phone = (is_live && payload.phone.is_some() && self.draw.one_per_phone).then_some("phone");
        let source = sequence.map(|_| "source");
        let tokens = keys.iter().map(|_| "token");
        member.into_iter().chain(phone).chain(source).chain(tokens).collect()
    }

    /// A page token is genuine when this service issued it for this draw, and not in the future.
    fn is_genuine(&self, key: &Key) -> bool {
        match key {
            Key::NotGenuine => false,
            Key::Page { issued_at, .. } => *issued_at <= self.now + TOKEN_SKEW,
            Key::Integrator { .. } => true,
        }
    }

    /// Pages live for a day; integrators' keys do not age.
    fn has_expired(&self, key: &Key) -> bool {
        matches!(key, Key::Page { issued_at, .. } if self.now - issued_at >= TOKEN_LIFE)
    }

    /// What a page sent in time may still be on its way for a while: until then nobody can say that it was refused.
    fn has_settled(&self, key: &Key) -> bool {
        matches!(key, Key::Page { issued_at, .. } if self.now - issued_at >= TOKEN_LIFE + TOKEN_SETTLES)
    }

    fn that_key_leads_to(&self, key: &Key) -> Option<usize> {
        let name = Name::of(key)?;
        self.entries.iter().position(|entry| entry.keys.contains(&name))
    }

    fn that_sequence_leads_to(&self, key: &Key) -> Option<usize> {
        let sequence = key.sequence()?;
        self.entries.iter().position(|entry| entry.sequence == Some(sequence))
    }

    fn live_entry_of(&self, person: u8) -> Option<usize> {
        self.entries.iter().position(|entry| entry.is_live() && entry.payload.person == person)
    }

    fn when_key_is_known(&self, entry: usize, attempt: &Attempt) -> Expected {
        let stored = &self.entries[entry].payload;
        if attempt.form.person() != Some(stored.person) {
            return Expected::KeyReused(Clash::Person);
        }
        if attempt.form.payload() == Some(*stored) {
            return Expected::Replay(entry, Proof::Key);
        }
        // Whoever names a sequence keeps books, and is told of another payload in either mode.
        if self.draw.mode == Mode::Lenient && attempt.key.sequence().is_none() {
            return Expected::Replay(entry, Proof::FirstStands);
        }
        Expected::KeyReused(Clash::Payload)
    }

    fn when_sequence_is_known(&mut self, entry: usize, attempt: &Attempt) -> Expected {
        if attempt.form.payload() != Some(self.entries[entry].payload) {
            return Expected::KeyReused(Clash::Sequence);
        }
        // Acknowledged with the entry, as after a reload.
        self.entries[entry].keys.extend(Name::of(&attempt.key));
        Expected::Replay(entry, Proof::Sequence)
    }

    /// The rules: what the form says, when it keeps them.
    fn judge(&self, form: &Form) -> Option<Payload> {
        let keeps_them = form.flaw.is_none() && (form.payload.has_postcode || !self.draw.requires_postcode);
        keeps_them.then_some(form.payload)
    }

    fn is_same_browser(&self, entry: usize, attempt: &Attempt, payload: &Payload) -> bool {
        let Entry { browser, payload: stored, .. } = &self.entries[entry];
        attempt.browser.is_some() && attempt.browser == *browser && payload == stored
    }

    /// Open is `[opens_at, closes_at)`, unless it was closed before.
    fn is_shut(&self) -> Option<Expected> {
        if self.is_over() {
            return Some(Expected::Closed);
        }
        let wait = self.draw.opens_at - self.now;
        (wait > 0).then_some(Expected::NotOpen { wait })
    }

    /// Which fields hold what another live entry holds.
    fn taken(&self, payload: &Payload) -> Vec<Field> {
        let others = || self.entries.iter().filter(|entry| entry.is_live()).map(|entry| entry.payload);
        let is_held = |field: Field| match field {
            Field::Phone => {
                self.draw.one_per_phone
                    && payload.phone.is_some()
                    && others().any(|other| other.phone == payload.phone)
            }
            Field::Member => payload.member.is_some() && others().any(|other| other.member == payload.member),
        };
        Field::ALL.into_iter().filter(|field| is_held(*field)).collect()
    }

    fn create(&mut self, attempt: &Attempt, payload: Payload) -> Expected {
        let Some(key) = Name::of(&attempt.key) else { return Expected::TokenInvalid };
        self.entries.push(Entry {
            keys: vec![key],
            sequence: attempt.key.sequence(),
            payload,
            browser: attempt.browser,
            registered_at: self.now,
            end: None,
        });
        Expected::Created(self.entries.len() - 1)
    }
}
