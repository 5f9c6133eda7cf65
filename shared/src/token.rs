//! The page token's format: what a browser receives at page load and sends as `Idempotency-Key`.
//!
//! ```text
//! base64url( issued_at: 7 bytes, big endian, ms since 1970 | nonce: 16 random bytes | mac: 16 bytes )
//! ```
//!
//! 39 bytes make 52 characters and leave no bits over, so every text of that length is some token. The MAC covers the draw's id as well, which is not carried: a token of
//! another draw is as wrong as a forged one. Making and checking the MAC needs the secret and is the
//! server's; this module only packs and unpacks.

use crate::limits;

/// Bytes of the nonce: 128 random bits.
pub const NONCE_BYTES: usize = 16;
/// Bytes kept of the MAC.
pub const MAC_BYTES: usize = 16;
const TIME_BYTES: usize = 7;
/// Bytes of a whole token.
pub const TOKEN_BYTES: usize = TIME_BYTES + NONCE_BYTES + MAC_BYTES;

/// A token taken apart; nothing is known yet of whether it is genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenParts {
    /// When the page was loaded, in milliseconds since 1970, UTC.
    pub issued_at: i64,
    /// What makes it unique.
    pub nonce: [u8; NONCE_BYTES],
    /// The server's mark on it.
    pub mac: [u8; MAC_BYTES],
}

impl TokenParts {
    /// The bytes the MAC covers, less the draw's id: the time and the nonce.
    pub fn signed_bytes(&self) -> [u8; TIME_BYTES + NONCE_BYTES] {
        let mut bytes = [0; TIME_BYTES + NONCE_BYTES];
        bytes[..TIME_BYTES].copy_from_slice(&self.issued_at.to_be_bytes()[1..]);
        bytes[TIME_BYTES..].copy_from_slice(&self.nonce);
        bytes
    }

    /// The token's bytes, before base64url.
    pub fn to_bytes(&self) -> [u8; TOKEN_BYTES] {
        let mut bytes = [0; TOKEN_BYTES];
        bytes[..TIME_BYTES + NONCE_BYTES].copy_from_slice(&self.signed_bytes());
        bytes[TIME_BYTES + NONCE_BYTES..].copy_from_slice(&self.mac);
        bytes
    }

    /// Takes a token's bytes apart. `None` when the length is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; TOKEN_BYTES] = bytes.try_into().ok()?;
        let (time, rest) = bytes.split_first_chunk::<TIME_BYTES>()?;
        let (nonce, mac) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let mut wide = [0; 8];
        wide[1..].copy_from_slice(time);
        Some(Self { issued_at: i64::from_be_bytes(wide), nonce: *nonce, mac: mac.try_into().ok()? })
    }

    /// How the token stands at an instant (milliseconds since 1970).
    pub fn freshness(&self, now: i64) -> Freshness {
        if self.issued_at > now + limits::TOKEN_SKEW_MS {
            Freshness::FromTheFuture
        } else if now - self.issued_at >= limits::TOKEN_LIFE_MS + limits::TOKEN_SETTLES_MS {
            Freshness::Expired
        } else if now - self.issued_at >= limits::TOKEN_LIFE_MS {
            Freshness::Settling
        } else {
            Freshness::Fresh
        }
    }
}

/// How a genuine token stands in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Usable.
    Fresh,
    /// A moment older than 24 hours: takes part in nothing new, but what it was used for in time may still be on its
    /// way, so that nobody can say yet that it was used for nothing.
    Settling,
    /// Older than that: usable only to ask again for what it already got.
    Expired,
    /// Issued later than clocks can differ: refused like a forged one.
    FromTheFuture,
}

/// The key named by an `Idempotency-Key` header, which may come bare or as a quoted structured-field
/// string (RFC 8941, 3.3.3); both name the same key. `None` unless it has 16 to 255 visible ASCII
/// characters.
pub fn idempotency_key(header: &str) -> Option<String> {
    let header = header.trim_matches([' ', '\t']);
    let key = match header.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None => header.to_owned(),
    };
    let length = limits::KEY_CHARS_MIN..=limits::KEY_CHARS_MAX;
    (length.contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())).then_some(key)
}

/// Reads up to the closing quote, which must be the last character.
fn unquote(quoted: &str) -> Option<String> {
    let mut key = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return chars.next().is_none().then_some(key),
            '\\' => key.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            c => key.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_and_a_quoted_key_are_the_same_key() {
        let bare = "abcdefghijklmnop";
        assert_eq!(idempotency_key(bare).as_deref(), Some(bare));
        assert_eq!(idempotency_key(&format!("\"{bare}\"")).as_deref(), Some(bare));
        for wrong in ["", "short", "\"abcdefghijklmnop", "abcdefgh ijklmnop", "\"abcdefghijklmnop\"x"] {
            assert_eq!(idempotency_key(wrong), None, "{wrong}");
        }
        for (length, is_key) in [(15, false), (16, true), (255, true), (256, false)] {
            let key = "k".repeat(length);
            assert_eq!(idempotency_key(&key).is_some(), is_key, "{length} characters");
            assert_eq!(idempotency_key(&format!("\"{key}\"")).is_some(), is_key, "{length}, quoted");
        }
        for wrong in ["abcdefghijklmno\u{e9}", "abcdefghijklmno\u{7f}", "abcdefghijklmno\t."] {
            assert_eq!(idempotency_key(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_token_survives_packing() {
        let parts = TokenParts { issued_at: 1_790_000_000_123, nonce: [7; 16], mac: [9; 16] };
        assert_eq!(TokenParts::from_bytes(&parts.to_bytes()), Some(parts));
        assert_eq!(TokenParts::from_bytes(&[0; TOKEN_BYTES - 1]), None);
        assert_eq!(TokenParts::from_bytes(&[0; TOKEN_BYTES + 1]), None);
    }

    #[test]
    fn a_token_lives_24_hours_and_may_be_two_minutes_ahead() {
        let issued_at = 1_790_000_000_000;
        let parts = TokenParts { issued_at, nonce: [0; 16], mac: [0; 16] };
        let day = limits::TOKEN_LIFE_MS;
        assert_eq!(parts.freshness(issued_at + day - 1), Freshness::Fresh);
        assert_eq!(parts.freshness(issued_at + day), Freshness::Settling);
        let settled = issued_at + day + limits::TOKEN_SETTLES_MS;
        assert_eq!(parts.freshness(settled - 1), Freshness::Settling);
        assert_eq!(parts.freshness(settled), Freshness::Expired);
        assert_eq!(parts.freshness(issued_at - 120_000), Freshness::Fresh);
        assert_eq!(parts.freshness(issued_at - 120_001), Freshness::FromTheFuture);
    }
}
