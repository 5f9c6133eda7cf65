//! Draws in SQLite.

use async_trait::async_trait;
use shared::draw::Transition;
use shared::{Action, DrawState};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::SqliteStore;
use crate::draws::{Standing, Step};
use crate::store::draws::{
    Actor, Applied, Draw, DrawDetails, DrawSpec, Draws, Edited, Expected, StateChange,
};
use crate::store::rows::DrawRow;
use crate::store::sql;
use crate::store::{StoreError, StoreResult};

#[async_trait]
impl Draws for SqliteStore {
    async fn draws(&self) -> StoreResult<Vec<Draw>> {
        let rows: Vec<DrawRow> = sqlx::query_as("SELECT * FROM draws ORDER BY opens_at DESC, slug")
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter().map(Draw::try_from).collect()
    }

    async fn draw(&self, slug: &str) -> StoreResult<Option<Draw>> {
        let row: Option<DrawRow> = sqlx::query_as("SELECT * FROM draws WHERE slug = $1")
            .bind(slug)
            .fetch_optional(&self.readers)
            .await?;
        row.map(Draw::try_from).transpose()
    }

    async fn apply_draw(&self, spec: &DrawSpec, state: DrawState, actor: &Actor) -> StoreResult<Applied> {
        let mut tx = self.gate.begin().await?;
        let Some((stored, closed_now)) = self.settled_by_slug(tx.get(), &spec.slug).await? else {
            let id = self.ambient.new_id();
            self.store_draw(tx.get(), id, spec, state).await?;
            self.audit(tx.get(), actor, "draw created", Some(id), Some(&spec.slug), None).await?;
            tx.commit().await?;
            return Ok(Applied::Created);
        };
        let standing = standing(tx.get(), stored.id).await?;
        let step = Step::of_file(&stored, spec, state, standing);
        let wrote = self.take_step(tx.get(), stored.id, &step, actor).await?;
        tx.commit_if(wrote || closed_now).await?;
        Ok(step.applied(&stored))
    }

    async fn edit_draw(
        &self,
        slug: &str,
        details: &DrawDetails,
        expected: &Expected,
        actor: &Actor,
    ) -> StoreResult<Edited> {
        let mut tx = self.gate.begin().await?;
        let Some((stored, closed_now)) = self.settled_by_slug(tx.get(), slug).await? else {
            tx.rollback().await?;
            return Ok(Edited::Unknown);
        };
        let standing = standing(tx.get(), stored.id).await?;
        let step = Step::of_form(&stored, details, expected, standing);
        let wrote = self.take_step(tx.get(), stored.id, &step, actor).await?;
        tx.commit_if(wrote || closed_now).await?;
        Ok(step.edited(stored))
    }

    async fn change_state(&self, slug: &str, action: Action, actor: &Actor) -> StoreResult<StateChange> {
        let mut tx = self.gate.begin().await?;
        let Some((draw, closed_now)) = self.settled_by_slug(tx.get(), slug).await? else {
            return Ok(StateChange::Unknown);
        };
        let to = match draw.state.after(action) {
            Transition::To(state) => state,
            unchanged => {
                tx.commit_if(closed_now).await?;
                return Ok(match unchanged {
                    Transition::Already => StateChange::Already(draw),
                    _ => StateChange::Refused(draw),
                });
            }
        };
        self.store_state(tx.get(), draw.id, to).await?;
        let what = format!("draw {}", to.as_str());
        self.audit(tx.get(), actor, &what, Some(draw.id), Some(slug), None).await?;
        tx.commit().await?;
        Ok(StateChange::Changed(Draw { state: to, version: draw.version + 1, ..draw }))
    }

    async fn close_overdue(&self) -> StoreResult<u64> {
        // Asked first without the write lock: most of the time there is nothing to close.
        let overdue: Vec<Uuid> =
            sqlx::query_scalar("SELECT id FROM draws WHERE state = 'announced' AND closes_at <= $1")
                .bind(self.ambient.now())
                .fetch_all(&self.readers)
                .await?;
        for &draw in &overdue {
            self.close_if_over_now(draw).await?;
        }
        Ok(overdue.len() as u64)
    }

    async fn taken(&self, draw: Uuid) -> StoreResult<i64> {
        let taken = sqlx::query_scalar(sql::TAKEN).bind(draw).fetch_one(&self.readers).await?;
        Ok(taken)
    }
}

impl SqliteStore {
    /// Stores that a draw has closed, when its closing instant has passed and nobody did so before.
    pub(super) async fn close_if_over_now(&self, draw: Uuid) -> StoreResult<()> {
        let mut tx = self.gate.begin().await?;
        self.close_if_over_within(tx.get(), draw).await?;
        tx.commit().await
    }

    /// The same within a transaction; whether it did. Whoever judges by the clock stores what it saw first, so
    /// that nobody is told "closed" of a draw that can still be reopened.
    pub(super) async fn close_if_over_within(
        &self,
        connection: &mut SqliteConnection,
        draw: Uuid,
    ) -> StoreResult<bool> {
        let now = self.ambient.now();
        let closed: Option<String> = sqlx::query_scalar(sql::CLOSE_IF_OVER)
            .bind(draw)
            .bind(now)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(slug) = &closed {
            self.audit(connection, &Actor::Schedule, "draw closed", Some(draw), Some(slug), None).await?;
        }
        Ok(closed.is_some())
    }

