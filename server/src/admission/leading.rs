//! The work of an attempt that nobody else in this process is working on: cache, lock, held verdicts, constraint, settle.

use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{Either, MaybeDone, maybe_done, select};
use shared::{Entry, FieldError, Layer, Problem};
use uuid::Uuid;

use super::attempt::Attempt;
use super::batch::{StandingBy, Submitted};
use super::ending::{Ending, Refusal};
use super::flights::Lead;
use super::outcomes::{Look, SharedOutcome};
use super::protocol::{self, AfterWrite, Remember, Said, Tell};
use super::remembered::Committed;
use super::{ABOARD_MAX, Admission, End, keys, replay, sequence_reused, stale};
use crate::coordination::Owner;
use crate::receipt;
use crate::store::entries::{ClaimKind, Identity, NewEntry, Written};
use crate::telemetry;

/// An entry that waits for its batch while it is looked for; see [`super::standby`].
struct Going<'a> {
    standing: StandingBy<'a>,
    made: Made,
}

/// An entry that went, and what the batch came to for it.
struct Gone {
    made: Made,
    submitted: Submitted,
}

/// What the receipt of an entry will be made of.
struct Made {
    id: Uuid,
    code: String,
    identity: Identity,
}

impl Made {
    fn of(entry: &NewEntry) -> Self {
        Self { id: entry.id, code: entry.receipt.clone(), identity: entry.identity }
    }
}

/// A question about the shared outcome, and its answer.
type Asking<'a, F> = Pin<&'a mut MaybeDone<F>>;

