//! Organisers: who looks after draws, which browsers they are signed in with, and what they did.

use async_trait::async_trait;
use shared::contact::Email;
use uuid::Uuid;

use super::StoreResult;
use super::draws::Actor;
use crate::secrets::Digest;

/// Somebody who looks after draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organiser {
    /// Id.
    pub id: Uuid,
    /// Email address as it was typed when the account was made.
    pub email: String,
}

/// What a sign-in is checked against.
#[derive(Clone)]
pub struct Credentials {
    /// Whose they are.
    pub organiser: Organiser,
    /// PHC string of the password's hash.
    pub password_hash: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("organiser", &self.organiser).finish_non_exhaustive()
    }
}

/// A browser to be remembered as signed in.
#[derive(Clone, Debug)]
pub struct NewSignIn {
    /// Hash of the cookie's token; the token itself is never stored.
    pub token: Digest,
    /// Who signed in.
    pub organiser: Organiser,
    /// When it ends, milliseconds since 1970.
    pub expires_at: i64,
    /// The sign-in this browser had before, which ends now.
    pub replaces: Option<Digest>,
}

/// What became of a new account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It exists now.
    Created,
    /// An organiser of that canonical address existed; nothing changed.
    Exists,
}

/// Something somebody did.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// What: "entries exported".
    pub action: &'a str,
    /// In which draw.
    pub draw: Option<Uuid>,
    /// To what: a slug, an entry's id, an address.
    pub subject: Option<&'a str>,
}

/// Organisers in a database.
#[async_trait]
pub trait Organisers: Send + Sync {
    /// Makes an account, with its audit row. Accounts are told apart by canonical address.
    async fn add_organiser(&self, email: &Email, password_hash: &str, actor: &Actor) -> StoreResult<Added>;

    /// What a sign-in as this canonical address is checked against; `None` when nobody has it.
    async fn credentials(&self, canonical_email: &str) -> StoreResult<Option<Credentials>>;

    /// What the password of a known organiser is checked against; `None` when the account is gone.
    async fn credentials_of(&self, organiser: Uuid) -> StoreResult<Option<Credentials>>;

    /// Stores another password and ends every sign-in of the organiser, in one transaction with the audit
    /// row. `false`, and nothing happens, when the account is gone.
    async fn change_password(&self, organiser: Uuid, password_hash: &str, actor: &Actor)
    -> StoreResult<bool>;

    /// Remembers a sign-in, ends the one it replaces, forgets those that have expired; with the audit row.
    async fn add_sign_in(&self, sign_in: &NewSignIn) -> StoreResult<()>;

    /// Who is signed in with a token, by its hash. `None` when the token is unknown, ended or expired.
    async fn signed_in(&self, token: &Digest) -> StoreResult<Option<Organiser>>;

    /// Ends a sign-in. Ending one that is not there changes nothing.
    async fn end_sign_in(&self, token: &Digest) -> StoreResult<()>;

    /// Writes down what changes nothing in the database, but has to be accounted for.
    async fn record(&self, deed: Deed<'_>) -> StoreResult<()>;
}
