//! Everything that can differ between two instants of a world. Kept small and in one canonical order: what differs
//! only by history that nothing depends on is the same state.

use crate::bounds::Faults;
use crate::world::database::Database;

/// An entry's id: the press it was made for, and which of that press's writes. Numbers that nothing refers to any
/// more are given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    /// Place in [`crate::Bounds::presses`].
    pub press: u8,
    /// Which write.
    pub nth: u8,
}

/// A receipt: a pure function of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Body {
    /// The entry.
    pub id: Id,
    /// Tick of registration.
    pub at: u8,
}

/// A world at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// What those who press know, one for each press.
    pub clients: Vec<Client>,
    /// Requests under way: press and server, sorted.
    pub messages: Vec<(u8, u8)>,
    /// Servers.
    pub servers: Vec<Server>,
    /// What servers share, one for each token.
    pub shared: Vec<Shared>,
    /// The database.
    pub database: Database,
    /// Faults that may still strike.
    pub faults: Faults,
    /// Withdrawals that may still happen.
    pub withdrawals: u8,
    /// How old the page tokens are.
    pub age: Age,
    /// What the last step showed, for the properties that must be reached: bits of [`super::sights::Sight`].
    pub sights: u64,
    /// Promises the last step broke when it told something: bits of [`super::telling::Promise`].
    pub broken: u8,
}

/// How old the page tokens are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Age {
    /// Within their life.
    Fresh,
    /// A moment beyond it: what came in time may still be on its way.
    Settling,
    /// Beyond that: nothing that came in time is.
    Expired,
}

/// What is known of a press outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// Requests it may still send.
    pub sends: u8,
    /// Its first acknowledgement.
    pub acknowledged: Option<Body>,
    /// It was told that nobody knows.
    pub is_unsure: bool,
}

/// A server process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Server {
    /// Its memory, one for each token.
    pub memory: Vec<Option<Remembered>>,
    /// Requests that have no place yet: press and how far, sorted.
    pub door: Vec<(u8, Door)>,
    /// Attempts it works on, sorted.
    pub tasks: Vec<Task>,
    /// Entries that wait for a writer, in order of arrival, with how often they went again.
    pub queue: Vec<(Id, u8)>,
    /// Entries that lost to what is not there in the end: they go first.
    pub again: Vec<(Id, u8)>,
    /// What its writer is writing.
    pub batch: Option<Batch>,
}

/// What a server remembers under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Remembered {
    /// A committed outcome.
    Outcome(Body),
    /// A refusal: never, but for [`crate::Flaw::RememberFailedValidation`].
    Refusal,
}

/// How far a request without a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Door {
    /// It is about to look into the memory.
    Outside,
    /// It found nothing there, and is about to take a place.
    Missed,
    /// It waits for the end of another attempt under its key.
    Waiting,
}

/// An attempt that a server works on: the leading request's task, which nobody cancels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Task {
    /// Whose.
    pub press: u8,
    /// How far.
    pub stage: Stage,
    /// What is held against it since it was judged.
    pub verdict: Option<Verdict>,
    /// The lease it holds or may hold.
    pub lease: Option<Lease>,
    /// Presses whose requests share its end, sorted, each once.
    pub joined: Vec<u8>,
}

/// A task's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lease {
    /// Names the holder; numbers that nothing refers to any more are given again.
    pub owner: u8,
    /// Redis granted it, and neither expiry nor wipe nor an outcome has ended it since.
    pub is_good: bool,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// About to ask for the outcome or the lease.
    Ask {
        /// It has waited for another's lease.
        has_waited: bool,
        /// It has removed something worthless.
        has_discarded: bool,
    },
    /// Waits for the end of another's lease.
    Wait {
        /// It has removed something worthless.
        has_discarded: bool,
    },
    /// About to ask the claim rows, with a verdict held back.
    LookUp(Verdict),
    /// About to bind its key to the entry of its sequence.
    Bind(Body),
    /// Its entry is with the writers.
    Write(Id),
    /// It has told its end, and is about to settle.
    Settle(Option<Body>),
}

/// A verdict that is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The rules say no.
    Invalid,
    /// The token is a moment too old: nobody can say yet.
    Settling,
    /// The token is too old.
    Expired,
    /// Too much waits.
    Overloaded,
}

/// A batch that a writer writes until its fate is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Batch {
    /// Its entries, in order of arrival, with how often they went again.
    pub entries: Vec<(Id, u8)>,
    /// Places of those who take part in the next pass.
    pub live: Vec<usize>,
    /// Places of those who did not fit beside them in a pass that was rolled back.
    pub counted_out: Vec<usize>,
    /// What is known of each so far.
    pub fates: Vec<Option<Fate>>,
    /// An earlier try's answer was lost.
    pub in_doubt: bool,
    /// How far.
    pub phase: Phase,
}

