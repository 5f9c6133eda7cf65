//! Draws in PostgreSQL.
//!
//! Whoever changes a draw has it alone: the advisory lock first, so that an endless stream of batches cannot
//! starve it, then the row `FOR UPDATE`, which is what counts. What went before has ended then, and what comes
//! after sees the change.

use async_trait::async_trait;
use shared::draw::Transition;
use shared::{Action, DrawState};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::clock::{self, now_sql};
use super::gate::{Gate, Transaction};
use super::insert::SHARDS;
use super::{PostgresStore, within};
use crate::ambient::Ambient;
use crate::draws::{Standing, Step};
use crate::store::draws::{
    Actor, Applied, Draw, DrawDetails, DrawSpec, Draws, Edited, Expected, StateChange,
};
use crate::store::rows::DrawRow;
use crate::store::sql;
use crate::store::{StoreError, StoreResult};

#[async_trait]
impl Draws for PostgresStore {
    async fn draws(&self) -> StoreResult<Vec<Draw>> {
        within(async {
            let mut reader = self.reader().await?;
            let rows: Vec<DrawRow> = sqlx::query_as("SELECT * FROM draws ORDER BY opens_at DESC, slug")
                .fetch_all(reader.get())
                .await?;
            reader.give_back();
            rows.into_iter().map(Draw::try_from).collect()
        })
        .await
    }

    async fn draw(&self, slug: &str) -> StoreResult<Option<Draw>> {
        within(async {
            let mut reader = self.reader().await?;
            let draw = by_slug(reader.get(), slug).await?;
            reader.give_back();
            Ok(draw)
        })
        .await
    }

    async fn apply_draw(&self, spec: &DrawSpec, state: DrawState, actor: &Actor) -> StoreResult<Applied> {
        within(async {
            loop {
                let Some((mut tx, stored)) = self.alone(&spec.slug).await? else {
                    match self.create(spec, state, actor).await? {
                        Some(created) => return Ok(created),
                        // Somebody else created it just now.
                        None => continue,
                    }
                };
                let standing = standing(tx.get(), stored.id).await?;
                let step = Step::of_file(&stored, spec, state, standing);
                self.take_step(tx, stored.id, &step, actor).await?;
                return Ok(step.applied(&stored));
            }
        })
        .await
    }

    async fn edit_draw(
        &self,
        slug: &str,
        details: &DrawDetails,
        expected: &Expected,
        actor: &Actor,
    ) -> StoreResult<Edited> {
        within(async {
            let Some((mut tx, stored)) = self.alone(slug).await? else {
                return Ok(Edited::Unknown);
            };
            let standing = standing(tx.get(), stored.id).await?;
            let step = Step::of_form(&stored, details, expected, standing);
            self.take_step(tx, stored.id, &step, actor).await?;
            Ok(step.edited(stored))
        })
        .await
    }

    async fn change_state(&self, slug: &str, action: Action, actor: &Actor) -> StoreResult<StateChange> {
        within(async {
            let Some((mut tx, draw)) = self.alone(slug).await? else {
                return Ok(StateChange::Unknown);
            };
            let to = match draw.state.after(action) {
                Transition::To(state) => state,
                unchanged => {
                    tx.rollback().await?;
                    return Ok(match unchanged {
                        Transition::Already => StateChange::Already(draw),
                        _ => StateChange::Refused(draw),
                    });
                }
            };
            sqlx::query(sql::STORE_STATE)
                .bind(draw.id)
                .bind(to.as_str())
                .bind(clock::now(tx.get(), &self.ambient).await?)
                .execute(tx.get())
                .await?;
            let what = format!("draw {}", to.as_str());
            audit(tx.get(), &self.ambient, actor, &what, Some(draw.id), Some(slug), None).await?;
            tx.commit().await?;
            Ok(StateChange::Changed(Draw { state: to, version: draw.version + 1, ..draw }))
        })
        .await
    }

    async fn close_overdue(&self) -> StoreResult<u64> {
        // Asked first without a lock: most of the time there is nothing to close.
        let overdue: Vec<Uuid> = within(async {
            let mut reader = self.reader().await?;
            let overdue = sqlx::query_scalar(concat!(
                "SELECT id FROM draws WHERE state = 'announced' AND closes_at <= ",
                now_sql!("$1")
            ))
            .bind(self.ambient.held())
            .fetch_all(reader.get())
            .await?;
            reader.give_back();
            Ok(overdue)
        })
        .await?;
        for &draw in &overdue {
            within(self.close_if_over_now(&self.writing, draw)).await?;
        }
        Ok(overdue.len() as u64)
    }

    async fn taken(&self, draw: Uuid) -> StoreResult<i64> {
        within(async {
            let mut reader = self.reader().await?;
            let taken = taken(reader.get(), draw).await?;
            reader.give_back();
            Ok(taken)
        })
        .await
    }
}

