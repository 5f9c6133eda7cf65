//! How a registration travels: [`Admission::admit`], top to bottom, is the specification's section 3.
//!
//! Each layer only sheds load for the next; the database's constraints alone are the authority. A verdict
//! against an attempt (invalid, token too old, too many for this person) is held until no layer and no
//! claim row knows its key, because nothing refuses a known retry.

pub mod attempt;
pub mod batch;
pub mod ending;
pub mod flights;
pub mod keys;
mod lanes;
mod leading;
pub mod limiter;
pub mod lookups;
mod outcomes;
pub mod protocol;
pub mod remembered;
pub mod sender;
mod standby;
mod unread;

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use shared::integrator::Registration;
use shared::{Layer, Problem};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::ambient::Ambient;
use crate::coordination::{Coordination, Rate};
use crate::draws::DrawBook;
use crate::integrators::KeyBook;
use crate::secrets::{Digest, Keys};
use crate::store::entries::{Claim, ClaimKind};
use crate::store::integrators::Integrator;
use crate::store::{Draw, Store, StoreError, StoreResult, Stored};
use crate::telemetry;
use attempt::{Attempt, Token};
use batch::Batches;
use ending::{Answer, Ending, Refusal};
use flights::{Flights, Place};
use limiter::Limiter;
use lookups::LookUps;
use protocol::{Decision, Held, Known};
use remembered::{Committed, Memory, Press};
use sender::Sender;
pub use unread::Unread;

/// Attempts that are worked on in one server at a time: those that may wait for the writers, and a third as many on their
/// way there and back. With its processors at their limit a server would otherwise read on and on, and answer nobody in
/// time; with twice as many it lets fewer in of a crowd of 16,000, and those later.
const ABOARD_MAX: usize = batch::QUEUE_MAX / 3 * 4;
/// How often a request starts over because what it waited for left no answer, or the draw was edited.
const ROUNDS: usize = 5;

/// How an attempt ended, and what is now known to be committed under its key.
type End = (Ending, Option<Arc<Committed>>);

/// What the admission path is made of.
#[derive(Debug)]
pub struct Admission {
    /// Time and randomness.
    pub ambient: Ambient,
    /// Subkeys.
    pub keys: Arc<Keys>,
    /// The authority.
    pub store: Arc<dyn Store>,
    /// What servers share.
    pub shared: Arc<dyn Coordination>,
    /// Names the database's past.
    pub epoch: Digest,
    /// Draws.
    pub draws: Arc<DrawBook>,
    /// Who holds which API key.
    pub integrators: KeyBook,
    /// The writers.
    pub batches: Batches,
    /// Look-ups for presses that are shed.
    pub look_ups: LookUps,
    /// Committed outcomes of this process.
    pub memory: Memory,
    /// Attempts of this process.
    pub flights: Flights,
    /// Turns of client addresses on this server.
    pub limiter: Limiter,
    /// Turns of a client address; `None` is off.
    pub address_rate: Option<Rate>,
    /// New attempts of a person in a draw; `None` is off.
    pub person_rate: Option<Rate>,
}

/// A request to register: what it is for, where it comes from, its key and its body, which is read only
/// when it is wanted.
#[derive(Debug)]
pub struct Submission<F> {
    /// The draw.
    pub draw: Arc<Draw>,
    /// The sender.
    pub sender: Sender,
    /// The key, as far as it could be read.
    pub key: Result<String, Problem>,
    /// What it sends, as far as it can be read.
    pub body: F,
    /// Whether it is said to be the first request of its attempt. A lie costs a little time, nothing else.
    pub is_first: bool,
    /// When it is answered, whatever is known then.
    pub until: Instant,
}

/// What a request sends, once it was read.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The registration.
    pub registration: Registration,
    /// The bytes it was read from, where the same ones under the same key are the same attempt.
    pub press: Option<Press>,
}

impl Admission {
    /// Lets an attempt in, exactly once.
    pub async fn admit<F>(self: &Arc<Self>, submission: Submission<F>) -> Ending
    where
        F: Future<Output = Result<Sent, Refusal>>,
    {
        let Submission { draw, sender, key, body, is_first, until } = submission;
        // limiter
        let integrator = match self.identify(&sender).await {
            Ok(integrator) => integrator,
            Err(refused) => return refused,
        };
        // token
        let token = match key.and_then(|key| self.token(&key, integrator, &draw)) {
            Ok(token) => token,
            Err(problem) => return Ending::refused(problem, Layer::Token),
        };
        let Sent { registration, press } = match body.await {
            Ok(sent) => sent,
            Err(refusal) => return Ending::refused(refusal, Layer::Edge),
        };
        let claim = token.claim;
        let ending = self.admit_read(draw, sender, token, &registration, is_first, until).await;
        if let (Answer::Receipt(_), Some(press)) = (&ending.answer, press) {
            self.memory.acknowledged(&claim, press);
        }
        ending
    }

