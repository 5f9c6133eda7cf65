//! What can go wrong, and a plan of it, made from a seed.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::ground::Kind;
use crate::proxy::Trouble;

/// A link between two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Clients to nginx.
    Front,
    /// nginx to a server.
    Server(usize),
    /// A server to PostgreSQL.
    Database(usize),
    /// A server to Redis.
    Cache(usize),
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A server is killed, and started again later.
    ServerKilled(usize),
    /// A server stands still, and whoever waits for what it holds.
    ServerPaused(usize),
    /// One server after the other is ended in order and started again.
    ServersRolled,
    /// A server is started again with a clock that is so many hours off.
    ServerClock(usize, i32),
    /// Redis is killed and comes back empty.
    RedisKilled,
    /// Redis stands still.
    RedisPaused,
    /// Redis is away while a server starts.
    RedisAbsent(usize),
    /// Redis forgets everything, again and again.
    RedisFlushed,
    /// What Redis holds is replaced by something else.
    RedisCorrupted,
    /// PostgreSQL is ended at once and recovers.
    PostgresRestarted,
    /// Every process of PostgreSQL is killed, and it is started again later.
    PostgresKilled,
    /// PostgreSQL stands still.
    PostgresPaused,
    /// The database's disk has no room left.
    DiskFull,
    /// The database refuses one row.
    PoisonRow,
    /// nginx reads its configuration again, more than once.
    NginxReloaded,
    /// Five hundred connections that say nothing.
    ConnectionStorm,
    /// Two hundred clients that say one byte at a time.
    SlowClients,
    /// A link is troubled.
    Link(Part, Trouble),
}

/// What a fault takes hold of: two that share something do not happen at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// A server's process.
    Server(usize),
    /// Redis.
    Redis,
    /// The database, and the disk it is on.
    Database,
    /// nginx.
    Nginx,
    /// Who comes beside the entrants.
    Crowd,
    /// What lies between two parts.
    Link(Part),
}

impl Fault {
    /// Everything that can go wrong on a ground; without a disk of its own the database's cannot be full, and
    /// without libfaketime no clock can be wrong.
    pub fn all(kind: Kind, has_disk: bool, has_time: bool) -> Vec<Self> {
        let servers = match kind {
            Kind::PostgresRedis => 3,
            Kind::Sqlite => 1,
        };
        let mut all = vec![Self::ServersRolled, Self::PoisonRow, Self::NginxReloaded];
        all.extend([Self::ConnectionStorm, Self::SlowClients]);
        all.extend(has_disk.then_some(Self::DiskFull));
        for server in 0..servers {
            all.extend([Self::ServerKilled(server), Self::ServerPaused(server)]);
        }
        let carries = [Trouble::Delay(60), Trouble::Resets(12), Trouble::LosesAnswers(4), Trouble::BlackHole];
        let link = |part: Part, trouble: Trouble| Self::Link(part, trouble);
        all.extend(carries.map(|trouble| link(Part::Front, trouble)));
        for server in 0..servers {
            all.extend(carries.map(|trouble| link(Part::Server(server), trouble)));
            all.extend([Trouble::HalfClose, Trouble::Cut].map(|trouble| link(Part::Server(server), trouble)));
        }
        if kind == Kind::Sqlite {
            return all;
        }
        all.extend([Self::RedisKilled, Self::RedisPaused, Self::RedisFlushed, Self::RedisCorrupted]);
        all.extend([Self::PostgresRestarted, Self::PostgresKilled, Self::PostgresPaused]);
        for server in 0..servers {
            let of_database = [Trouble::LosesCommits(2), Trouble::Cut, Trouble::HalfClose];
            all.extend(carries.iter().chain(&of_database).map(|it| link(Part::Database(server), *it)));
            let of_cache = [Trouble::Garbles, Trouble::Cut, Trouble::HalfClose];
            all.extend(carries.iter().chain(&of_cache).map(|it| link(Part::Cache(server), *it)));
            all.push(Self::RedisAbsent(server));
            if has_time {
                all.push(Self::ServerClock(server, if server == 0 { 1 } else { -1 }));
            }
        }
        all
    }

