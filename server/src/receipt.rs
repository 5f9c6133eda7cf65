//! Receipt codes and the body an accepted entrant gets.
//!
//! A code is 28 characters of Crockford's base 32: two for the bucket (10 bits), so that the row is found
//! without asking every partition, and 26 random ones (130 bits), so that nobody can guess it.

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use crate::ambient::Ambient;

/// Crockford's alphabet in lowercase: no i, l, o, u, so that a printed code can be typed.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of a code.
const CODE_CHARS: usize = 28;
/// Of those, the ones that carry the bucket.
const BUCKET_CHARS: usize = 2;

/// A new code in a bucket.
pub fn new_code(ambient: &Ambient, bucket: i32) -> String {
    let symbol = |value: usize| char::from(ALPHABET[value & 31]);
    let bucket = usize::try_from(bucket).unwrap_or_default();
    let random: [u8; CODE_CHARS - BUCKET_CHARS] = ambient.random();
    let mut code = String::with_capacity(CODE_CHARS);
    code.push(symbol(bucket >> 5));
    code.push(symbol(bucket));
    // 256 is a multiple of 32: the low five bits of a random byte are a fair symbol.
    code.extend(random.iter().map(|&byte| symbol(byte.into())));
    code
}

/// The bucket a code carries; `None` when it is no code. Uppercase is not accepted: a code is one text.
pub fn bucket_of(code: &str) -> Option<i32> {
    let value = |byte: u8| ALPHABET.iter().position(|&symbol| symbol == byte);
    let bytes = code.as_bytes();
    if bytes.len() != CODE_CHARS || !bytes.iter().all(|&byte| value(byte).is_some()) {
        return None;
    }
    i32::try_from(value(bytes[0])? << 5 | value(bytes[1])?).ok()
}

/// An instant as the API writes it: RFC 3339, UTC, milliseconds.
pub fn rfc3339(at: i64) -> String {
    let instant = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    format!("{instant:.3}")
}

#[derive(Serialize)]
struct Body<'a> {
    receipt: &'a str,
    draw: &'a str,
    entry_id: Uuid,
    state: &'a str,
    registered_at: String,
}

/// The receipt: a pure function of columns that never change, so that whoever makes it, whenever, makes the
/// same bytes.
pub fn body(code: &str, slug: &str, entry_id: Uuid, registered_at: i64) -> Bytes {
    let body = Body {
        receipt: code,
        draw: slug,
        entry_id,
        state: "registered",
        registered_at: rfc3339(registered_at),
    };
    serde_json::to_vec(&body).map(Bytes::from).expect("texts and numbers always serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_carries_its_bucket() {
        let ambient = Ambient::system();
        for bucket in [0, 1, 31, 32, 511, 1023] {
            let code = new_code(&ambient, bucket);
            assert_eq!(bucket_of(&code), Some(bucket), "{code}");
        }
        assert_eq!(bucket_of("short"), None);
        assert_eq!(bucket_of(&"u".repeat(28)), None);
    }

    #[test]
    fn the_body_is_a_function_of_immutable_columns() {
        let body = body("abc", "summer", Uuid::nil(), 1_780_000_000_007);
        assert_eq!(
            body,
            r#"{"receipt":"abc","draw":"summer","entry_id":"00000000-0000-0000-0000-000000000000","state":"registered","registered_at":"2026-05-28T20:26:40.007Z"}"#
        );
    }
}
