//! Passwords of organisers: Argon2id, with the work bounded.
//!
//! A password is hashed as Unicode's composed form (NFC), which is what RFC 8265 (`OpaqueString`) asks for:
//! the same keys pressed on two systems give one password. NFKC would also fold characters that people
//! chose to be different.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use shared::limits;
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;

/// Memory of one hash in KiB, with two passes on one lane: the least that the OWASP Password Storage Cheat
/// Sheet recommends for Argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes at a time: registrations keep the rest of the machine.
const CONCURRENT: usize = 2;
/// Sign-ins that wait for their turn; one more is turned away.
const WAITING: usize = 16;
/// How long a sign-in waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Compared with when nobody has the name, so that an unknown name costs as much time as a wrong password: the hash of
/// no known password, with the parameters in use. Written down and not made, because to make one takes 19 MiB, which a
/// server that nobody signs in to would keep.
const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Y0ea1poJCyWCd+yPum+ZQQ$axuUEmqe0HbK73tXHTwitFxUZObppYlviAvRTwQkSyY";

/// A password as it is hashed: of an acceptable size and normalised. Never shown.
pub struct Password(Vec<u8>);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Why a text cannot become a password; says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Fewer characters than [`limits::PASSWORD_CHARS_MIN`].
    #[error("Use at least {} characters", limits::PASSWORD_CHARS_MIN)]
    TooShort,
    /// More bytes than [`limits::PASSWORD_BYTES_MAX`].
    #[error("Use at most {} bytes", limits::PASSWORD_BYTES_MAX)]
    TooLong,
}

/// Why there is no verdict about a password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many are being checked at the moment. Try again in a few seconds.
    #[error("too many passwords are being checked at the moment")]
    Busy,
    /// A stored hash cannot be read, or hashing failed.
    #[error("hashing a password failed: {0}")]
    Failed(String),
}

impl Password {
    /// A password somebody chooses.
    ///
    /// # Errors
    /// [`PasswordFault`] when it is too short or too long.
    pub fn choose(typed: &str) -> Result<Self, PasswordFault> {
        let password = Self::typed(typed).ok_or(PasswordFault::TooLong)?;
        let characters = String::from_utf8_lossy(&password.0).chars().count();
        if characters < limits::PASSWORD_CHARS_MIN { Err(PasswordFault::TooShort) } else { Ok(password) }
    }

    /// A password somebody claims to know; `None` when it is longer than any can be.
    pub fn typed(typed: &str) -> Option<Self> {
        if typed.len() > limits::PASSWORD_BYTES_MAX {
            return None;
        }
        let composed: String = typed.nfc().collect();
        (composed.len() <= limits::PASSWORD_BYTES_MAX).then(|| Self(composed.into_bytes()))
    }
}

/// Hashes and checks passwords, a few at a time.
#[derive(Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl Passwords {
    /// Nobody's turn yet.
    pub fn new() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(CONCURRENT)),
            queue: Arc::new(Semaphore::new(CONCURRENT + WAITING)),
        }
    }

    /// The PHC string of a password's hash, with a salt of its own.
    ///
    /// # Errors
    /// See [`PasswordError`].
    pub async fn hash(&self, password: Password) -> Result<String, PasswordError> {
        self.work(move || {
            let hash: PasswordHash = hasher().hash_password(&password.0).map_err(failed)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether a password is the one of a stored hash; `false`, after the same work, when there is none.
    ///
    /// # Errors
    /// See [`PasswordError`].
    pub async fn verify(&self, password: Password, stored: Option<String>) -> Result<bool, PasswordError> {
        self.work(move || {
            let hash = stored.as_deref().unwrap_or(DECOY);
            let hash = PasswordHash::new(hash).map_err(failed)?;
            let fits = match hasher().verify_password(&password.0, &hash) {
                Ok(()) => true,
                Err(argon2::password_hash::Error::PasswordInvalid) => false,
                Err(error) => return Err(failed(error)),
            };
            Ok(fits && stored.is_some())
        })
        .await
    }

    /// Runs work that takes a processor and much memory, when it is its turn.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| PasswordError::Busy)?.map_err(|_| PasswordError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            // The turn ends with the work, not with the client: hanging up makes no room for more.
            let _held = (place, turn);
            work()
        });
        done.await.map_err(|error| PasswordError::Failed(error.to_string()))?
    }
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("these parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn failed(error: impl std::fmt::Display) -> PasswordError {
    PasswordError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHRASE: &str = "correct horse battery";

    fn typed(text: &str) -> Password {
        Password::typed(text).expect("short enough")
    }

    #[tokio::test]
    async fn a_password_is_recognised_and_no_other_is() {
        let passwords = Passwords::new();
        let hash = passwords.hash(typed(PHRASE)).await.expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let shape = |hash: &str| hash.split('$').map(str::len).collect::<Vec<_>>();
        assert_eq!(hash[..31], DECOY[..31], "an unknown name costs the same work");
        assert_eq!(shape(&hash), shape(DECOY));
        assert!(passwords.verify(typed(PHRASE), Some(hash.clone())).await.expect("checked"));
        assert!(
            !passwords.verify(typed("correct horse batterz"), Some(hash.clone())).await.expect("checked")
        );
        assert_ne!(passwords.hash(typed(PHRASE)).await.expect("hashed"), hash, "each hash has its own salt");
    }

    #[tokio::test]
    async fn an_unknown_name_is_refused_whatever_the_password() {
        let passwords = Passwords::new();
        assert!(!passwords.verify(typed("decoy"), None).await.expect("checked"));
        assert!(!passwords.verify(typed(PHRASE), None).await.expect("checked"));
    }

    #[tokio::test]
    async fn two_ways_of_typing_a_letter_are_one_password() {
        let passwords = Passwords::new();
        let hash = passwords.hash(typed("caf\u{e9} society 12")).await.expect("hashed");
        assert!(passwords.verify(typed("cafe\u{301} society 12"), Some(hash)).await.expect("checked"));
    }

    #[test]
    fn a_password_has_twelve_characters_and_at_most_1024_bytes() {
        assert_eq!(Password::choose("elevenchars").err(), Some(PasswordFault::TooShort));
        assert!(Password::choose("twelve chars").is_ok());
        assert!(Password::choose(&"\u{e9}".repeat(12)).is_ok());
        assert_eq!(Password::choose(&"e\u{301}".repeat(11)).err(), Some(PasswordFault::TooShort));
        assert!(Password::choose(&"a".repeat(1024)).is_ok());
        assert_eq!(Password::choose(&"a".repeat(1025)).err(), Some(PasswordFault::TooLong));
    }

    #[tokio::test]
    async fn more_than_can_wait_are_turned_away_at_once() {
        let passwords = Passwords::new();
        let _everything = Arc::clone(&passwords.queue)
            .acquire_many_owned((CONCURRENT + WAITING) as u32)
            .await
            .expect("free");
        assert!(matches!(passwords.verify(typed(PHRASE), None).await, Err(PasswordError::Busy)));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_turn_for_ever() {
        let passwords = Passwords::new();
        let _turns = Arc::clone(&passwords.turns).acquire_many_owned(CONCURRENT as u32).await.expect("free");
        assert!(matches!(passwords.verify(typed(PHRASE), None).await, Err(PasswordError::Busy)));
    }
}
