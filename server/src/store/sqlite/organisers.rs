//! Organisers in SQLite.

use async_trait::async_trait;
use shared::contact::Email;
use sqlx::FromRow;
use uuid::Uuid;

use super::SqliteStore;
use crate::secrets::Digest;
use crate::store::StoreResult;
use crate::store::draws::Actor;
use crate::store::organisers::{Added, Credentials, Deed, NewSignIn, Organiser, Organisers};
use crate::store::sql;

#[derive(FromRow)]
struct OrganiserRow {
    id: Uuid,
    email: String,
}

impl From<OrganiserRow> for Organiser {
    fn from(row: OrganiserRow) -> Self {
        Self { id: row.id, email: row.email }
    }
}

#[derive(FromRow)]
struct CredentialsRow {
    #[sqlx(flatten)]
    organiser: OrganiserRow,
    password_hash: String,
}

impl From<CredentialsRow> for Credentials {
    fn from(row: CredentialsRow) -> Self {
        Self { organiser: row.organiser.into(), password_hash: row.password_hash }
    }
}

#[async_trait]
impl Organisers for SqliteStore {
    async fn add_organiser(&self, email: &Email, password_hash: &str, actor: &Actor) -> StoreResult<Added> {
        let mut tx = self.gate.begin().await?;
        let created: Option<Uuid> = sqlx::query_scalar(sql::INSERT_ORGANISER)
            .bind(self.ambient.new_id())
            .bind(&email.typed)
            .bind(&email.canonical)
            .bind(password_hash)
            .bind(self.ambient.now())
            .fetch_optional(tx.get())
            .await?;
        if created.is_none() {
            tx.rollback().await?;
            return Ok(Added::Exists);
        }
        self.audit(tx.get(), actor, "organiser added", None, Some(&email.typed), None).await?;
        tx.commit().await?;
        Ok(Added::Created)
    }

    async fn credentials(&self, canonical_email: &str) -> StoreResult<Option<Credentials>> {
        let row: Option<CredentialsRow> =
            sqlx::query_as("SELECT id, email, password_hash FROM organisers WHERE email_canonical = $1")
                .bind(canonical_email)
                .fetch_optional(&self.readers)
                .await?;
        Ok(row.map(Credentials::from))
    }

    async fn credentials_of(&self, organiser: Uuid) -> StoreResult<Option<Credentials>> {
        let row: Option<CredentialsRow> =
            sqlx::query_as("SELECT id, email, password_hash FROM organisers WHERE id = $1")
                .bind(organiser)
                .fetch_optional(&self.readers)
                .await?;
        Ok(row.map(Credentials::from))
    }

    async fn change_password(
        &self,
        organiser: Uuid,
        password_hash: &str,
        actor: &Actor,
    ) -> StoreResult<bool> {
        let mut tx = self.gate.begin().await?;
        let email: Option<String> =
            sqlx::query_scalar("UPDATE organisers SET password_hash = $2 WHERE id = $1 RETURNING email")
                .bind(organiser)
                .bind(password_hash)
                .fetch_optional(tx.get())
                .await?;
        let Some(email) = email else {
            tx.rollback().await?;
            return Ok(false);
        };
        sqlx::query("DELETE FROM sign_ins WHERE organiser_id = $1").bind(organiser).execute(tx.get()).await?;
        self.audit(tx.get(), actor, "password changed", None, Some(&email), None).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn add_sign_in(&self, sign_in: &NewSignIn) -> StoreResult<()> {
        let NewSignIn { token, organiser, expires_at, replaces } = sign_in;
        let mut tx = self.gate.begin().await?;
        let now = self.ambient.now();
        sqlx::query("DELETE FROM sign_ins WHERE expires_at <= $1 OR token_hash = $2")
            .bind(now)
            .bind(replaces.as_ref().map(|replaced| &replaced[..]))
            .execute(tx.get())
            .await?;
        sqlx::query(
            "INSERT INTO sign_ins (token_hash, organiser_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        )
        .bind(&token[..])
        .bind(organiser.id)
        .bind(now)
        .bind(expires_at)
        .execute(tx.get())
        .await?;
        let actor = Actor::Organiser(organiser.email.clone());
        self.audit(tx.get(), &actor, "signed in", None, None, None).await?;
        tx.commit().await
    }

    async fn signed_in(&self, token: &Digest) -> StoreResult<Option<Organiser>> {
        let row: Option<OrganiserRow> = sqlx::query_as(sql::SIGNED_IN)
            .bind(&token[..])
            .bind(self.ambient.now())
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(Organiser::from))
    }

    async fn end_sign_in(&self, token: &Digest) -> StoreResult<()> {
        let mut tx = self.gate.begin().await?;
        sqlx::query("DELETE FROM sign_ins WHERE token_hash = $1").bind(&token[..]).execute(tx.get()).await?;
        tx.commit().await
    }

    async fn record(&self, deed: Deed<'_>) -> StoreResult<()> {
        let Deed { actor, action, draw, subject } = deed;
        let mut tx = self.gate.begin().await?;
        self.audit(tx.get(), actor, action, draw, subject, None).await?;
        tx.commit().await
    }
}
