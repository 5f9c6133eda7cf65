//! What a world is bounded by: who presses Register how often, how many servers there are, which faults may strike
//! how often, and which defence is taken away.

use server::admission::protocol::Claimant;
use server::store::Mode;
use server::store::entries::{ClaimKind, Identity};

/// One press of Register: a token and a payload, sent as often as its budget allows, to any server, at any time.
#[derive(Clone, Debug)]
pub struct Press {
    /// For traces.
    pub name: &'static str,
    /// Who.
    pub person: u8,
    /// What, as a number: equal numbers are equal payloads.
    pub payload: u8,
    /// Under which token.
    pub token: u8,
    /// Which browser's cookie comes along.
    pub browser: Option<u8>,
    /// Other claims: source and sequence, phone, membership.
    pub claims: Vec<(ClaimKind, u8)>,
    /// What the rules say.
    pub is_valid: bool,
    /// How many requests arrive at most.
    pub sends: u8,
}

impl Press {
    /// A valid press with a cookie and no claim but its token, sent twice at most.
    pub fn new(name: &'static str, person: u8, token: u8) -> Self {
        let browser = Some(person);
        Self { name, person, payload: person, token, browser, claims: Vec::new(), is_valid: true, sends: 2 }
    }

    /// With another claim.
    #[must_use]
    pub fn claiming(mut self, kind: ClaimKind, key: u8) -> Self {
        self.claims.push((kind, key));
        self
    }

    /// Sent so often at most.
    #[must_use]
    pub fn sent(self, sends: u8) -> Self {
        Self { sends, ..self }
    }

    /// Every claim it makes, the token first.
    pub fn all_claims(&self) -> impl Iterator<Item = (ClaimKind, u8)> {
        std::iter::once((ClaimKind::Token, self.token)).chain(self.claims.iter().copied())
    }

    /// Its source and sequence.
    pub fn source(&self) -> Option<u8> {
        self.claims.iter().find(|(kind, _)| *kind == ClaimKind::Source).map(|(_, key)| *key)
    }

    /// What the server's decisions take for an entry of this press.
    pub fn identity(&self) -> Identity {
        Identity {
            person: [self.person; 32],
            fingerprint: [self.payload; 32],
            fingerprint_version: 1,
            browser: self.browser.map(|browser| [browser; 32]),
        }
    }

    /// What the server's decisions take for a request of this press.
    pub fn claimant(&self) -> Claimant {
        Claimant { source: self.source().map(|key| [key; 32]), ..Claimant::from(&self.identity()) }
    }
}

/// How often each fault may strike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Faults {
    /// A server is killed, at any step, and is back at once with nothing.
    pub crashes: u8,
    /// The answer to a COMMIT is lost; the transaction in doubt commits or not, later.
    pub lost_answers: u8,
    /// Redis loses everything.
    pub wipes: u8,
    /// A call to Redis fails, before or after it took effect.
    pub unreachable: u8,
    /// A lease ends while its holder runs. Leases of the dead end anyway.
    pub expiries: u8,
    /// Somebody writes into Redis what is no outcome of ours.
    pub lies: u8,
    /// A server refuses a new attempt because too much waits.
    pub sheds: u8,
    /// A message is lost on the way to a server.
    pub drops: u8,
    /// A message arrives twice.
    pub doubles: u8,
}

/// The database's clock, in ticks.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Where it starts.
    pub start: u8,
    /// Where it ends.
    pub end: u8,
    /// First instant at which the draw takes anybody.
    pub opens_at: u8,
    /// First instant at which it no longer does.
    pub closes_at: u8,
}

impl Clock {
    /// Always open, and no time passes.
    pub const STILL: Self = Self { start: 1, end: 1, opens_at: 1, closes_at: 9 };
}