    /// Two links of a kind are as interesting as one: a run that has no time for all begins with one of each.
    fn kind(self) -> (std::mem::Discriminant<Self>, String) {
        let detail = match self {
            Self::Link(part, trouble) => {
                format!("{:?}{:?}", std::mem::discriminant(&part), std::mem::discriminant(&trouble))
            }
            _ => String::new(),
        };
        (std::mem::discriminant(&self), detail)
    }

    /// What it takes hold of, in order.
    pub fn holds(self) -> Vec<Hold> {
        match self {
            Self::ServerKilled(server) | Self::ServerPaused(server) | Self::ServerClock(server, _) => {
                vec![Hold::Server(server)]
            }
            Self::ServersRolled => (0..3).map(Hold::Server).collect(),
            Self::RedisKilled | Self::RedisPaused | Self::RedisFlushed | Self::RedisCorrupted => {
                vec![Hold::Redis]
            }
            Self::RedisAbsent(server) => vec![Hold::Server(server), Hold::Redis],
            Self::PostgresRestarted
            | Self::PostgresKilled
            | Self::PostgresPaused
            | Self::DiskFull
            | Self::PoisonRow => vec![Hold::Database],
            Self::NginxReloaded => vec![Hold::Nginx],
            Self::ConnectionStorm | Self::SlowClients => vec![Hold::Crowd],
            Self::Link(part, _) => vec![Hold::Link(part)],
        }
    }

    fn shares(self, other: Self) -> bool {
        let holds = self.holds();
        other.holds().iter().any(|hold| holds.contains(hold))
    }
}

/// A fault with its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// What it is.
    pub fault: Fault,
}

/// Quiet before the first fault and after the last.
const QUIET: f64 = 2.0;

/// Faults for a run of so many seconds: alone and mixed, each kind before any comes twice, with quiet in between in
/// which recovery shows.
pub fn plan(seconds: u32, seed: u64, all: &[Fault]) -> Vec<Planned> {
    let mut random = StdRng::seed_from_u64(seed ^ 0x006e_656d_6573_6973);
    let seconds = f64::from(seconds);
    let (shortest, longest) = match seconds {
        240.0.. => (3.0, 10.0),
        60.0.. => (1.5, 3.5),
        _ => (1.0, 2.5),
    };
    // Who has little time has more at once.
    let mixes_every = if seconds < 60.0 { 2 } else { 3 };
    let mut bag = Vec::new();
    let mut plan = Vec::new();
    if all.is_empty() {
        return plan;
    }
    let mut at = QUIET;
    for stretch in 0.. {
        let together = if stretch % mixes_every == mixes_every - 1 { random.random_range(2..=3) } else { 1 };
        let mut end = at;
        for fault in several(together, &mut bag, all, &mut random) {
            let begins = at + random.random_range(0.0..0.8);
            let mut lasts = random.random_range(shortest..longest);
            if let Fault::ServerPaused(_) = fault {
                // Beyond the life of any lease it holds, and in a long run beyond every patience.
                lasts = if seconds >= 240.0 { 30.0 } else { 4.5 };
            }
            if begins + lasts > seconds - QUIET {
                return plan;
            }
            plan.push(Planned {
                at: Duration::from_secs_f64(begins),
                lasts: Duration::from_secs_f64(lasts),
                fault,
            });
            end = end.max(begins + lasts);
        }
        at = end + random.random_range(shortest * 0.4..shortest);
    }
    plan
}

/// A few faults out of the bag that do not share anything.
fn several(count: usize, bag: &mut Vec<Fault>, all: &[Fault], random: &mut StdRng) -> Vec<Fault> {
    let mut chosen: Vec<Fault> = Vec::new();
    while chosen.len() < count {
        if bag.is_empty() {
            *bag = shuffled(all, random);
        }
        let fits = |fault: &Fault| !chosen.iter().any(|other| other.shares(*fault));
        match bag.iter().rposition(fits) {
            Some(position) => chosen.push(bag.remove(position)),
            None => break,
        }
    }
    chosen
}