impl PostgresStore {
    /// A transaction that has the draw of a slug for itself, and the draw as it is then: closed, if its time has
    /// come. `None` where there is no such draw.
    async fn alone(&self, slug: &str) -> StoreResult<Option<(Transaction, Draw)>> {
        loop {
            let mut reader = self.reader().await?;
            let known = by_slug(reader.get(), slug).await?;
            reader.give_back();
            let Some(known) = known else { return Ok(None) };
            let mut tx = self.writing.begin_alone(known.id).await?;
            let row: DrawRow = sqlx::query_as("SELECT * FROM draws WHERE id = $1 FOR UPDATE")
                .bind(known.id)
                .fetch_one(tx.get())
                .await?;
            let draw = Draw::try_from(row)?;
            let now = clock::now(tx.get(), &self.ambient).await?;
            if draw.state != DrawState::Announced || now < draw.spec.closes_at {
                return Ok(Some((tx, draw)));
            }
            // Committed before anything is judged by it.
            tx.rollback().await?;
            self.close_if_over_now(&self.writing, known.id).await?;
        }
    }

    /// Creates a draw; `None` when one of its slug is there.
    async fn create(&self, spec: &DrawSpec, state: DrawState, actor: &Actor) -> StoreResult<Option<Applied>> {
        let mut tx = self.writing.begin().await?;
        let id = self.ambient.new_id();
        if !store_draw(tx.get(), &self.ambient, id, spec, state).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        audit(tx.get(), &self.ambient, actor, "draw created", Some(id), Some(&spec.slug), None).await?;
        tx.commit().await?;
        Ok(Some(Applied::Created))
    }

    /// Writes what an edit comes to, with its audit row, and ends the transaction.
    async fn take_step(
        &self,
        mut tx: Transaction,
        draw: Uuid,
        step: &Step,
        actor: &Actor,
    ) -> StoreResult<()> {
        let Step::Store { spec, state, parts } = step else {
            return tx.rollback().await;
        };
        store_draw(tx.get(), &self.ambient, draw, spec, *state).await?;
        if spec.capacity.is_some() {
            gather_counters(tx.get(), draw).await?;
        }
        let detail = parts.join(", ");
        audit(tx.get(), &self.ambient, actor, "draw changed", Some(draw), Some(&spec.slug), Some(&detail))
            .await?;
        tx.commit().await
    }

    /// Stores that a draw has closed, when its closing instant has passed and nobody did so before. Whoever
    /// judges by the clock does this first, so that nobody is told "closed" of a draw that can still be reopened.
    pub(super) async fn close_if_over_now(&self, gate: &Gate, draw: Uuid) -> StoreResult<()> {
        let mut tx = gate.begin_alone(draw).await?;
        // The row first, then the clock.
        sqlx::query("SELECT 1 FROM draws WHERE id = $1 FOR UPDATE").bind(draw).execute(tx.get()).await?;
        let now = clock::now(tx.get(), &self.ambient).await?;
        let closed: Option<String> =
            sqlx::query_scalar(sql::CLOSE_IF_OVER).bind(draw).bind(now).fetch_optional(tx.get()).await?;
        if let Some(slug) = &closed {
            let schedule = Actor::Schedule;
            audit(tx.get(), &self.ambient, &schedule, "draw closed", Some(draw), Some(slug), None).await?;
        }
        tx.commit().await
    }
}

#[derive(FromRow)]
struct HeldRow {
    #[sqlx(flatten)]
    draw: DrawRow,
    now: i64,
}

/// Holds a draw against whoever closes or edits it, beside others who only hold it, and reads the clock after
/// that.
pub(super) async fn hold(
    connection: &mut PgConnection,
    draw: Uuid,
    ambient: &Ambient,
) -> StoreResult<(Draw, i64)> {
    // The inner query locks, so it is not merged into the outer one, which reads the clock.
    let row: Option<HeldRow> = sqlx::query_as(concat!(
        "SELECT held.*, ",
        now_sql!("$2"),
        " AS now FROM (SELECT * FROM draws WHERE id = $1 FOR SHARE) AS held"
    ))
    .bind(draw)
    .bind(ambient.held())
    .fetch_optional(connection)
    .await?;
    let row = row.ok_or_else(|| StoreError::corrupt("a batch for no draw"))?;
    Ok((row.draw.try_into()?, row.now))
}

/// The draw of an id that is known to exist.
pub(super) async fn by_id(connection: &mut PgConnection, id: Uuid) -> StoreResult<Draw> {
    let row: DrawRow =
        sqlx::query_as("SELECT * FROM draws WHERE id = $1").bind(id).fetch_one(connection).await?;
    row.try_into()
}

async fn by_slug(connection: &mut PgConnection, slug: &str) -> StoreResult<Option<Draw>> {
    let row: Option<DrawRow> =
        sqlx::query_as("SELECT * FROM draws WHERE slug = $1").bind(slug).fetch_optional(connection).await?;
    row.map(Draw::try_from).transpose()
}

