//! Keys that name people, as a server with the same secret makes them. Written here a second time on purpose: what
//! reads past a server does not borrow its code. `drawbridge reconcile` says whether both agree.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use crate::Failure;

/// 32 bytes that name something without telling what.
pub type Digest = [u8; 32];

/// The identity key of a secret.
#[derive(Clone)]
pub struct Identity(Hmac<Sha256>);

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(..)")
    }
}

impl Identity {
    /// From a secret in hexadecimal digits.
    ///
    /// # Errors
    /// [`Failure::Ground`] when it is none.
    pub fn of_secret(hexadecimal: &str) -> Result<Self, Failure> {
        let wrong = |why: &dyn std::fmt::Display| Failure::Ground(format!("the secret: {why}"));
        let mut secret = [0; 32];
        hex::decode_to_slice(hexadecimal, &mut secret).map_err(|error| wrong(&error))?;
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(Some(b"drawbridge"), &secret)
            .expand(b"identity", &mut key)
            .map_err(|error| wrong(&error))?;
        Ok(Self(Hmac::new_from_slice(&key).map_err(|error| wrong(&error))?))
    }

    /// Names a person within a draw.
    pub fn person(&self, draw: Uuid, canonical_email: &str) -> Digest {
        let mut mac = self.0.clone();
        for part in [b"person", draw.as_bytes().as_slice(), canonical_email.as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// The bucket of a key: its first ten bits.
pub fn bucket(key: &Digest) -> i32 {
    i32::from(u16::from_be_bytes([key[0], key[1]]) >> 6)
}
