//! The plain values that the reference speaks of. Small numbers stand for people, browsers, phone numbers and keys;
//! instants are milliseconds since 1970.

/// Milliseconds that a page token lives.
pub const TOKEN_LIFE: i64 = 24 * 60 * 60 * 1000;
/// Milliseconds after that in which it is not refused for its age yet.
pub const TOKEN_SETTLES: i64 = 2 * 60 * 1000;
/// Milliseconds by which a page token may seem to come from the future, because clocks differ.
pub const TOKEN_SKEW: i64 = 120 * 1000;

/// What another payload under a known key comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The first request stands.
    Lenient,
    /// It is refused.
    Strict,
}

/// What an organiser decided of a draw.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Draw {
    /// See [`Mode`].
    pub mode: Mode,
    /// Whether a phone number may stand in one entry only.
    pub one_per_phone: bool,
    /// How many may be in it at once.
    pub capacity: Option<usize>,
    /// The rule that is edited: whether a postcode has to be given.
    pub requires_postcode: bool,
    /// First instant at which it takes entries.
    pub opens_at: i64,
    /// First instant at which it does not any more.
    pub closes_at: i64,
    /// Whether it was closed before that.
    pub is_closed: bool,
}

/// What a form says, in canonical form. Two forms have the same fingerprint when these are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Payload {
    /// Who: the email address.
    pub person: u8,
    /// What else the form says that nobody claims: the name.
    pub name: u8,
    /// The phone number.
    pub phone: Option<u8>,
    /// The membership number.
    pub member: Option<u8>,
    /// Whether there is a postcode.
    pub has_postcode: bool,
}

/// A form as it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    /// What it says.
    pub payload: Payload,
    /// What is wrong with it under any rules.
    pub flaw: Option<Flaw>,
}

/// What can be wrong with a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// The terms were not accepted; all that makes a fingerprint can be read.
    TermsRefused,
    /// The phone number is none: the person can be read, the payload cannot.
    NoPhoneNumber,
    /// The email address is none: not even the person can be read.
    NoEmail,
}

impl Form {
    /// Who it is for, as far as it can be read.
    pub fn person(&self) -> Option<u8> {
        (self.flaw != Some(Flaw::NoEmail)).then_some(self.payload.person)
    }

    /// What it says, as far as it can be read, whether or not the rules accept it.
    pub fn payload(&self) -> Option<Payload> {
        matches!(self.flaw, None | Some(Flaw::TermsRefused)).then_some(self.payload)
    }
}

/// What names an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A page token of this draw.
    Page {
        /// Which.
        number: u32,
        /// When the page was loaded.
        issued_at: i64,
    },
    /// A page token that was forged, or issued for another draw.
    NotGenuine,
    /// What an integrator chose.
    Integrator {
        /// The integrator: the scope of its keys, and the source of its sequences.
        source: u8,
        /// Its key.
        key: u8,
        /// The number of the entry in its own books.
        sequence: Option<u8>,
    },
}

impl Key {
    /// Source and sequence, where there are any.
    pub fn sequence(&self) -> Option<(u8, u8)> {
        match self {
            Self::Integrator { source, sequence, .. } => Some((*source, (*sequence)?)),
            Self::Page { .. } | Self::NotGenuine => None,
        }
    }
}

/// What is held of a key by the entry it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// A page token.
    Page(u32),
    /// A key within an integrator's scope.
    Integrator(u8, u8),
}

impl Name {
    /// Of a genuine key.
    pub fn of(key: &Key) -> Option<Self> {
        match key {
            Key::Page { number, .. } => Some(Self::Page(*number)),
            Key::Integrator { source, key, .. } => Some(Self::Integrator(*source, *key)),
            Key::NotGenuine => None,
        }
    }
}

/// One request to register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// Its key.
    pub key: Key,
    /// The browser that proves itself by its cookie; an integrator has none.
    pub browser: Option<u8>,
    /// What it sends.
    pub form: Form,
}

/// An entry, live or ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The keys that lead to it: the one that made it, and those that were acknowledged with it because the browser
    /// proved itself, or because they named its source and sequence.
    pub keys: Vec<Name>,
    /// Source and sequence it came with.
    pub sequence: Option<(u8, u8)>,
    /// What it says.
    pub payload: Payload,
    /// The browser that made it.
    pub browser: Option<u8>,
    /// When it was made.
    pub registered_at: i64,
    /// How it ended, if it did.
    pub end: Option<End>,
}

impl Entry {
    /// Whether it takes part.
    pub fn is_live(&self) -> bool {
        self.end.is_none()
    }
}

/// How an entry ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// By the entrant, before closing.
    Withdrawn,
    /// By an organiser.
    Removed,
}

/// What ending an entry comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// Done now.
    Done,
    /// It had ended before.
    Already,
    /// The draw no longer allows it.
    DrawClosed,
}

/// A field that holds a claim which can clash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The phone number.
    Phone,
    /// The membership number.
    Member,
}

impl Field {
    /// Every field, in the order in which they are told.
    pub const ALL: [Self; 2] = [Self::Phone, Self::Member];

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Member => "member_id",
        }
    }
}

/// What proves that a request is a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// The same key and payload.
    Key,
    /// The same key and person, in a lenient draw.
    FirstStands,
    /// The same source, sequence and payload.
    Sequence,
    /// The same browser, person and payload.
    Browser,
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clash {
    /// It belongs to another person.
    Person,
    /// It belongs to another payload of the person.
    Payload,
    /// Its source and sequence belong to another payload or person.
    Sequence,
}

/// What a request to register gets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expected {
    /// A new entry, and its receipt.
    Created(usize),
    /// The receipt of an entry that was there, byte for byte.
    Replay(usize, Proof),
    /// `idempotency-key-reused`.
    KeyReused(Clash),
    /// `already-registered`: the person is, and no more is told.
    AlreadyRegistered,
    /// `already-registered`: other entries hold what these fields say.
    Taken(Vec<Field>),
    /// `validation-failed`.
    Invalid,
    /// `in-progress`: the token is too old for anything new, but what it was sent with in time may be on its way.
    TokenSettles,
    /// `token-expired`.
    TokenExpired,
    /// `token-invalid`.
    TokenInvalid,
    /// `draw-not-open`.
    NotOpen {
        /// Milliseconds until it opens.
        wait: i64,
    },
    /// `draw-closed`.
    Closed,
    /// `draw-full`.
    Full,
}
