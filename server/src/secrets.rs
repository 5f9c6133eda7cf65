//! The secret, its subkeys, and everything that is derived with them.
//!
//! One secret yields four subkeys by HKDF-SHA256, so that none can stand in for another:
//!
//! | subkey | for | may be rotated |
//! | --- | --- | --- |
//! | tokens | the mark on page tokens | yes, the previous one is honoured |
//! | cookies | the mark on cookies | yes, the previous one is honoured |
//! | identity | person and claim keys, fingerprints | no: it names who is registered |
//! | cache | the mark on cached outcomes | freely: they only become void |

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// 32 bytes that name something without telling what.
pub type Digest = [u8; 32];

/// The configured secret.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// From 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    fn subkey(&self, name: &str) -> Subkey {
        let mut okm = [0; 32];
        Hkdf::<Sha256>::new(Some(b"drawbridge"), &self.0)
            .expand(name.as_bytes(), &mut okm)
            .expect("32 bytes are a valid length for HKDF-SHA256");
        Subkey(Hmac::new_from_slice(&okm).expect("HMAC takes a key of any length"))
    }
}

/// A key for one purpose, in the state HMAC brings it to before the first byte of a message.
#[derive(Clone)]
pub struct Subkey(Hmac<Sha256>);

impl std::fmt::Debug for Subkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subkey(..)")
    }
}

impl Subkey {
    /// HMAC-SHA256 over a purpose and parts, each with its length, so that no two lists of parts are the
    /// same bytes.
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> Digest {
        let mut mac = self.0.clone();
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// Compares without telling, by the time it takes, where two texts differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// The subkeys in use.
#[derive(Clone, Debug)]
pub struct Keys {
    tokens: Vec<Subkey>,
    cookies: Vec<Subkey>,
    identity: Subkey,
    cache: Subkey,
}

impl Keys {
    /// Subkeys of a secret; a previous one is honoured for tokens and cookies.
    pub fn new(secret: &Secret, previous: Option<&Secret>) -> Self {
        let of =
            |name: &str| std::iter::once(secret).chain(previous).map(|secret| secret.subkey(name)).collect();
        Self {
            tokens: of("tokens"),
            cookies: of("cookies"),
            identity: secret.subkey("identity"),
            cache: secret.subkey("cache"),
        }
    }

    /// A value that is the same as long as the identity key is. Stored with the database, it stops a server
    /// that starts with another key and would not recognise who is registered.
    pub fn identity_check(&self) -> Digest {
        self.identity.mac("identity-check", &[])
    }

    /// Names a person within one draw.
    pub fn person(&self, draw: Uuid, canonical_email: &str) -> Digest {
        self.identity.mac("person", &[draw.as_bytes(), canonical_email.as_bytes()])
    }

    /// Names anything else that at most one entry of a draw may hold.
    pub fn claim(&self, draw: Uuid, kind: &str, value: &[u8]) -> Digest {
        self.identity.mac("claim", &[draw.as_bytes(), kind.as_bytes(), value])
    }

    /// Names a payload: equal payloads have equal fingerprints.
    pub fn fingerprint(&self, draw: Uuid, canonical_bytes: &[u8]) -> Digest {
        self.identity.mac("fingerprint", &[draw.as_bytes(), canonical_bytes])
    }

    /// What is stored of an entrant's cookie.
    pub fn browser_proof(&self, cookie: &[u8]) -> Digest {
        self.identity.mac("browser", &[cookie])
    }

    /// What is stored of an address: enough to see that many entries came from one network, not which.
    pub fn ip_prefix(&self, draw: Uuid, prefix: &[u8]) -> Digest {
        self.identity.mac("ip-prefix", &[draw.as_bytes(), prefix])
    }

    /// The mark on a cached outcome.
    pub fn cached_outcome(&self, parts: &[&[u8]]) -> Digest {
        self.cache.mac("outcome", parts)
    }

    /// The mark on a page token.
    pub fn sign_token(&self, draw: Uuid, signed: &[u8]) -> [u8; 16] {
        truncated(self.tokens[0].mac("token", &[draw.as_bytes(), signed]))
    }

    /// Whether a page token's mark is genuine.
    pub fn is_token(&self, draw: Uuid, signed: &[u8], mac: &[u8]) -> bool {
        self.tokens.iter().any(|key| same(&truncated(key.mac("token", &[draw.as_bytes(), signed])), mac))
    }

    /// The mark on a cookie of the given purpose.
    pub fn sign_cookie(&self, purpose: &str, value: &[u8]) -> [u8; 16] {
        truncated(self.cookies[0].mac(purpose, &[value]))
    }

    /// Whether a cookie's mark is genuine.
    pub fn is_cookie(&self, purpose: &str, value: &[u8], mac: &[u8]) -> bool {
        self.cookies.iter().any(|key| same(&truncated(key.mac(purpose, &[value])), mac))
    }
}

fn truncated(digest: Digest) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}

/// The bucket of a person or claim key, 0 to 1023: what tables are partitioned by.
pub fn bucket(key: &Digest) -> i32 {
    i32::from(u16::from_be_bytes([key[0], key[1]]) >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_previous_secret_is_honoured_for_tokens_and_cookies_only() {
        let (old, new) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let (before, after) = (Keys::new(&old, None), Keys::new(&new, Some(&old)));
        let draw = Uuid::nil();
        assert!(after.is_token(draw, b"x", &before.sign_token(draw, b"x")));
        assert!(after.is_cookie("entrant", b"x", &before.sign_cookie("entrant", b"x")));
        assert!(!Keys::new(&new, None).is_token(draw, b"x", &before.sign_token(draw, b"x")));
        assert_ne!(before.identity_check(), after.identity_check());
        assert_ne!(before.person(draw, "a@b.c"), after.person(draw, "a@b.c"));
    }

    #[test]
    fn parts_cannot_be_moved_into_one_another() {
        let keys = Keys::new(&Secret::new([1; 32]), None);
        assert_ne!(keys.cached_outcome(&[b"ab", b"c"]), keys.cached_outcome(&[b"a", b"bc"]));
    }

    #[test]
    fn buckets_cover_their_range() {
        let mut key = [0; 32];
        assert_eq!(bucket(&key), 0);
        key[0] = 255;
        key[1] = 255;
        assert_eq!(bucket(&key), 1023);
    }
}
