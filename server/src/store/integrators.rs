//! API keys: which programs may register people, and under which source.

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreResult;
use super::draws::Actor;
use crate::secrets::Digest;

/// Who holds an API key. Both stay the same when a revoked key is replaced by a new one of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integrator {
    /// Id: the scope of the integrator's idempotency keys, within each draw.
    pub id: Uuid,
    /// The source that its sequences belong to.
    pub name: String,
}

/// What became of a new API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAdded {
    /// The source is new.
    Created,
    /// The source was there and its key revoked: it has this one now, and keeps its claims.
    Renewed,
    /// The source has a key that is not revoked; nothing changed.
    Exists,
}

/// How revoking went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRevoked {
    /// Done now.
    Done,
    /// It had been revoked before.
    Already,
    /// There is no key of that name.
    Unknown,
}

/// Integrators in a database. Keys are named by their hash; the keys themselves are never stored.
#[async_trait]
pub trait Integrators: Send + Sync {
    /// Gives a source a key, with the audit row.
    async fn add_api_key(&self, name: &str, key: &Digest, actor: &Actor) -> StoreResult<KeyAdded>;

    /// Takes a source's key away, with the audit row. What it registered stays.
    async fn revoke_api_key(&self, name: &str, actor: &Actor) -> StoreResult<KeyRevoked>;

    /// Who holds a key. `None` when it is unknown or revoked.
    async fn integrator(&self, key: &Digest) -> StoreResult<Option<Integrator>>;
}
