//! Rows in PostgreSQL's binary `COPY` format.

use uuid::Uuid;

use super::keys::bucket;
use super::people::{Made, People};

/// Signature, flags and the length of a header extension that is not there.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// `entries`: the columns that [`entry`] writes.
pub const ENTRIES: &str = "COPY entries (draw_id, bucket, person_key, id, receipt, fingerprint, fingerprint_version, \
    browser_proof, full_name, name_key, email, email_canonical, phone, country, category, session, party_size, \
    terms_version, registered_at, ip_prefix, token_age, retries, last_retry_at) FROM STDIN (FORMAT binary)";
/// `withdrawals`: the columns that [`withdrawal`] writes.
pub const WITHDRAWALS: &str = "COPY withdrawals (draw_id, bucket, id, receipt, person_key, fingerprint, \
    fingerprint_version, browser_proof, category, session, registered_at, ending, ended_at, reason) \
    FROM STDIN (FORMAT binary)";
/// `claims`: the columns that [`claim`] writes.
pub const CLAIMS: &str = "COPY claims (draw_id, bucket, kind, claim_key, entry_id, person_key, person_bucket) \
    FROM STDIN (FORMAT binary)";

/// Rows of one `COPY`, being written.
#[derive(Clone, Debug)]
pub struct Rows {
    bytes: Vec<u8>,
    /// How many.
    pub count: u64,
}

impl Default for Rows {
    fn default() -> Self {
        Self { bytes: HEADER.to_vec(), count: 0 }
    }
}

impl Rows {
    /// All of them, and the end.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        self.bytes
    }

    fn row(&mut self, fields: i16) -> &mut Self {
        self.count += 1;
        self.bytes.extend_from_slice(&fields.to_be_bytes());
        self
    }

    fn field(&mut self, value: &[u8]) -> &mut Self {
        // A value is a few hundred bytes at most.
        self.bytes.extend_from_slice(&(value.len() as u32).to_be_bytes());
        self.bytes.extend_from_slice(value);
        self
    }

    fn some(&mut self, value: Option<&[u8]>) -> &mut Self {
        match value {
            Some(value) => self.field(value),
            None => {
                self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
                self
            }
        }
    }

    fn text(&mut self, value: &str) -> &mut Self {
        self.field(value.as_bytes())
    }

    fn uuid(&mut self, value: Uuid) -> &mut Self {
        self.field(value.as_bytes())
    }

    fn small(&mut self, value: i16) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    fn int(&mut self, value: i32) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    fn big(&mut self, value: i64) -> &mut Self {
        self.field(&value.to_be_bytes())
    }
}

/// A live entry, judged by a version of the draw.
pub fn entry(rows: &mut Rows, people: &People, made: &Made, version: i64) {
    rows.row(23)
        .uuid(people.draw)
        .int(bucket(&made.person))
        .field(&made.person)
        .uuid(made.id)
        .text(&made.receipt)
        .field(&made.fingerprint)
        .small(shared::entry::FINGERPRINT_VERSION)
        .some(made.browser.as_ref().map(<[u8; 32]>::as_slice))
        .text(&made.full_name)
        .text(&made.full_name.to_lowercase())
        .text(&made.email.typed)
        .text(&made.email.canonical)
        .some(made.phone.as_deref().map(str::as_bytes))
        .text(made.country)
        .text(made.category)
        .text(made.session)
        .int(made.party_size)
        .big(version)
        .big(made.registered_at)
        .field(&made.network)
        .big(made.token_age)
        .big(made.retries.0)
        .some(made.retries.1.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
}

/// An ended entry.
pub fn withdrawal(rows: &mut Rows, people: &People, made: &Made, ending: super::people::Ending) {
    rows.row(14)
        .uuid(people.draw)
        .int(bucket(&made.person))
        .uuid(made.id)
        .text(&made.receipt)
        .field(&made.person)
        .field(&made.fingerprint)
        .small(shared::entry::FINGERPRINT_VERSION)
        .some(made.browser.as_ref().map(<[u8; 32]>::as_slice))
        .text(made.category)
        .text(made.session)
        .big(made.registered_at)
        .text(ending.name)
        .big(ending.at)
        .some(ending.reason.map(str::as_bytes));
}

/// The claim of an entry on its page token, which outlives it.
pub fn claim(rows: &mut Rows, people: &People, made: &Made) {
    rows.row(7)
        .uuid(people.draw)
        .int(bucket(&made.token))
        .text("token")
        .field(&made.token)
        .uuid(made.id)
        .field(&made.person)
        .int(bucket(&made.person));
}