/// All faults in an order in which every kind comes, at the end, before any comes again.
fn shuffled(all: &[Fault], random: &mut StdRng) -> Vec<Fault> {
    let mut shuffled = all.to_vec();
    shuffled.shuffle(random);
    let mut seen = Vec::new();
    let (mut firsts, mut others) = (Vec::new(), Vec::new());
    for fault in shuffled {
        if seen.contains(&fault.kind()) {
            others.push(fault);
        } else {
            seen.push(fault.kind());
            firsts.push(fault);
        }
    }
    others.extend(firsts);
    others
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Front => write!(f, "clients to nginx"),
            Self::Server(server) => write!(f, "nginx to server {}", server + 1),
            Self::Database(server) => write!(f, "server {} to database", server + 1),
            Self::Cache(server) => write!(f, "server {} to Redis", server + 1),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => write!(f, "well"),
            Self::Delay(millis) => write!(f, "slow by {millis} ms"),
            Self::Resets(one_in) => write!(f, "resets 1 of {one_in}"),
            Self::HalfClose => write!(f, "half-closed"),
            Self::BlackHole => write!(f, "black hole"),
            Self::Cut => write!(f, "cut"),
            Self::LosesAnswers(one_in) => write!(f, "loses 1 answer of {one_in}"),
            Self::LosesCommits(one_in) => write!(f, "loses 1 commit's answer of {one_in}"),
            Self::Garbles => write!(f, "garbled"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServerKilled(server) => write!(f, "server {} killed", server + 1),
            Self::ServerPaused(server) => write!(f, "server {} stopped", server + 1),
            Self::ServersRolled => write!(f, "rolling restart"),
            Self::ServerClock(server, hours) => write!(f, "server {}'s clock {hours:+} h", server + 1),
            Self::RedisKilled => write!(f, "Redis killed"),
            Self::RedisPaused => write!(f, "Redis stopped"),
            Self::RedisAbsent(server) => write!(f, "server {} starts without Redis", server + 1),
            Self::RedisFlushed => write!(f, "FLUSHALL"),
            Self::RedisCorrupted => write!(f, "Redis corrupted"),
            Self::PostgresRestarted => write!(f, "PostgreSQL restarted at once"),
            Self::PostgresKilled => write!(f, "PostgreSQL killed"),
            Self::PostgresPaused => write!(f, "PostgreSQL stopped"),
            Self::DiskFull => write!(f, "disk full"),
            Self::PoisonRow => write!(f, "poison row"),
            Self::NginxReloaded => write!(f, "nginx reloaded"),
            Self::ConnectionStorm => write!(f, "500 silent connections"),
            Self::SlowClients => write!(f, "200 slow clients"),
            Self::Link(part, trouble) => write!(f, "{part}: {trouble}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole_plan(seconds: u32, seed: u64) -> Vec<Planned> {
        plan(seconds, seed, &Fault::all(Kind::PostgresRedis, true, true))
    }

    #[test]
    fn a_seed_gives_the_same_plan() {
        assert_eq!(whole_plan(600, 7), whole_plan(600, 7));
        assert_ne!(whole_plan(600, 7), whole_plan(600, 8));
    }

    #[test]
    fn no_two_faults_take_hold_of_the_same_part_at_once() {
        for seed in 0..200 {
            let plan = whole_plan(600, seed);
            for (at, one) in plan.iter().enumerate() {
                for other in &plan[at + 1..] {
                    let apart = one.at + one.lasts <= other.at || other.at + other.lasts <= one.at;
                    assert!(apart || !one.fault.shares(other.fault), "seed {seed}: {one:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn a_long_run_sees_every_kind_and_ends_in_quiet() {
        let all = Fault::all(Kind::PostgresRedis, true, true);
        for seed in 0..20 {
            let plan = whole_plan(900, seed);
            for fault in &all {
                assert!(
                    plan.iter().any(|planned| planned.fault.kind() == fault.kind()),
                    "seed {seed}: {fault}"
                );
            }
            assert!(plan.iter().all(|it| (it.at + it.lasts).as_secs_f64() <= 900.0 - QUIET));
        }
    }
}