/// Stores what an organiser decided: a new draw, or the next version of a known one. `false` when the draw is
/// new and its slug is another's.
async fn store_draw(
    connection: &mut PgConnection,
    ambient: &Ambient,
    id: Uuid,
    spec: &DrawSpec,
    state: DrawState,
) -> StoreResult<bool> {
    let now = clock::now(connection, ambient).await?;
    let updated = sqlx::query(
        "UPDATE draws SET title = $3, description = $4, timezone = $5, opens_at = $6, closes_at = $7,
             draws_at = $8, mode = $9, capacity = $10, terms_url = $11, privacy_url = $12, contact = $13,
             rules = $14, destinations = $15, state = $16, version = version + 1, updated_at = $17
         WHERE id = $1 AND slug = $2",
    );
    let inserted = sqlx::query(
        "INSERT INTO draws (id, slug, title, description, timezone, opens_at, closes_at, draws_at, mode,
             capacity, terms_url, privacy_url, contact, rules, destinations, state, version, created_at,
             updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1, $17, $17)
         ON CONFLICT (slug) DO NOTHING",
    );
    for statement in [updated, inserted] {
        let done = statement
            .bind(id)
            .bind(&spec.slug)
            .bind(&spec.title)
            .bind(&spec.description)
            .bind(&spec.timezone)
            .bind(spec.opens_at)
            .bind(spec.closes_at)
            .bind(spec.draws_at)
            .bind(spec.mode.as_str())
            .bind(spec.capacity.map(i64::from))
            .bind(&spec.terms_url)
            .bind(&spec.privacy_url)
            .bind(&spec.contact)
            .bind(json(&spec.rules)?)
            .bind(json(&spec.destinations)?)
            .bind(state.as_str())
            .bind(now)
            .execute(&mut *connection)
            .await?;
        if done.rows_affected() == 1 {
            sqlx::query(
                "INSERT INTO counters (draw_id, shard, taken)
                 SELECT $1, shard, 0 FROM GENERATE_SERIES(0, $2 - 1) AS shard ON CONFLICT DO NOTHING",
            )
            .bind(id)
            .bind(SHARDS.cast_signed())
            .execute(connection)
            .await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Moves what the shards counted into the one row that a capacity is judged by. The draw is held alone.
async fn gather_counters(connection: &mut PgConnection, draw: Uuid) -> StoreResult<()> {
    sqlx::query(
        "UPDATE counters c SET taken = CASE WHEN c.shard = 0 THEN total.taken ELSE 0 END
         FROM (SELECT SUM(taken)::BIGINT AS taken FROM counters WHERE draw_id = $1) AS total
         WHERE c.draw_id = $1",
    )
    .bind(draw)
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives one place back: to the only counter of a capped draw, to the fullest shard of another. Who comes at the
/// same time may have emptied that one while it was waited for; then another is the fullest.
pub(super) async fn give_back_place(connection: &mut PgConnection, draw: Uuid) -> StoreResult<()> {
    for _ in 0..SHARDS * 4 {
        let given = sqlx::query(
            "UPDATE counters SET taken = taken - 1 WHERE draw_id = $1 AND taken > 0 AND shard = (
                 SELECT shard FROM counters WHERE draw_id = $1 ORDER BY taken DESC, shard LIMIT 1)",
        )
        .bind(draw)
        .execute(&mut *connection)
        .await?;
        if given.rows_affected() == 1 {
            return Ok(());
        }
    }
    Err(StoreError::corrupt("a draw that counts no entry has one"))
}

/// Live entries of a draw.
pub(super) async fn taken(connection: &mut PgConnection, draw: Uuid) -> StoreResult<i64> {
    let taken = sqlx::query_scalar(sql::TAKEN).bind(draw).fetch_one(connection).await?;
    Ok(taken)
}

/// What of a draw's past an edit may not break.
async fn standing(connection: &mut PgConnection, draw: Uuid) -> StoreResult<Standing> {
    let taken = taken(connection, draw).await?;
    // Whether anybody ever entered and left: then claims of old retries exist.
    let has_endings: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM withdrawals WHERE draw_id = $1)")
            .bind(draw)
            .fetch_one(connection)
            .await?;
    Ok(Standing { taken, entered: taken > 0 || has_endings })
}

/// Writes down who did what, in the transaction that does it.
pub(super) async fn audit(
    connection: &mut PgConnection,
    ambient: &Ambient,
    actor: &Actor,
    action: &str,
    draw: Option<Uuid>,
    subject: Option<&str>,
    detail: Option<&str>,
) -> StoreResult<()> {
    sqlx::query(sql::INSERT_AUDIT)
        .bind(ambient.new_id())
        .bind(ambient.now())
        .bind(actor.to_string())
        .bind(action)
        .bind(draw)
        .bind(subject)
        .bind(detail)
        .execute(connection)
        .await?;
    Ok(())
}

fn json(value: &impl serde::Serialize) -> StoreResult<String> {
    serde_json::to_string(value).map_err(StoreError::corrupt)
}
