//! How a batch of entries is written, whatever the database: passes, each one transaction, until every entry
//! has its fate. A dialect gives the transaction ([`Passes::pass`]) and the look-ups of committed winners.

use async_trait::async_trait;
use shared::DrawState;
use uuid::Uuid;

use super::draws::Draw;
use super::entries::{ClaimKind, NewEntry, Stored, Written};
use super::fates::Winners;
use super::{StoreError, StoreResult};
use crate::secrets::Digest;

/// What one transaction came to.
pub(super) enum Pass {
    /// Committed: these entries exist, at this instant; the other live ones lost.
    Committed { created: Vec<usize>, registered_at: i64 },
    /// Rolled back: these lost a claim and must not make others lose.
    Without(Vec<usize>),
    /// Rolled back: at capacity; these are the last that fit, and these would have been next.
    Only { fitting: Vec<usize>, full: Vec<usize> },
    /// Rolled back: the draw takes nobody now.
    Shut(Shut),
    /// Rolled back: judged by other rules than the draw has now.
    DrawChanged,
}

/// Why a draw takes nobody.
pub(super) enum Shut {
    NotOpen { opens_at: i64, now: i64 },
    Over,
    Closed,
}

impl Shut {
    /// Why a draw takes nobody at an instant; `None` when it is open.
    pub(super) fn at(draw: &Draw, now: i64) -> Option<Self> {
        let opens_at = draw.spec.opens_at;
        match draw.state {
            DrawState::Draft => Some(Self::NotOpen { opens_at, now }),
            DrawState::Announced if now < opens_at => Some(Self::NotOpen { opens_at, now }),
            DrawState::Announced if now < draw.spec.closes_at => None,
            DrawState::Announced => Some(Self::Over),
            _ => Some(Self::Closed),
        }
    }
}

impl Pass {
    /// Of created entries only so many fit: by arrival, which is the order within the batch.
    pub(super) fn only(mut created: Vec<usize>, fits: usize) -> Self {
        created.sort_unstable();
        let full = created.split_off(fits.min(created.len()));
        Self::Only { fitting: created, full }
    }
}

/// What a dialect gives.
#[async_trait]
pub(super) trait Passes: Sync {
    /// One transaction with the live entries of a batch.
    async fn pass(&self, draw: Uuid, batch: &[NewEntry], live: &[usize]) -> StoreResult<Pass>;

    /// Stores that a draw has closed, when its closing instant has passed and nobody did so before.
    async fn close_if_over(&self, draw: Uuid) -> StoreResult<()>;

    /// The committed live entry of a person.
    async fn by_person(&self, draw: Uuid, person: &Digest) -> StoreResult<Option<Stored>>;

    /// The committed entry that holds a claim, live or ended.
    async fn by_claim(&self, draw: Uuid, kind: ClaimKind, key: &Digest) -> StoreResult<Option<Stored>>;
}

/// Writes a batch; see [`super::Entries::write`].
pub(super) async fn write<P: Passes>(store: &P, draw: Uuid, batch: &[NewEntry]) -> StoreResult<Vec<Written>> {
    match write_together(store, draw, batch).await {
        Err(StoreError::Refused(error)) if batch.len() == 1 => {
            Ok(vec![Written::Refused(StoreError::Refused(error))])
        }
        Err(StoreError::Refused(error)) => {
            // One poisoned row fails only its own request.
            tracing::error!(%error, rows = batch.len(), "a batch was refused, writing it row by row");
            let mut fates = Vec::with_capacity(batch.len());
            for entry in batch {
                fates.extend(Box::pin(write(store, draw, std::slice::from_ref(entry))).await?);
            }
            Ok(fates)
        }
        fates => fates,
    }
}

async fn write_together<P: Passes>(store: &P, draw: Uuid, batch: &[NewEntry]) -> StoreResult<Vec<Written>> {
    let mut live: Vec<usize> = (0..batch.len()).collect();
    let mut fates: Vec<Option<Written>> = batch.iter().map(|_| None).collect();
    // Every pass but the last takes entries out of `live`, or finds the draw closed for good.
    while !live.is_empty() {
        match store.pass(draw, batch, &live).await? {
            Pass::Committed { created, registered_at } => {
                for at in created {
                    fates[at] = Some(Written::Created { registered_at });
                }
                break;
            }
            Pass::Without(losers) => live.retain(|at| !losers.contains(at)),
            Pass::Only { fitting, full } => {
                for at in full {
                    fates[at] = Some(Written::Full);
                }
                live = fitting;
            }
            Pass::Shut(Shut::Over) => store.close_if_over(draw).await?,
            Pass::Shut(shut) => {
                for &at in &live {
                    let otherwise = match shut {
                        Shut::NotOpen { opens_at, now } => Written::NotOpen(opens_at, now),
                        Shut::Over | Shut::Closed => Written::Closed,
                    };
                    let winners = winners(store, draw, &batch[at]).await?;
                    fates[at] = Some(winners.fate_when_shut(&batch[at], otherwise));
                }
                break;
            }
            Pass::DrawChanged => return Ok(batch.iter().map(|_| Written::DrawChanged).collect()),
        }
    }
    let mut written = Vec::with_capacity(batch.len());
    for (entry, fate) in batch.iter().zip(fates) {
        written.push(match fate {
            Some(fate) => fate,
            None => winners(store, draw, entry).await?.fate(),
        });
    }
    Ok(written)
}

/// What committed entries hold of what an entry wanted.
async fn winners<P: Passes>(store: &P, draw: Uuid, entry: &NewEntry) -> StoreResult<Winners> {
    let mut winners = Winners::default();
    if let Some(token) = entry.token() {
        winners.token = store.by_claim(draw, token.kind, &token.key).await?;
    }
    // Most losers are retries of their own key: nothing else is asked for them.
    if winners.token.is_some() {
        return Ok(winners);
    }
    if let Some(source) = entry.source() {
        winners.source = store.by_claim(draw, source.kind, &source.key).await?;
    }
    winners.person = store.by_person(draw, &entry.identity.person).await?;
    for claim in entry.told_claims() {
        if store.by_claim(draw, claim.kind, &claim.key).await?.is_some() {
            winners.taken.push(claim.kind);
        }
    }
    Ok(winners)
}
