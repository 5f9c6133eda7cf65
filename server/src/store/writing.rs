//! How a batch of entries is written, whatever the database: passes, each one transaction, until every entry
//! has its fate. A dialect gives the transaction ([`Passes::pass`]) and the look-ups of committed winners.

use std::collections::HashMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::entries::{Claim, NewEntry, Stored, Written};
use super::{StoreError, StoreResult};
use crate::admission::protocol::{AfterPass, Pass, Winners, after_pass};
use crate::secrets::Digest;

/// What a dialect gives.
#[async_trait]
pub(super) trait Passes: Sync {
    /// One transaction with the live entries of a batch.
    async fn pass(&self, draw: Uuid, batch: &[NewEntry], live: &[usize]) -> StoreResult<Pass>;

    /// Stores that a draw has closed, when its closing instant has passed and nobody did so before.
    async fn close_if_over(&self, draw: Uuid) -> StoreResult<()>;

    /// The committed live entries of these people.
    async fn by_people(&self, draw: Uuid, people: &[Digest]) -> StoreResult<HashMap<Digest, Stored>>;

    /// The committed entries that hold these claims, live or ended.
    async fn by_claims(&self, draw: Uuid, claims: &[Claim]) -> StoreResult<HashMap<Claim, Stored>>;
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
    let mut shut = None;
    let mut wrote = false;
    while !live.is_empty() {
        let pass = store.pass(draw, batch, &live).await?;
        match &pass {
            Pass::Committed { created, registered_at } => {
                for &at in created {
                    fates[at] = Some(Written::Created { registered_at: *registered_at });
                    wrote = true;
                }
            }
            Pass::Only { full, .. } => {
                for &at in full {
                    fates[at] = Some(Written::Full);
                }
            }
            Pass::Without(_) | Pass::Shut(_) | Pass::DrawChanged => {}
        }
        match after_pass(&mut live, &pass) {
            AfterPass::RunAgain => {}
            AfterPass::CloseAndRunAgain => store.close_if_over(draw).await?,
            AfterPass::LookUpLosers => break,
            AfterPass::LookUpRetries(why) => {
                shut = Some(why);
                break;
            }
            AfterPass::JudgeAgain => return Ok(batch.iter().map(|_| Written::DrawChanged).collect()),
        }
    }
    let undecided: Vec<usize> = (0..batch.len()).filter(|at| fates[*at].is_none()).collect();
    // What was not judged by the constraints, because the draw takes nobody, is only asked whether it is known.
    let is_live = |at: usize| shut.is_some() && live.contains(&at);
    match winners(store, draw, batch, &undecided, is_live).await {
        Ok(found) => {
            for (at, winners) in undecided.into_iter().zip(found) {
                fates[at] = Some(match shut {
                    Some(shut) if is_live(at) => winners.fate_when_shut(&batch[at].identity, shut),
                    _ => winners.fate(),
                });
            }
        }
        // What is committed is committed: those whose fate cannot be read now come again, the others know theirs.
        Err(error) if wrote => {
            tracing::warn!(%error, entries = undecided.len(), "losers have to come again");
            for at in undecided {
                fates[at] = Some(Written::Again);
            }
        }
        Err(error) => return Err(error),
    }
    Ok(fates.into_iter().map(|fate| fate.unwrap_or(Written::Again)).collect())
}

/// What committed entries hold of what some entries of a batch wanted, in two look-ups for all of them.
async fn winners<P: Passes>(
    store: &P,
    draw: Uuid,
    batch: &[NewEntry],
    wanted: &[usize],
    only_retries: impl Fn(usize) -> bool,
) -> StoreResult<Vec<Winners>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut claims: Vec<Claim> = Vec::with_capacity(wanted.len());
    for &at in wanted {
        let asks = |claim: &&Claim| claim.kind.field().is_none() || !only_retries(at);
        claims.extend(batch[at].claims.iter().filter(asks));
    }
    let people: Vec<Digest> = wanted.iter().map(|&at| batch[at].identity.person).collect();
    let by_claim = store.by_claims(draw, &claims).await?;
    let by_person = store.by_people(draw, &people).await?;
    let holder = |claim: Option<&Claim>| claim.and_then(|claim| by_claim.get(claim)).cloned();
    let winners = wanted.iter().map(|&at| {
        let entry = &batch[at];
        Winners {
            token: holder(entry.token()),
            source: holder(entry.source()),
            person: by_person.get(&entry.identity.person).cloned(),
            taken: entry
                .told_claims()
                .filter(|claim| by_claim.contains_key(claim))
                .map(|claim| claim.kind)
                .collect(),
        }
    });
    Ok(winners.collect())
}
