//! What a world must be able to show. A model in which nothing happens keeps every promise, so each configuration
//! names what it has to reach; the checker fails it for what it does not.

use stateright::Property;

use super::{State, World};

/// Whether the last step showed a sight.
fn shows<const SIGHT: u64>(_: &World, state: &State) -> bool {
    state.sights & (1 << SIGHT) != 0
}

macro_rules! sights {
    ($($name:ident = $text:literal,)+) => {
        /// Something that one step shows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u64)]
        pub enum Sight {
            $(
                #[doc = $text]
                $name,
            )+
        }

        impl Sight {
            /// Every sight.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// What to read in tables.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The property that it is reached.
            pub fn property(self) -> Property<World> {
                match self {
                    $(Self::$name => Property::sometimes($text, shows::<{ Self::$name as u64 }>),)+
                }
            }
        }
    };
}

sights! {
    Created = "a new entry is acknowledged",
    FromMemory = "memory answers a replay",
    FromFlight = "a request joins one in flight",
    FromCache = "the cache answers a replay",
    FromLock = "who waited for the lease is answered by its holder's outcome",
    FromConstraint = "the constraint answers a replay",
    FromClaimRow = "the claim row answers a replay against a held verdict",
    ByCookie = "another token of the same browser replays",
    BySequence = "a sequence under another key replays, whatever is held against it",
    AlreadyRegistered = "a person is told to be registered already",
    ClaimTaken = "a claim is told to be taken",
    KeyReused = "a key is told to be used for something else",
    NotOpen = "an attempt is told that it is too early",
    Closed = "an attempt is told that the draw is closed",
    Full = "an attempt is told that the draw is full",
    Refused = "a held verdict is told",
    Unknown = "an attempt is told that nobody knows",
    KnownAfterUnknown = "who was told that nobody knows replays what was committed",
    Recognised = "an entry in doubt is recognised as written",
    WrittenAgain = "a batch in doubt is written again",
    TwoTransactions = "two transactions of one key are open at once",
    WithoutLosers = "a batch is run again without its losers",
    WithFewer = "a batch is run again with those who fit",
    OnceMore = "an entry lost to what was not there in the end, and goes again",
    ClosedByClock = "the transaction that finds the window over has the draw closed",
    ClosedByOrganiser = "an organiser closes the draw",
    ReplayWhenClosed = "a closed draw replays what it knows",
    ReplayWhenFull = "a full draw replays what it knows",
    ReplayWhenWithdrawn = "a late retry replays the receipt of a withdrawn entry",
    RegisteredAnew = "a person registers anew after withdrawing",
    Discarded = "something worthless is removed from the cache",
    Waited = "a request waits for another attempt under its key",
    Settling = "a token is neither taken nor refused a moment after its life",
    Overloaded = "a new attempt is refused because too much waits",
}

impl State {
    /// Notes what this step shows.
    pub(super) fn show(&mut self, sight: Sight) {
        self.sights |= 1 << sight as u64;
    }
}
