//! Draws: what people register for.

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use shared::rules::Dates;
use shared::{Action, DrawRules, DrawState, Phase};
use uuid::Uuid;

use super::StoreResult;
use crate::draws::Fault;

/// What a key's second use with another payload comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The first request stands and is replayed.
    #[default]
    Lenient,
    /// It is refused.
    Strict,
}

impl Mode {
    /// The name in the database and in TOML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lenient => "lenient",
            Self::Strict => "strict",
        }
    }
}

/// Everything an organiser decides about a draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawSpec {
    /// Address; immutable after the first entry.
    pub slug: String,
    /// Title.
    pub title: String,
    /// Paragraphs separated by empty lines.
    pub description: String,
    /// IANA name, known to be one.
    pub timezone: String,
    /// Opening instant, milliseconds since 1970.
    pub opens_at: i64,
    /// Closing instant (exclusive), milliseconds since 1970.
    pub closes_at: i64,
    /// When winners are drawn.
    pub draws_at: Option<i64>,
    /// See [`Mode`].
    pub mode: Mode,
    /// Entries accepted before the draw is full.
    pub capacity: Option<u32>,
    /// Terms to accept.
    pub terms_url: Option<String>,
    /// Privacy notice.
    pub privacy_url: Option<String>,
    /// Whom to ask.
    pub contact: Option<String>,
    /// What is asked of entrants.
    pub rules: DrawRules,
    /// Who is told of each entry: one outbox row each.
    pub destinations: Vec<String>,
}

/// What organisers edit on the web: all of a draw but its slug, its rules and who is told of entries, which
/// stay with its file. Meanings and units are those of [`DrawSpec`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawDetails {
    /// Title.
    pub title: String,
    /// Paragraphs separated by empty lines.
    pub description: String,
    /// IANA name.
    pub timezone: String,
    /// Opening instant.
    pub opens_at: i64,
    /// Closing instant (exclusive).
    pub closes_at: i64,
    /// When winners are drawn.
    pub draws_at: Option<i64>,
    /// See [`Mode`].
    pub mode: Mode,
    /// Entries accepted before the draw is full.
    pub capacity: Option<u32>,
    /// Terms to accept.
    pub terms_url: Option<String>,
    /// Privacy notice.
    pub privacy_url: Option<String>,
    /// Whom to ask.
    pub contact: Option<String>,
}

impl DrawSpec {
    /// The part that is edited on the web.
    pub fn details(&self) -> DrawDetails {
        DrawDetails {
            title: self.title.clone(),
            description: self.description.clone(),
            timezone: self.timezone.clone(),
            opens_at: self.opens_at,
            closes_at: self.closes_at,
            draws_at: self.draws_at,
            mode: self.mode,
            capacity: self.capacity,
            terms_url: self.terms_url.clone(),
            privacy_url: self.privacy_url.clone(),
            contact: self.contact.clone(),
        }
    }

    /// A draw of these parts.
    pub fn new(slug: String, details: DrawDetails, rules: DrawRules, destinations: Vec<String>) -> Self {
        let DrawDetails { title, description, timezone, opens_at, closes_at, draws_at, .. } = details;
        let DrawDetails { mode, capacity, terms_url, privacy_url, contact, .. } = details;
        Self {
            slug,
            title,
            description,
            timezone,
            opens_at,
            closes_at,
            draws_at,
            mode,
            capacity,
            terms_url,
            privacy_url,
            contact,
            rules,
            destinations,
        }
    }

    /// The same draw with other details.
    pub fn with(&self, details: DrawDetails) -> Self {
        Self::new(self.slug.clone(), details, self.rules.clone(), self.destinations.clone())
    }
}

/// The versions of a draw that an edit may follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whichever is stored.
    Any,
    /// One of these.
    OneOf(Vec<i64>),
}

impl Expected {
    /// Whether an edit may follow a version.
    pub fn allows(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}

/// A draw as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Id.
    pub id: Uuid,
    /// What its organiser decided.
    pub spec: DrawSpec,
    /// Stored state.
    pub state: DrawState,
    /// Counts edits; entries are judged by one version only.
    pub version: i64,
}

impl Draw {
    /// The state as seen at an instant.
    pub fn phase(&self, now: i64) -> Phase {
        Phase::at(self.state, self.spec.opens_at, self.spec.closes_at, now)
    }

