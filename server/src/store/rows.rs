//! Rows as they come out of a database, and what they are in the words of the field.

use shared::contact::Email;
use shared::{DrawState, Entry, rules};
use sqlx::FromRow;
use uuid::Uuid;

use crate::secrets::Digest;
use crate::store::draws::{Draw, DrawSpec, Mode};
use crate::store::entries::{Claim, ClaimKind, Identity, ReceiptStatus, Stored};
use crate::store::{StoreError, StoreResult};

/// A row of `draws`.
#[derive(FromRow)]
pub(in crate::store) struct DrawRow {
    id: Uuid,
    slug: String,
    title: String,
    description: String,
    timezone: String,
    opens_at: i64,
    closes_at: i64,
    draws_at: Option<i64>,
    mode: String,
    capacity: Option<i64>,
    terms_url: Option<String>,
    privacy_url: Option<String>,
    contact: Option<String>,
    rules: String,
    destinations: String,
    state: String,
    version: i64,
}

impl TryFrom<DrawRow> for Draw {
    type Error = StoreError;

    fn try_from(row: DrawRow) -> StoreResult<Self> {
        let mode = match row.mode.as_str() {
            "lenient" => Mode::Lenient,
            "strict" => Mode::Strict,
            other => return Err(StoreError::corrupt(format!("draw mode {other:?}"))),
        };
        let state = DrawState::from_name(&row.state)
            .ok_or_else(|| StoreError::corrupt(format!("draw state {:?}", row.state)))?;
        Ok(Self {
            id: row.id,
            state,
            version: row.version,
            spec: DrawSpec {
                slug: row.slug,
                title: row.title,
                description: row.description,
                timezone: row.timezone,
                opens_at: row.opens_at,
                closes_at: row.closes_at,
                draws_at: row.draws_at,
                mode,
                capacity: row.capacity.map(u32::try_from).transpose().map_err(StoreError::corrupt)?,
                terms_url: row.terms_url,
                privacy_url: row.privacy_url,
                contact: row.contact,
                rules: serde_json::from_str(&row.rules).map_err(StoreError::corrupt)?,
                destinations: serde_json::from_str(&row.destinations).map_err(StoreError::corrupt)?,
            },
        })
    }
}

/// The columns of `entries` and `withdrawals` that decide about a retry.
#[derive(FromRow)]
pub(in crate::store) struct StoredRow {
    id: Uuid,
    receipt: String,
    registered_at: i64,
    person_key: Vec<u8>,
    fingerprint: Vec<u8>,
    fingerprint_version: i16,
    browser_proof: Option<Vec<u8>>,
}

impl TryFrom<StoredRow> for Stored {
    type Error = StoreError;

    fn try_from(row: StoredRow) -> StoreResult<Self> {
        Ok(Self {
            id: row.id,
            receipt: row.receipt,
            registered_at: row.registered_at,
            identity: Identity {
                person: digest(&row.person_key)?,
                fingerprint: digest(&row.fingerprint)?,
                fingerprint_version: row.fingerprint_version,
                browser: row.browser_proof.as_deref().map(digest).transpose()?,
            },
        })
    }
}

/// The columns of `entries` that the entrant typed.
#[derive(FromRow)]
pub(in crate::store) struct EntryRow {
    full_name: String,
    email: String,
    email_canonical: String,
    phone: Option<String>,
    date_of_birth: Option<String>,
    country: Option<String>,
    postcode: Option<String>,
    category: Option<String>,
    session: Option<String>,
    party_size: i32,
    guardian_name: Option<String>,
    member_id: Option<String>,
}

impl TryFrom<EntryRow> for Entry {
    type Error = StoreError;

    fn try_from(row: EntryRow) -> StoreResult<Self> {
        let date = |text: String| {
            rules::parse_date(&text).ok_or_else(|| StoreError::corrupt(format!("date {text:?}")))
        };
        Ok(Self {
            full_name: row.full_name,
            email: Email { typed: row.email, canonical: row.email_canonical },
            phone: row.phone,
            date_of_birth: row.date_of_birth.map(date).transpose()?,
            country: row.country,
            postcode: row.postcode,
            category: row.category,
            session: row.session,
            party_size: u32::try_from(row.party_size).map_err(StoreError::corrupt)?,
            guardian_name: row.guardian_name,
            member_id: row.member_id,
        })
    }
}

/// 32 bytes.
pub(in crate::store) fn digest(bytes: &[u8]) -> StoreResult<Digest> {
    bytes.try_into().map_err(|_| StoreError::corrupt(format!("a key of {} bytes", bytes.len())))
}

/// The columns of a live entry that its receipt, and ending it, need.
#[derive(FromRow)]
pub(in crate::store) struct LiveRow {
    pub(in crate::store) draw_id: Uuid,
    pub(in crate::store) person_key: Vec<u8>,
    pub(in crate::store) id: Uuid,
    pub(in crate::store) registered_at: i64,
    #[sqlx(flatten)]
    pub(in crate::store) entry: EntryRow,
}

/// The columns of an ended entry that its receipt needs.
#[derive(FromRow)]
pub(in crate::store) struct EndedRow {
    pub(in crate::store) draw_id: Uuid,
    pub(in crate::store) id: Uuid,
    pub(in crate::store) registered_at: i64,
    ending: String,
}

impl EndedRow {
    pub(in crate::store) fn status(&self) -> ReceiptStatus {
        if self.ending == "removed" { ReceiptStatus::Removed } else { ReceiptStatus::Withdrawn }
    }
}

/// The columns of a live entry that reconciliation reads.
#[derive(FromRow)]
pub(in crate::store) struct PersonRow {
    pub(in crate::store) id: Uuid,
    pub(in crate::store) bucket: i32,
    pub(in crate::store) person_key: Vec<u8>,
    #[sqlx(flatten)]
    pub(in crate::store) entry: EntryRow,
}

/// A claim and the entry that holds it.
#[derive(FromRow)]
pub(in crate::store) struct HolderRow {
    pub(in crate::store) kind: String,
    pub(in crate::store) claim_key: Vec<u8>,
    #[sqlx(flatten)]
    pub(in crate::store) stored: StoredRow,
}

impl HolderRow {
    pub(in crate::store) fn read(self) -> StoreResult<(Claim, Stored)> {
        let kind = ClaimKind::from_name(&self.kind)
            .ok_or_else(|| StoreError::corrupt(format!("claim kind {:?}", self.kind)))?;
        Ok((Claim { kind, key: digest(&self.claim_key)? }, self.stored.try_into()?))
    }
}