/// Everything a world is bounded by.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// For tables.
    pub name: &'static str,
    /// Servers, at most two where `is_symmetric`.
    pub servers: u8,
    /// Who presses.
    pub presses: Vec<Press>,
    /// How the draw takes another payload under a known key.
    pub mode: Mode,
    /// Entries the draw takes.
    pub capacity: Option<u8>,
    /// The clock.
    pub clock: Clock,
    /// Whether an organiser closes the draw.
    pub organiser_closes: bool,
    /// Withdrawals, each by somebody who was told the receipt.
    pub withdrawals: u8,
    /// Whether all page tokens grow too old at some time.
    pub tokens_expire: bool,
    /// Entries of one transaction.
    pub batch_max: usize,
    /// How often an entry may lose to what is not there in the end.
    pub again_max: u8,
    /// Faults.
    pub faults: Faults,
    /// Whether messages stay under way, in any order, to be lost and doubled. Where not, a request arrives when it is
    /// sent: since it may be sent at any time, that leaves out nothing but the budget of losses.
    pub has_network: bool,
    /// Whether states that differ only in which server is which count as one. Off for traces that people read.
    pub is_symmetric: bool,
    /// What is wrong on purpose.
    pub flaw: Option<Flaw>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            name: "",
            servers: 2,
            presses: Vec::new(),
            mode: Mode::Lenient,
            capacity: None,
            clock: Clock::STILL,
            organiser_closes: false,
            withdrawals: 0,
            tokens_expire: false,
            batch_max: 4,
            again_max: 1,
            faults: Faults::default(),
            has_network: false,
            is_symmetric: true,
            flaw: None,
        }
    }
}

impl Bounds {
    /// How many tokens there are.
    pub fn tokens(&self) -> usize {
        self.presses.iter().map(|press| usize::from(press.token) + 1).max().unwrap_or_default()
    }
}

/// A defence that is taken away, to see that something notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// Inserts never conflict.
    NoConstraint,
    /// The receipt is told when the rows are inserted.
    AcknowledgeBeforeCommit,
    /// The outcome is put into the cache when the rows are inserted.
    SettleBeforeCommit,
    /// A lease is given up by whoever says so.
    ReleaseWithoutOwnerCheck,
    /// A failed validation is remembered under its key.
    RememberFailedValidation,
    /// Whether the draw is open is judged by a server's clock, which is late.
    CloseByServerClock,
    /// Who lost is answered from rows that are not committed.
    LoserFromUncommittedWinner,
    /// Whoever has the key shares the end of the request in flight.
    JoinAnotherPayload,
    /// The same attempt shares the end of the request in flight whatever is held against either.
    JoinAnotherVerdict,
    /// Who lost a claim stays in the transaction.
    KeepLosersInBatch,
    /// A known key replays whatever the payload is.
    NoFingerprintCheck,
    /// What is in the cache counts without its MAC.
    BelieveCachedValue,
    /// A draw that takes nobody refuses without looking.
    RefuseKnownRetryWhenClosed,
    /// Who did not fit beside others, in a pass that was rolled back, is told so without another.
    FullWithoutAnotherPass,
    /// A held verdict is told without looking.
    HeldWithoutLookUp,
    /// Who is answered by its cookie is not remembered under its own key.
    NoBinding,
    /// Who is answered by its sequence, with a verdict held against it, is not remembered under its own key.
    NoBindingOfSequences,
    /// A token is refused for its age though what came in time may still be on its way.
    ExpiryWithoutSettling,
    /// Committed winners are looked up by claims first and by people then.
    ClaimsBeforePeople,
    /// A withdrawal frees the token as well.
    FreeTokenOnWithdrawal,
    /// A lost answer to a COMMIT is told as a failure.
    CommitInDoubtIsFailure,
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} servers; ", self.servers)?;
        for press in &self.presses {
            write!(f, "{} x{}, ", press.name, press.sends)?;
        }
        let Faults { crashes, lost_answers, wipes, unreachable, expiries, lies, sheds, drops, doubles } =
            self.faults;
        let faults = [
            (crashes, "crashes"),
            (lost_answers, "lost answers to COMMIT"),
            (wipes, "wipes of Redis"),
            (unreachable, "failed calls of Redis"),
            (expiries, "leases that expire under their holders"),
            (lies, "lies in Redis"),
            (sheds, "refusals for lack of room"),
            (drops, "lost messages"),
            (doubles, "doubled messages"),
            (self.withdrawals, "withdrawals"),
            (u8::from(self.organiser_closes), "closing by an organiser"),
            (u8::from(self.tokens_expire), "expiry of the tokens"),
            (self.clock.end - self.clock.start, "ticks of the clock"),
        ];
        for (budget, what) in faults.iter().filter(|(budget, _)| *budget > 0) {
            write!(f, "{budget} {what}, ")?;
        }
        match self.capacity {
            Some(capacity) => write!(f, "capacity {capacity}, ")?,
            None => write!(f, "no capacity, ")?,
        }
        write!(f, "{:?}, batches of up to {}", self.mode, self.batch_max)
    }
}
