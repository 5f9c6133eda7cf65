//! API keys in PostgreSQL.

use async_trait::async_trait;
use uuid::Uuid;

use super::draws::audit;
use super::{PostgresStore, within};
use crate::secrets::Digest;
use crate::store::StoreResult;
use crate::store::draws::Actor;
use crate::store::integrators::{Integrator, Integrators, KeyAdded, KeyRevoked};
use crate::store::sql;

#[async_trait]
impl Integrators for PostgresStore {
    async fn add_api_key(&self, name: &str, key: &Digest, actor: &Actor) -> StoreResult<KeyAdded> {
        within(async {
            let mut tx = self.writing.begin().await?;
            let new_id = self.ambient.new_id();
            let id: Option<Uuid> = sqlx::query_scalar(sql::STORE_API_KEY)
                .bind(new_id)
                .bind(name)
                .bind(&key[..])
                .bind(self.ambient.now())
                .fetch_optional(tx.get())
                .await?;
            let (added, action) = match id {
                None => {
                    tx.rollback().await?;
                    return Ok(KeyAdded::Exists);
                }
                Some(id) if id == new_id => (KeyAdded::Created, "API key added"),
                Some(_) => (KeyAdded::Renewed, "API key renewed"),
            };
            audit(tx.get(), &self.ambient, actor, action, None, Some(name), None).await?;
            tx.commit().await?;
            Ok(added)
        })
        .await
    }

    async fn revoke_api_key(&self, name: &str, actor: &Actor) -> StoreResult<KeyRevoked> {
        within(async {
            let mut tx = self.writing.begin().await?;
            let revoked =
                sqlx::query("UPDATE api_keys SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL")
                    .bind(name)
                    .bind(self.ambient.now())
                    .execute(tx.get())
                    .await?;
            if revoked.rows_affected() == 1 {
                audit(tx.get(), &self.ambient, actor, "API key revoked", None, Some(name), None).await?;
                tx.commit().await?;
                return Ok(KeyRevoked::Done);
            }
            let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM api_keys WHERE name = $1")
                .bind(name)
                .fetch_one(tx.get())
                .await?;
            tx.rollback().await?;
            Ok(if known == 0 { KeyRevoked::Unknown } else { KeyRevoked::Already })
        })
        .await
    }

    async fn integrator(&self, key: &Digest) -> StoreResult<Option<Integrator>> {
        within(async {
            let mut reader = self.reader().await?;
            let row: Option<(Uuid, String)> =
                sqlx::query_as("SELECT id, name FROM api_keys WHERE key_hash = $1 AND revoked_at IS NULL")
                    .bind(&key[..])
                    .fetch_optional(reader.get())
                    .await?;
            reader.give_back();
            Ok(row.map(|(id, name)| Integrator { id, name }))
        })
        .await
    }
}