    /// A draw as it is after closing it, if its time has come; and whether that was done just now.
    async fn settled_by_slug(
        &self,
        connection: &mut SqliteConnection,
        slug: &str,
    ) -> StoreResult<Option<(Draw, bool)>> {
        let Some(draw) = by_slug(connection, slug).await? else {
            return Ok(None);
        };
        if !self.close_if_over_within(connection, draw.id).await? {
            return Ok(Some((draw, false)));
        }
        Ok(by_slug(connection, slug).await?.map(|draw| (draw, true)))
    }

    /// Writes what an edit comes to, with its audit row; whether there was anything to write.
    async fn take_step(
        &self,
        connection: &mut SqliteConnection,
        draw: Uuid,
        step: &Step,
        actor: &Actor,
    ) -> StoreResult<bool> {
        let Step::Store { spec, state, parts } = step else {
            return Ok(false);
        };
        self.store_draw(connection, draw, spec, *state).await?;
        let detail = parts.join(", ");
        self.audit(connection, actor, "draw changed", Some(draw), Some(&spec.slug), Some(&detail)).await?;
        Ok(true)
    }

    async fn store_state(
        &self,
        connection: &mut SqliteConnection,
        draw: Uuid,
        state: DrawState,
    ) -> StoreResult<()> {
        sqlx::query(sql::STORE_STATE)
            .bind(draw)
            .bind(state.as_str())
            .bind(self.ambient.now())
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Stores what an organiser decided: a new draw, or the next version of a known one.
    async fn store_draw(
        &self,
        connection: &mut SqliteConnection,
        id: Uuid,
        spec: &DrawSpec,
        state: DrawState,
    ) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO draws (id, slug, title, description, timezone, opens_at, closes_at, draws_at, mode,
                 capacity, terms_url, privacy_url, contact, rules, destinations, state, version, created_at,
                 updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1, $17, $17)
             ON CONFLICT (id) DO UPDATE SET title = excluded.title, description = excluded.description,
                 timezone = excluded.timezone, opens_at = excluded.opens_at, closes_at = excluded.closes_at,
                 draws_at = excluded.draws_at, mode = excluded.mode, capacity = excluded.capacity,
                 terms_url = excluded.terms_url, privacy_url = excluded.privacy_url,
                 contact = excluded.contact, rules = excluded.rules, destinations = excluded.destinations,
                 state = excluded.state, version = draws.version + 1, updated_at = excluded.updated_at",
        )
        .bind(id)
        .bind(&spec.slug)
        .bind(&spec.title)
        .bind(&spec.description)
        .bind(&spec.timezone)
        .bind(spec.opens_at)
        .bind(spec.closes_at)
        .bind(spec.draws_at)
        .bind(spec.mode.as_str())
        .bind(spec.capacity)
        .bind(&spec.terms_url)
        .bind(&spec.privacy_url)
        .bind(&spec.contact)
        .bind(json(&spec.rules)?)
        .bind(json(&spec.destinations)?)
        .bind(state.as_str())
        .bind(self.ambient.now())
        .execute(&mut *connection)
        .await?;
        sqlx::query("INSERT INTO counters (draw_id, shard, taken) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING")
            .bind(id)
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Writes down who did what, in the transaction that does it.
    pub(super) async fn audit(
        &self,
        connection: &mut SqliteConnection,
        actor: &Actor,
        action: &str,
        draw: Option<Uuid>,
        subject: Option<&str>,
        detail: Option<&str>,
    ) -> StoreResult<()> {
        sqlx::query(sql::INSERT_AUDIT)
            .bind(self.ambient.new_id())
            .bind(self.ambient.now())
            .bind(actor.to_string())
            .bind(action)
            .bind(draw)
            .bind(subject)
            .bind(detail)
            .execute(connection)
            .await?;
        Ok(())
    }
}

async fn by_slug(connection: &mut SqliteConnection, slug: &str) -> StoreResult<Option<Draw>> {
    let row: Option<DrawRow> =
        sqlx::query_as("SELECT * FROM draws WHERE slug = $1").bind(slug).fetch_optional(connection).await?;
    row.map(Draw::try_from).transpose()
}

/// What of a draw's past an edit may not break.
async fn standing(connection: &mut SqliteConnection, draw: Uuid) -> StoreResult<Standing> {
    let (taken, has_endings): (i64, bool) = sqlx::query_as(
        "SELECT COALESCE((SELECT SUM(taken) FROM counters WHERE draw_id = $1), 0),
             EXISTS (SELECT 1 FROM withdrawals WHERE draw_id = $1)",
    )
    .bind(draw)
    .fetch_one(connection)
    .await?;
    // Whoever entered and left has left claims behind, by which late retries are known.
    Ok(Standing { taken, entered: taken > 0 || has_endings })
}

fn json(value: &impl serde::Serialize) -> StoreResult<String> {
    serde_json::to_string(value).map_err(StoreError::corrupt)
}