    /// Whether everybody may know of it.
    pub fn is_public(&self) -> bool {
        !matches!(self.state, DrawState::Draft)
    }

    /// Whether its window can no longer be changed, because registration has ended.
    pub fn has_fixed_window(&self) -> bool {
        !matches!(self.state, DrawState::Draft | DrawState::Announced)
    }

    /// The draw's time zone.
    pub fn zone(&self) -> TimeZone {
        // Checked when the draw was applied; a zone that a later time zone database dropped is read as UTC
        // rather than taking the draw down.
        TimeZone::get(&self.spec.timezone).unwrap_or_else(|error| {
            tracing::error!(draw = self.spec.slug, %error, "unknown time zone, using UTC");
            TimeZone::UTC
        })
    }

    /// The day an instant falls on in the draw's time zone.
    pub fn day(&self, at: i64) -> Date {
        let instant = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
        instant.to_zoned(self.zone()).date()
    }

    /// The days by which ages are judged, seen from an instant.
    pub fn dates(&self, now: i64) -> Dates {
        Dates { today: self.day(now), closing: self.day(self.spec.closes_at) }
    }
}

/// What applying a specification did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The draw is new.
    Created,
    /// These parts changed, by name.
    Changed(Vec<&'static str>),
    /// Nothing was different.
    Unchanged,
    /// Not allowed now; the sentence says why. Nothing changed.
    Refused(String),
}

/// What an edit on the web did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edited {
    /// These parts changed, by name; the draw has this version now.
    Changed(Vec<&'static str>, i64),
    /// All was as wished already, in this version: of an edit that is sent again, too.
    Unchanged(i64),
    /// Not allowed now. Nothing changed.
    Refused(Fault),
    /// The draw is not of an expected version but is this one. Nothing changed.
    Conflict(Box<Draw>),
    /// No such draw.
    Unknown,
}

/// What asking for a state did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// It changed.
    Changed(Draw),
    /// It was so already.
    Already(Draw),
    /// Not from this state.
    Refused(Draw),
    /// No such draw.
    Unknown,
}

/// Who changed something, for the audit list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// An organiser, by email address.
    Organiser(String),
    /// Somebody with a shell on the server.
    CommandLine,
    /// The server itself, when an instant had come.
    Schedule,
    /// The entrant, with the receipt in hand.
    Entrant,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Organiser(email) => f.write_str(email),
            Self::CommandLine => f.write_str("command line"),
            Self::Schedule => f.write_str("schedule"),
            Self::Entrant => f.write_str("entrant"),
        }
    }
}

/// Draws in a database.
#[async_trait]
pub trait Draws: Send + Sync {
    /// Every draw, newest opening first.
    async fn draws(&self) -> StoreResult<Vec<Draw>>;

    /// The draw of that slug, drafts included.
    async fn draw(&self, slug: &str) -> StoreResult<Option<Draw>>;

    /// Creates the draw of `spec.slug`, or changes it to what the specification says, in one transaction
    /// with its audit row. `state` is [`DrawState::Announced`] or [`DrawState::Draft`]; it matters for new
    /// draws, and announces a draft, but takes no draw back.
    ///
    /// After the first entry a change of claims, or a capacity below what is taken, is refused; so is a
    /// change of the window of a draw that is closed or later.
    async fn apply_draw(&self, spec: &DrawSpec, state: DrawState, actor: &Actor) -> StoreResult<Applied>;

    /// Gives a draw other details, in one transaction with its audit row, if it is of an expected version then.
    /// Refused is what [`Self::apply_draw`] refuses. An edit that asks for what is stored changes nothing and
    /// succeeds, whichever version it expects: it may be one whose answer was lost.
    async fn edit_draw(
        &self,
        slug: &str,
        details: &DrawDetails,
        expected: &Expected,
        actor: &Actor,
    ) -> StoreResult<Edited>;

    /// Asks for a state. Asking for the one it is in succeeds and changes nothing. Waits for the batches in
    /// flight: what was acknowledged before is in the frozen list, nothing enters after.
    async fn change_state(&self, slug: &str, action: Action, actor: &Actor) -> StoreResult<StateChange>;

    /// Closes every announced draw whose closing instant has passed; how many.
    async fn close_overdue(&self) -> StoreResult<u64>;

    /// Live entries of a draw, from its counters.
    async fn taken(&self, draw: Uuid) -> StoreResult<i64>;
}
