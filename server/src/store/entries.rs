//! Entries: who registered, under which claims, and what became of it.

use async_trait::async_trait;
use shared::Entry;
use uuid::Uuid;

use super::draws::{Actor, Draw};
use super::{StoreError, StoreResult};
use crate::secrets::Digest;

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
    /// The page token; never told, it decides the key's fate.
    Token,
    /// A phone number, where a draw allows each once.
    Phone,
    /// A membership number.
    Member,
}

impl ClaimKind {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Phone => "phone",
            Self::Member => "member",
        }
    }

    /// The form's field that holds it, for those an entrant typed.
    pub fn field(self) -> Option<&'static str> {
        match self {
            Self::Token => None,
            Self::Phone => Some("phone"),
            Self::Member => Some("member_id"),
        }
    }
}

/// A claim an entry makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Names the sender's network.
    pub ip_prefix: Option<Digest>,
    /// Milliseconds between page load and press.
    pub token_age: Option<i64>,
}

impl NewEntry {
    /// The claim on the page token.
    pub fn token(&self) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.kind == ClaimKind::Token)
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

    /// What a receipt code leads to.
    async fn receipt(&self, code: &str) -> StoreResult<Option<ReceiptRow>>;

    /// Ends the entry of a receipt: personal data is blanked, the person and all claims but the token are
    /// free again, capacity is given back. One transaction, with the audit row for [`Ending::Removed`].
    async fn end(&self, code: &str, ending: &Ending, actor: &Actor) -> StoreResult<Ended>;

    /// Adds counts gathered in memory. Best effort: what a crash loses is lost.
    async fn add_counts(&self, retries: &[RetryCount], caught: &[(CaughtHour, i64)]) -> StoreResult<()>;
}
