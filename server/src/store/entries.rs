//! Entries: who registered, under which claims, and what became of it.

use std::collections::HashMap;

use async_trait::async_trait;
use shared::{DrawState, Entry};
use uuid::Uuid;

use super::draws::{Actor, Draw};
use super::{StoreError, StoreResult};
use crate::secrets::{Digest, Keys};

/// What names an attempt's payload and sender, beside its key. Two requests are the same attempt when these
/// are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Names the person within the draw.
    pub person: Digest,
    /// Names the payload.
    pub fingerprint: Digest,
    /// [`shared::entry::FINGERPRINT_VERSION`] it was made with.
    pub fingerprint_version: i16,
    /// Names the browser, by its entrant cookie.
    pub browser: Option<Digest>,
}

/// A kind of claim that can clash and be told to the entrant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClaimKind {
    /// The page token, or an integrator's key; never told, it decides the key's fate.
    Token,
    /// An integrator's source and sequence; never told, it decides like a key.
    Source,
    /// A phone number, where a draw allows each once.
    Phone,
    /// A membership number.
    Member,
}

impl ClaimKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Token, Self::Source, Self::Phone, Self::Member];

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Source => "source",
            Self::Phone => "phone",
            Self::Member => "member",
        }
    }

    /// The form's field that holds it, for those an entrant typed.
    pub fn field(self) -> Option<&'static str> {
        match self {
            Self::Token | Self::Source => None,
            Self::Phone => Some("phone"),
            Self::Member => Some("member_id"),
        }
    }
}

/// A claim an entry makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// What kind of thing.
    pub kind: ClaimKind,
    /// Which one.
    pub key: Digest,
}

/// An entry on its way into the database. Its id and receipt are made beforehand, so that the same write can
/// be repeated when nobody knows whether it happened.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Id, `UUIDv7`.
    pub id: Uuid,
    /// Receipt code.
    pub receipt: String,
    /// Who and what.
    pub identity: Identity,
    /// The token first, then what else it claims.
    pub claims: Vec<Claim>,
    /// The entry.
    pub entry: Entry,
    /// Version of the draw by whose rules it was judged; also the version of the accepted terms.
    pub draw_version: i64,
    /// Names the sender's network, where that is the entrant's.
    pub ip_prefix: Option<Digest>,
    /// Milliseconds between page load and press; integrators have no page.
    pub token_age: Option<i64>,
}

impl NewEntry {
    /// The claim on the page token or the integrator's key.
    pub fn token(&self) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.kind == ClaimKind::Token)
    }

    /// The claims that can clash and be told.
    pub fn told_claims(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(|claim| claim.kind.field().is_some())
    }

    /// The claim on an integrator's source and sequence, where it came with one.
    pub fn source(&self) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.kind == ClaimKind::Source)
    }
}

/// What is known of a committed entry, live or ended: all that a decision about a retry needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Id.
    pub id: Uuid,
    /// Receipt code.
    pub receipt: String,
    /// Instant of registration, milliseconds since 1970.
    pub registered_at: i64,
    /// Who and what.
    pub identity: Identity,
}

/// What became of one entry of a batch.
#[derive(Debug)]
pub enum Written {
    /// It is committed.
    Created {
        /// Instant of registration, milliseconds since 1970.
        registered_at: i64,
    },
    /// Its token was used before, by this entry.
    TokenKnown(Stored),
    /// Its source and sequence were used before under another token, by this entry.
    SourceKnown(Stored),
    /// The person is registered under another token.
    PersonKnown(Stored),
    /// Other entries hold these claims.
    ClaimsTaken(Vec<ClaimKind>),
    /// Before opening, an instant in milliseconds since 1970; the second is the database's "now".
    NotOpen(i64, i64),
    /// The draw is committed as closed, or cancelled.
    Closed,
    /// The draw is at capacity.
    Full,
    /// It lost to something that was not committed in the end: try again.
    Again,
    /// The draw was edited after the entry was judged: judge and try again.
    DrawChanged,
    /// The database refuses this very row.
    Refused(StoreError),
}

/// Which entries a claim look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptStatus {
    /// Live, with what the receipt page shows.
    Registered(Box<Entry>),
    /// The entrant withdrew.
    Withdrawn,
    /// An organiser removed it.
    Removed,
}