/// How far a batch is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// About to begin a transaction.
    Begin,
    /// About to store that the draw is closed.
    Close,
    /// About to insert entries.
    Entries,
    /// About to insert claims.
    Claims,
    /// About to count.
    Count,
    /// About to commit.
    Commit,
    /// The answer to COMMIT was lost.
    InDoubt,
    /// About to look up the entries of the people of those undecided; and whether because the draw takes nobody.
    LookUp(Option<Closed>),
    /// About to look up who holds their claims; what is known by then.
    LookUpRest(Option<Closed>, Vec<Holders>),
    /// About to bind the keys of those who are answered with an entry that another key of theirs made, and whether
    /// something is committed already.
    Bind {
        /// Whether it is.
        has_written: bool,
    },
    /// About to tell.
    Tell,
}

/// Why a draw took nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Closed {
    /// It is too early.
    TooEarly,
    /// It is committed as closed.
    ForGood,
}

/// Committed holders of what one entry wanted, as far as they were looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holders {
    /// Of its person.
    pub person: Option<Body>,
    /// Of its token.
    pub token: Option<Body>,
    /// Of its source and sequence.
    pub source: Option<Body>,
    /// Whether another holds a claim that can be told.
    pub is_taken: bool,
}

/// What became of an entry: the server's `Written`, small and comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// Committed, at this tick.
    Created(u8),
    /// Its token was used before.
    TokenKnown(Body),
    /// Its source and sequence were used before.
    SourceKnown(Body),
    /// Its person is registered.
    PersonKnown(Body),
    /// Others hold its claims.
    ClaimsTaken,
    /// Too early.
    NotOpen,
    /// Closed.
    Closed,
    /// At capacity.
    Full,
    /// It lost to what is not there.
    Again,
}

/// What servers share under one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shared {
    /// The value.
    pub value: Option<Value>,
    /// Who holds the lease.
    pub lease: Option<u8>,
}

/// A value in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// Under a valid MAC.
    Sealed(Body),
    /// Written by somebody else.
    Forged(Body),
}

impl Task {
    /// Whether requests under its key still find it in flight.
    pub fn is_in_flight(&self) -> bool {
        !matches!(self.stage, Stage::Settle(_))
    }
}

impl Server {
    /// A server that knows nothing.
    pub fn new(tokens: usize) -> Self {
        Self { memory: vec![None; tokens], ..Self::default() }
    }

    /// Every entry id it refers to.
    fn ids(&self) -> impl Iterator<Item = Id> {
        let remembered = self.memory.iter().flatten().filter_map(|remembered| match remembered {
            Remembered::Outcome(body) => Some(body.id),
            Remembered::Refusal => None,
        });
        let tasks = self.tasks.iter().filter_map(|task| match task.stage {
            Stage::Write(id) => Some(id),
            Stage::Bind(body) => Some(body.id),
            Stage::Settle(body) => body.map(|body| body.id),
            _ => None,
        });
        remembered.chain(tasks)
    }
}

impl State {
    /// An id for another write of a press.
    pub fn new_id(&self, press: u8) -> Id {
        let in_use = |id: Id| {
            self.servers.iter().flat_map(Server::ids).any(|used| used == id)
                || self.database.refers_to(id)
                || self.clients.iter().any(|client| client.acknowledged.is_some_and(|body| body.id == id))
                || self
                    .shared
                    .iter()
                    .any(|shared| matches!(shared.value, Some(Value::Sealed(body)) if body.id == id))
        };
        let mut id = Id { press, nth: 0 };
        while in_use(id) {
            id.nth += 1;
        }
        id
    }

    /// Whatever lease there is for a token ends; whether a task held it.
    pub fn end_lease(&mut self, token: u8) -> bool {
        let Some(owner) = self.shared[usize::from(token)].lease.take() else { return false };
        let mut tasks = self.servers.iter_mut().flat_map(|server| &mut server.tasks);
        let holder = tasks.find_map(|task| task.lease.as_mut().filter(|lease| lease.owner == owner));
        holder.map(|lease| lease.is_good = false).is_some()
    }

    /// A name for another holder of a lease.
    pub fn new_owner(&self) -> u8 {
        let in_use = |owner: u8| {
            let mut tasks = self.servers.iter().flat_map(|server| &server.tasks);
            tasks.any(|task| task.lease.is_some_and(|lease| lease.owner == owner))
                || self.shared.iter().any(|shared| shared.lease == Some(owner))
        };
        (0..u8::MAX).find(|owner| !in_use(*owner)).unwrap_or(u8::MAX)
    }

    /// Puts everything into the one order that counts; where servers are interchangeable, these too.
    pub fn sort(&mut self, is_symmetric: bool) {
        for server in &mut self.servers {
            server.door.sort_unstable();
            server.tasks.sort();
        }
        self.messages.sort_unstable();
        if is_symmetric && self.servers.len() == 2 && self.servers[0] > self.servers[1] {
            self.servers.swap(0, 1);
            for transaction in &mut self.database.open {
                transaction.of = transaction.of.map(|server| 1 - server);
            }
            for message in &mut self.messages {
                message.1 = 1 - message.1;
            }
            self.messages.sort_unstable();
        }
        self.database.sort();
    }
}