    /// Admits what was read, under a token that is genuine.
    async fn admit_read(
        self: &Arc<Self>,
        mut draw: Arc<Draw>,
        sender: Sender,
        token: Token,
        sent: &Registration,
        is_first: bool,
        until: Instant,
    ) -> Ending {
        let claim = token.claim;
        for round in 0..ROUNDS {
            // rules: an "invalid" is held
            let now = self.ambient.now();
            let attempt = Attempt::judge(draw.clone(), token.clone(), sent, sender.clone(), &self.keys, now);
            // memory: committed here, or in flight here?
            if let Some(committed) = self.memory.get(&claim) {
                return self.decide(&attempt, &committed, Layer::Memory);
            }
            let person = attempt.claimant.person;
            let (ended, joined) =
                match self.flights.enter(claim, attempt.claimant, attempt.verdict.as_ref().err().cloned()) {
                    Place::Lead(lead, end) => {
                        // cache, lock, held verdicts, constraint, settle: whether or not the client stays
                        let (admission, is_first) = (Arc::clone(self), is_first && round == 0);
                        // Work is moved about before it begins: the attempt is not a part of it.
                        let attempt = Box::new(attempt);
                        let work = async move { admission.lead(lead, attempt, is_first).await };
                        (timeout_at(until, flights::led(work, end)).await, false)
                    }
                    Place::Join(end) => (timeout_at(until, flights::ended(end)).await, true),
                    Place::Wait(end) => match timeout_at(until, flights::ended(end)).await {
                        Ok(_) => continue,
                        Err(_) => return in_progress(),
                    },
                };
            match ended {
                Ok(Some(ending)) if is_stale(&ending) => {
                    draw = match self.draws.reload(&draw.spec.slug).await {
                        Ok(Some(draw)) => draw,
                        Ok(None) => return Ending::refused(Problem::DrawNotFound, Layer::Edge),
                        Err(error) => return store_failed(&error),
                    };
                }
                Ok(Some(ending)) if joined => return ending.shared(person),
                Ok(Some(ending)) => return ending,
                Ok(None) if joined => {}
                Ok(None) => return Ending::refused(Problem::Internal, Layer::Constraint),
                Err(_) if joined => return in_progress(),
                Err(_) => return Ending::unavailable(),
            }
        }
        in_progress()
    }

    /// What the key of a request names: a page token, or what its integrator chose.
    fn token(&self, key: &str, integrator: Option<Arc<Integrator>>, draw: &Draw) -> Result<Token, Problem> {
        match integrator {
            Some(integrator) => Ok(Token::of_integrator(key, integrator, &self.keys, draw.id)),
            None => Token::read(key, &self.keys, draw.id, self.ambient.now()),
        }
    }

    /// A held verdict, unless the claim row of the key, or of source and sequence, knows better. What asks the database
    /// has a place of its own, so that the attempts that need not do not carry it about.
    fn unless_known<'a>(&'a self, attempt: &'a Attempt, held: Ending) -> BoxFuture<'a, End> {
        Box::pin(self.unless_claimed(attempt, held))
    }

    async fn unless_claimed(&self, attempt: &Attempt, held: Ending) -> End {
        self.held_against(attempt, held, self.known(attempt).await).await
    }

    /// Whether there is no time for a new attempt in a draw: too much waits, or so many are in flight.
    fn is_overloaded(&self, draw: Uuid, aboard_max: usize) -> bool {
        self.batches.is_overloaded(draw) || self.flights.aboard() >= aboard_max
    }

    /// Refuses an attempt for which there is no time now, unless it is known. Where nobody says so soon, it is told to come
    /// again.
    fn shed_unless_known<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, End> {
        Box::pin(async {
            let find = |kind, key| self.look_ups.find(attempt.draw.id, Claim { kind, key });
            let by_token = find(ClaimKind::Token, attempt.token.claim).await;
            let by_source = match attempt.claimant.source {
                Some(source) if by_token.is_none() => find(ClaimKind::Source, source).await,
                _ => None,
            };
            self.held_against(attempt, overloaded(), Ok(protocol::known(by_token, by_source))).await
        })
    }