/// What a receipt code leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRow {
    /// The draw.
    pub draw: Draw,
    /// Id of the entry.
    pub entry_id: Uuid,
    /// Instant of registration.
    pub registered_at: i64,
    /// What it is worth now.
    pub status: ReceiptStatus,
}

/// How ending an entry went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Done now.
    Done,
    /// It had ended before.
    Already,
    /// The draw no longer allows it.
    DrawClosed,
    /// No such entry.
    Unknown,
}

/// Why an entry ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By the entrant, before closing.
    Withdrawn,
    /// By an organiser, with a reason, at any time before drawing.
    Removed {
        /// For the audit list.
        reason: String,
    },
}

impl Ending {
    /// Entrants withdraw before closing; organisers remove until the list is committed to.
    pub fn is_allowed_in(&self, state: DrawState) -> bool {
        match self {
            Self::Withdrawn => state == DrawState::Announced,
            Self::Removed { .. } => matches!(state, DrawState::Announced | DrawState::Closed),
        }
    }

    /// The name in the database, and the reason.
    pub fn name_and_reason(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Withdrawn => ("withdrawn", None),
            Self::Removed { reason } => ("removed", Some(reason)),
        }
    }
}

/// The claims an entry gives back when it ends: all but its token and its source and sequence.
pub fn freed_claims(keys: &Keys, draw: Uuid, entry: &Entry) -> Vec<Claim> {
    let claim = |kind: ClaimKind, value: &Option<String>| {
        let value = value.as_ref()?;
        Some(Claim { kind, key: keys.claim(draw, kind.as_str(), value.as_bytes()) })
    };
    [claim(ClaimKind::Phone, &entry.phone), claim(ClaimKind::Member, &entry.member_id)]
        .into_iter()
        .flatten()
        .collect()
}

/// Retries of one entry since the last flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryCount {
    /// Draw of the entry.
    pub draw: Uuid,
    /// Person of the entry.
    pub person: Digest,
    /// How many.
    pub count: i64,
    /// The latest, milliseconds since 1970.
    pub last_at: i64,
}

/// Requests a layer caught in one hour, since the last flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CaughtHour {
    /// Draw.
    pub draw: Uuid,
    /// Start of the hour, milliseconds since 1970.
    pub hour: i64,
    /// Layer's name.
    pub layer: &'static str,
}

/// Entries in a database.
#[async_trait]
pub trait Entries: Send + Sync {
    /// Batches that are worth writing at the same time.
    fn writers(&self) -> usize;

    /// Writes a batch of entries of one draw, in one transaction, as the specification's section 3 says, and
    /// tells what became of each, in the same order. Entries, claims, counters and outbox rows are committed
    /// together or not at all; [`Written::Created`] is only said of what is durable.
    ///
    /// # Errors
    /// When nothing can be said of the batch: it may or may not be committed, and the same batch with the
    /// same ids has to be written again to know.
    async fn write(&self, draw: Uuid, batch: &[NewEntry]) -> StoreResult<Vec<Written>>;

    /// The entry that used a token, live or ended.
    async fn by_token(&self, draw: Uuid, token: &Digest) -> StoreResult<Option<Stored>>;

    /// The entries that hold some claims, live or ended: one statement where that is worth it.
    async fn holders(&self, draw: Uuid, claims: &[Claim]) -> StoreResult<HashMap<Claim, Stored>>;

    /// The entry that used an integrator's source and sequence, live or ended.
    async fn by_source(&self, draw: Uuid, source: &Digest) -> StoreResult<Option<Stored>>;

    /// Binds a token to a committed entry, live or ended, which its attempt is about to be acknowledged with; `false`
    /// when the token is used already.
    async fn bind_token(&self, draw: Uuid, token: Digest, to: &Stored) -> StoreResult<bool>;

    /// What a receipt code leads to.
    async fn receipt(&self, code: &str) -> StoreResult<Option<ReceiptRow>>;

    /// Ends the entry of a receipt: personal data is blanked, the person and all claims but the token and the
    /// source and sequence are free again, capacity is given back. One transaction, with the audit row for
    /// [`Ending::Removed`].
    async fn end(&self, code: &str, ending: &Ending, actor: &Actor) -> StoreResult<Ended>;

    /// Adds counts gathered in memory. Best effort: what a crash loses is lost.
    async fn add_counts(&self, retries: &[RetryCount], caught: &[(CaughtHour, i64)]) -> StoreResult<()>;
}