/// The answer to a question.
async fn said<F>(mut asking: Asking<'_, F>) -> Said<Committed, Bytes>
where
    F: Future<Output = Said<Committed, Bytes>>,
{
    asking.as_mut().await;
    // Taken once, after it is there.
    asking.take_output().unwrap_or(Said::Failed)
}

/// The fate of an entry that stands by while its question is open.
///
/// # Errors
/// The entry, when somebody knows of it or works on it before it has gone along: it goes along with nobody any more.
/// Once it has, only the database tells what became of it: what others know by then may be this very entry.
async fn fate<F>(going: Going<'_>, mut asking: Asking<'_, F>) -> Result<Gone, Box<NewEntry>>
where
    F: Future<Output = Said<Committed, Bytes>>,
{
    let Going { mut standing, made } = going;
    let submitted = match select(pin!(standing.gone()), asking.as_mut()).await {
        Either::Left((submitted, _)) => Some(submitted),
        Either::Right(_) => None,
    };
    let submitted = match submitted {
        Some(submitted) => submitted,
        None if is_free(asking) => standing.go().await,
        None => match standing.step_back() {
            Ok(entry) => return Err(entry),
            Err(mut gone) => gone.gone().await,
        },
    };
    Ok(Gone { made, submitted })
}

/// Whether a question was answered, and by nobody who knows of the attempt or works on it.
fn is_free<F>(asking: Asking<'_, F>) -> bool
where
    F: Future<Output = Said<Committed, Bytes>>,
{
    matches!(asking.output_mut(), Some(Said::Leased | Said::Failed))
}

impl Admission {
    /// Works on an attempt, for a request that is said to be its first or not, whether or not the client stays.
    pub(super) async fn lead(&self, lead: Lead, attempt: Box<Attempt>, is_first: bool) {
        // What is about to be refused for want of time takes no lease. It is one of those in flight itself.
        let is_shed = attempt.verdict.is_ok() && self.is_overloaded(attempt.draw.id, ABOARD_MAX + 1);
        let owner = (attempt.verdict.is_ok() && !is_shed).then(|| self.ambient.random());
        let outcome = self.outcome(attempt.draw.id, &attempt.token.claim);
        // cache + lock
        let mut asking = pin!(maybe_done(outcome.ask(owner.as_ref())));
        // Of a first press nothing is known: it waits for its batch while it asks, where asking takes time.
        let mut entry = None;
        if let Some(owner) = owner.filter(|_| is_first && self.shared.is_remote())
            && let Some(going) = self.stand_by(&attempt, asking.as_mut()).await
        {
            match fate(going, asking.as_mut()).await {
                Ok(gone) => return self.end_gone(lead, &attempt, gone, &outcome, owner, asking).await,
                Err(own) => entry = Some(own),
            }
        }
        let lease = match outcome.follow(said(asking).await, owner).await {
            Look::Committed(committed, layer) => {
                let ending = self.decide(&attempt, &committed, layer);
                self.tell(lead, &attempt, (ending, Some(committed)));
                return;
            }
            Look::Nothing(None) if is_shed => {
                let end = self.shed_unless_known(&attempt).await;
                self.tell(lead, &attempt, end);
                return;
            }
            Look::Nothing(lease) => lease,
        };
        // held verdicts, then the constraint
        let end = match entry {
            Some(entry) => self.write(&attempt, entry).await,
            None => match self.held(&attempt).await {
                Err(held) => self.unless_known(&attempt, held).await,
                Ok((entry, identity)) => {
                    self.write(&attempt, self.new_entry(&attempt, entry, identity)).await
                }
            },
        };
        // What is committed can be told; that others learn of it need not be waited for.
        let committed = self.tell(lead, &attempt, end);
        // settle
        self.settle(&attempt, lease, committed).await;
    }

    /// Ends an attempt that has gone with a batch while its question may still be open.
    async fn end_gone<F>(
        &self,
        lead: Lead,
        attempt: &Attempt,
        gone: Gone,
        outcome: &SharedOutcome<'_>,
        owner: Owner,
        asking: Asking<'_, F>,
    ) where
        F: Future<Output = Said<Committed, Bytes>>,
    {
        if matches!(gone.submitted, Submitted::Unknown) {
            // Where the database has no word, others may have.
            let look = outcome.follow(said(asking).await, Some(owner)).await;
            let lease = look.lease();
            let end = match look {
                Look::Committed(known, layer) => (self.decide(attempt, &known, layer), Some(known)),
                Look::Nothing(_) => (Ending::unavailable(), None),
            };
            let committed = self.tell(lead, attempt, end);
            return self.settle(attempt, lease, committed).await;
        }
        let end = self.written(attempt, &gone.made, gone.submitted).await;
        match self.tell(lead, attempt, end) {
            // Whoever holds the lease by now.
            Some(committed) => outcome.settle(&owner, Some(&committed)).await,
            None => {
                let lease = outcome.follow(said(asking).await, Some(owner)).await.lease();
                self.settle(attempt, lease, None).await;
            }
        }
    }

    /// Tells how an attempt ended, and remembers what is committed under its key, which is given back.
    fn tell(&self, lead: Lead, attempt: &Attempt, (ending, committed): End) -> Option<Arc<Committed>> {
        if let Some(committed) = &committed {
            self.memory.insert(attempt.token.claim, Arc::clone(committed));
        }
        lead.end(ending);
        committed
    }

    /// Lets an attempt go along with a batch, unless a verdict stands against it, or somebody turns out to know of it
    /// before its person has been given a turn.
    async fn stand_by<F>(&self, attempt: &Attempt, mut asking: Asking<'_, F>) -> Option<Going<'_>>
    where
        F: Future<Output = Said<Committed, Bytes>>,
    {
        let mut holding = pin!(self.held(attempt));
        let held = match select(holding.as_mut(), asking.as_mut()).await {
            Either::Left((held, _)) => Some(held),
            Either::Right(_) => None,
        };
        let held = match held {
            Some(held) => held,
            None if is_free(asking) => holding.await,
            None => return None,
        };
        let (entry, identity) = held.ok()?;
        let entry = self.new_entry(attempt, entry, identity);
        let made = Made::of(&entry);
        Some(Going { standing: self.batches.stand_by(attempt.draw.id, entry), made })
    }

    /// The row to write. It changes hands several times on its way.
    fn new_entry(&self, attempt: &Attempt, entry: &Entry, identity: Identity) -> Box<NewEntry> {
        Box::new(attempt.new_entry(entry, identity, &self.keys, &self.ambient))
    }

    /// The verdict that stands against an attempt, if any; else the way into the database.
    async fn held<'a>(&self, attempt: &'a Attempt) -> Result<(&'a Entry, Identity), Ending> {
        let (entry, identity) = attempt.verdict.as_ref().map_err(Clone::clone)?;
        if let Some(rate) = self.person_rate {
            let key = keys::person_allowance(&self.keys, attempt.draw.id, &identity.person);
            if let Some(refused) = self.limit(rate, key).await {
                return Err(refused);
            }
        }
        Ok((entry, *identity))
    }

    /// Writes an attempt; its end, and what is now known to be committed under its key.
    async fn write(&self, attempt: &Attempt, entry: Box<NewEntry>) -> End {
        let made = Made::of(&entry);
        let submitted = self.batches.submit(attempt.draw.id, entry).await;
        self.written(attempt, &made, submitted).await
    }

    /// What a write came to; see [`Self::write`].
    async fn written(&self, attempt: &Attempt, made: &Made, submitted: Submitted) -> End {
        let Made { id, code, identity } = made;
        let slug = &attempt.draw.spec.slug;
        let written = match submitted {
            Submitted::Written(written) => written,
            Submitted::Overloaded => return self.shed_unless_known(attempt).await,
            Submitted::Unknown => return (Ending::unavailable(), None),
        };
        let AfterWrite { tell, remember } =
            protocol::after_write(attempt.draw.spec.mode, &attempt.claimant, identity, &written);
        // What is told is nearly always what is remembered.
        let mut receipt = None;
        let mut own = |registered_at| {
            receipt.get_or_insert_with(|| receipt::body(code, slug, *id, registered_at)).clone()
        };
        let committed = match remember {
            Remember::Nothing => None,
            Remember::Own(registered_at) => Some(Committed::new(*identity, own(registered_at))),
            Remember::Earlier(stored) => Some(Committed::from_stored(stored, slug)),
        };
        let ending = match tell {
            Tell::Receipt(registered_at) => Ending::created(own(registered_at)),
            Tell::Replay(stored) => replay(stored, slug),
            Tell::Refusal(problem) => Ending::refused(refusal(problem, &written, slug), Layer::Constraint),
            Tell::StartOver => Ending::refused(stale(), Layer::Constraint),
        };
        (ending, committed.map(Arc::new))
    }
}

/// A problem that a write ended in, with what is told beside it.
fn refusal(problem: Problem, written: &Written, slug: &str) -> Refusal {
    match written {
        Written::SourceKnown(_) => sequence_reused(),
        Written::ClaimsTaken(kinds) => {
            Refusal { errors: kinds.iter().copied().filter_map(taken).collect(), ..problem.into() }
        }
        Written::NotOpen(opens_at, now) => Refusal::after(problem, opens_at - now),
        Written::Refused(error) => {
            let error = telemetry::causes(error);
            tracing::error!(%error, draw = slug, "the database refused what the rules accepted");
            problem.into()
        }
        _ => problem.into(),
    }
}

fn taken(kind: ClaimKind) -> Option<FieldError> {
    Some(FieldError {
        field: kind.field()?.into(),
        code: "taken".into(),
        message: "This is registered with another entry already".into(),
    })
}

#[cfg(test)]
mod tests;
