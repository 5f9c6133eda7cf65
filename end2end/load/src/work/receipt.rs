//! Reading receipts.

use std::hash::{DefaultHasher, Hasher as _};

use uuid::Uuid;

use super::holds;

/// The entry that a receipt names, if it is a receipt of a draw.
pub fn entry_id(body: &[u8], slug: &str) -> Option<[u8; 16]> {
    const FIELD: &[u8] = b"\"entry_id\":\"";
    const LENGTH: usize = 36;
    let from = memchr::memmem::find(body, FIELD)? + FIELD.len();
    let id = Uuid::try_parse_ascii(body.get(from..from + LENGTH)?).ok()?;
    let is_whole = body.starts_with(b"{\"receipt\":\"")
        && body.ends_with(b"\"}")
        && holds(body, "\"state\":\"registered\"")
        && holds(body, "\"registered_at\":\"")
        && names(body, slug);
    is_whole.then(|| id.into_bytes())
}

/// Whether a receipt is of a draw.
fn names(body: &[u8], slug: &str) -> bool {
    const FIELD: &[u8] = b"\"draw\":\"";
    let rest = memchr::memmem::find(body, FIELD).and_then(|at| body.get(at + FIELD.len()..));
    rest.and_then(|rest| rest.strip_prefix(slug.as_bytes())).is_some_and(|rest| rest.first() == Some(&b'"'))
}

/// Tells bytes from other bytes.
pub fn hash(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    hasher.finish()
}