    /// What becomes of a verdict once the claim rows were asked.
    async fn held_against(&self, attempt: &Attempt, held: Ending, known: StoreResult<Option<Known>>) -> End {
        match protocol::held(known) {
            // That the key's entry is committed is to be remembered under the key.
            Held::Falls(Known::Key(stored)) => {
                let committed = Arc::new(Committed::from_stored(&stored, &attempt.draw.spec.slug));
                (self.decide(attempt, &committed, Layer::Constraint), Some(committed))
            }
            Held::Falls(Known::Source(stored)) => self.sequence_is_known(attempt, &stored).await,
            // Only what the rules say depends on the draw's version.
            Held::Stands if held.layer == Layer::Rules => (self.unless_edited(attempt, held).await, None),
            Held::Stands => (held, None),
            Held::NobodyKnows(error) => (store_failed(&error), None),
        }
    }

    /// What an attempt's claim rows know.
    async fn known(&self, attempt: &Attempt) -> StoreResult<Option<Known>> {
        let draw = attempt.draw.id;
        let by_token = self.store.by_token(draw, &attempt.token.claim).await?;
        let by_source = match attempt.claimant.source {
            Some(source) if by_token.is_none() => self.store.by_source(draw, &source).await?,
            _ => None,
        };
        Ok(protocol::known(by_token, by_source))
    }

    /// The entry of an attempt's source and sequence is committed: the same, to which its key is bound before that is
    /// told, or another.
    async fn sequence_is_known(&self, attempt: &Attempt, stored: &Stored) -> End {
        let slug = &attempt.draw.spec.slug;
        match protocol::source_is_known(&stored.identity, &attempt.claimant) {
            Decision::Replay => {
                match self.store.bind_token(attempt.draw.id, attempt.token.claim, stored).await {
                    Ok(true) => (replay(stored, slug), Some(Arc::new(Committed::from_stored(stored, slug)))),
                    // The key was used meanwhile.
                    Ok(false) => (Ending::refused(stale(), Layer::Constraint), None),
                    Err(error) => (store_failed(&error), None),
                }
            }
            Decision::KeyReused | Decision::AlreadyRegistered => {
                (Ending::refused(sequence_reused(), Layer::Constraint), None)
            }
        }
    }

    /// A held verdict, unless the draw was edited since it was made: then the rules have to be asked again.
    async fn unless_edited(&self, attempt: &Attempt, held: Ending) -> Ending {
        match self.draws.reload(&attempt.draw.spec.slug).await {
            Ok(Some(draw)) if draw.version == attempt.draw.version => held,
            Ok(_) => Ending::refused(stale(), Layer::Rules),
            Err(error) => store_failed(&error),
        }
    }

    /// What a committed outcome under an attempt's key means for it.
    fn decide(&self, attempt: &Attempt, committed: &Committed, layer: Layer) -> Ending {
        match protocol::key_is_known(attempt.draw.spec.mode, &committed.identity, &attempt.claimant) {
            Decision::Replay => Ending::replayed(committed.body.clone(), committed.identity.person, layer),
            Decision::KeyReused | Decision::AlreadyRegistered => Ending::refused(Problem::KeyReused, layer),
        }
    }
}

/// The receipt of an entry that the database knows.
fn replay(stored: &Stored, slug: &str) -> Ending {
    let body = Committed::from_stored(stored, slug).body;
    Ending::replayed(body, stored.identity.person, Layer::Constraint)
}

fn sequence_reused() -> Refusal {
    let detail = "The sequence already belongs to another registration of this source. Nothing was changed.";
    Refusal { detail: Some(detail.to_owned()), ..Problem::KeyReused.into() }
}

fn in_progress() -> Ending {
    Ending::refused(Refusal::after(Problem::InProgress, 1000), Layer::Lock)
}

fn overloaded() -> Ending {
    Ending::refused(Refusal::after(Problem::Overloaded, 3000), Layer::Limiter)
}

/// An inner sign, never answered: the draw was edited, judge again.
fn stale() -> Refusal {
    Problem::VersionConflict.into()
}

fn is_stale(ending: &Ending) -> bool {
    matches!(&ending.answer, Answer::Problem(refusal) if refusal.problem == Problem::VersionConflict)
}

fn store_failed(error: &StoreError) -> Ending {
    tracing::error!(error = %telemetry::causes(error), "the store failed");
    if error.is_temporary() {
        Ending::unavailable()
    } else {
        Ending::refused(Problem::Internal, Layer::Constraint)
    }
}
