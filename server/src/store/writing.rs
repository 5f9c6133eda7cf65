//! How a batch of entries is written, whatever the database: passes, each one transaction, until every entry
//! has its fate. A dialect gives the transaction ([`Passes::pass`]) and the look-ups of committed winners.

use std::collections::HashMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::entries::{Claim, ClaimKind, NewEntry, Stored, Written};
use super::{StoreError, StoreResult};
use crate::admission::protocol::{
    AfterPass, Pass, Winners, after_binding, after_pass, is_clash, to_be_bound,
};
use crate::secrets::Digest;

/// One row of claims on its way into the database.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClaimRow {
    /// What is claimed.
    pub claim: Claim,
    /// For which entry.
    pub entry: Uuid,
    /// Whose entry it is.
    pub person: Digest,
    /// The place in the batch of whoever wants it.
    pub at: usize,
}

impl ClaimRow {
    /// A key of a committed entry.
    pub(super) fn of_token(token: Digest, stored: &Stored) -> Self {
        let claim = Claim { kind: ClaimKind::Token, key: token };
        Self { claim, entry: stored.id, person: stored.identity.person, at: 0 }
    }

    /// Sorts rows by key, so that two transactions wait for each other in one direction only. Arrival breaks ties.
    pub(super) fn sort(rows: &mut [Self]) {
        rows.sort_by_key(|row| (row.claim.kind, row.claim.key, row.at));
    }

    /// The claims of created entries, sorted.
    pub(super) fn of(batch: &[NewEntry], created: &[usize]) -> Vec<Self> {
        let claims = created.iter().flat_map(|&at| {
            let NewEntry { id, identity, claims, .. } = &batch[at];
            claims.iter().map(move |&claim| Self { claim, entry: *id, person: identity.person, at })
        });
        let mut rows: Vec<Self> = claims.collect();
        Self::sort(&mut rows);
        rows
    }
}

/// What a dialect gives.
#[async_trait]
pub(super) trait Passes: Sync {
    /// One transaction with the live entries of a batch.
    async fn pass(&self, draw: Uuid, batch: &[NewEntry], live: &[usize]) -> StoreResult<Pass>;

    /// Stores that a draw has closed, when its closing instant has passed and nobody did so before.
    async fn close_if_over(&self, draw: Uuid) -> StoreResult<()>;

    /// Binds keys to committed entries, in one transaction, whether or not the draw takes anybody: claims, sorted, of
    /// which those that others hold are left out; their places in the batch. An entry may end meanwhile: its
    /// withdrawal answers for it.
    async fn bind(&self, draw: Uuid, rows: &[ClaimRow]) -> StoreResult<Vec<usize>>;

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
    let mut counted_out = Vec::new();
    let mut shut = None;
    let mut wrote = false;
    while !live.is_empty() {
        let pass = store.pass(draw, batch, &live).await?;
        if let Pass::Committed { created, registered_at } = &pass {
            for &at in created {
                fates[at] = Some(Written::Created { registered_at: *registered_at });
                wrote = true;
            }
        }
        for &at in pass.full() {
            fates[at] = Some(Written::Full);
        }
        match after_pass(&mut live, &mut counted_out, &pass) {
            AfterPass::RunAgain => {}
            AfterPass::CloseAndRunAgain => store.close_if_over(draw).await?,
            AfterPass::LookUpLosers => break,
            AfterPass::LookUpRetries(why) => {
                shut = Some(why);
                break;
            }
            AfterPass::JudgeAgain => {
                return Ok(fates.into_iter().map(|fate| fate.unwrap_or(Written::DrawChanged)).collect());
            }
        }
    }
    let undecided: Vec<usize> = (0..batch.len()).filter(|at| fates[*at].is_none()).collect();
    // What was not judged by the constraints, because the draw takes nobody, is only asked whether it is known.
    let is_live = |at: usize| shut.is_some() && live.contains(&at);
    let known = async {
        let found = winners(store, draw, batch, &undecided, is_live).await?;
        let known = undecided.iter().zip(found).map(|(&at, winners)| match shut {
            Some(shut) if is_live(at) => (at, winners.fate_when_shut(&batch[at].identity, shut)),
            _ => (at, winners.fate()),
        });
        bind(store, draw, batch, known.collect()).await
    };
    match known.await {
        Ok(known) => {
            for (at, fate) in known {
                fates[at] = Some(fate);
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

/// Binds the keys of those who are about to be acknowledged with an entry that another key made.
async fn bind<P: Passes>(
    store: &P,
    draw: Uuid,
    batch: &[NewEntry],
    known: Vec<(usize, Written)>,
) -> StoreResult<Vec<(usize, Written)>> {
    let row = |(at, fate): &(usize, Written)| {
        let NewEntry { identity, .. } = &batch[*at];
        let entry = to_be_bound(fate, identity)?.id;
        batch[*at].token().map(|&claim| ClaimRow { claim, entry, person: identity.person, at: *at })
    };
    let mut rows: Vec<ClaimRow> = known.iter().filter_map(row).collect();
    if rows.is_empty() {
        return Ok(known);
    }
    ClaimRow::sort(&mut rows);
    let lost = store.bind(draw, &rows).await?;
    let bound = known.into_iter().map(|(at, fate)| match fate {
        Written::PersonKnown(stored) | Written::SourceKnown(stored)
            if rows.iter().any(|row| row.at == at) =>
        {
            (at, after_binding(stored, !lost.contains(&at)))
        }
        fate => (at, fate),
    });
    Ok(bound.collect())
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
    // People first: whoever's own entry appears between the two look-ups (another server was faster) is then found by
    // its key, which is never freed, and gets its receipt instead of a refusal.
    let by_person = store.by_people(draw, &people).await?;
    let by_claim = store.by_claims(draw, &claims).await?;
    let holder = |claim: Option<&Claim>| claim.and_then(|claim| by_claim.get(claim)).cloned();
    let winners = wanted.iter().map(|&at| {
        let entry = &batch[at];
        Winners {
            token: holder(entry.token()),
            source: holder(entry.source()),
            person: by_person.get(&entry.identity.person).cloned(),
            taken: entry
                .told_claims()
                .filter(|claim| {
                    by_claim.get(claim).is_some_and(|holder| is_clash(&holder.identity, &entry.identity))
                })
                .map(|claim| claim.kind)
                .collect(),
        }
    });
    Ok(winners.collect())
}

#[cfg(test)]
mod tests;
