//! What is compared, and the goals.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::ground::{Backends, Ground, LimitServer, Server, Site};
use super::processors::{Shares, Watch};
use super::{Comparison, Goal, limits, table};
use crate::serve::ECHO;
use crate::work::Form;
use crate::{
    Crowd, Failure, Fixed, Kind, KindOutcome, Latency, Mix, Outcome, Pace, Plan, Second, Stop, Targets,
    database, draw, run_fixed,
};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Rounds of each comparison.
    pub rounds: usize,
    /// Length of one measurement.
    pub time: Duration,
}

/// Clients of the database's benchmark, and connections of ours.
const CONNECTIONS: usize = 64;
/// Rows of one transaction of a plain program: as many as the server's may have.
const BATCH_MAX: u32 = 512;
/// And as many as the server's have here: while one is committed, half of the connections wait for the next.
const BATCH_ALIKE: u32 = 32;
/// Connections that a server is busiest with: its batches are full, and its queue is not.
const PEAK_CONNECTIONS: usize = 1024;
/// How long a crowd beyond the capacity is measured at least: longer than who is let in waits.
const OVERLOAD_TIME: Duration = Duration::from_secs(3);
/// Registrations a second that are prepared for: more than any machine of this kind does.
const RATE_MAX: f64 = 25_000.0;

/// One comparison: its name on the command line, and how it is made.
type Entry = (&'static str, fn(&Bench<'_>) -> Result<Vec<Comparison>, Failure>);

/// All of them, in the order of the table.
pub const ALL: [Entry; 9] = [
    ("new-postgres", |bench| bench.new_registrations(Backends::Postgres)),
    ("new-redis", |bench| bench.new_registrations(Backends::PostgresRedis)),
    ("new-sqlite", |bench| bench.new_registrations(Backends::Sqlite)),
    ("retries-memory", |bench| bench.retries_from_memory()),
    ("retries-redis", |bench| bench.retries_from_redis()),
    ("storm", |bench| bench.storm()),
    ("page", |bench| bench.page()),
    ("overload", |bench| bench.overload()),
    ("start", |bench| bench.start_and_memory()),
];

/// What comparisons share.
#[derive(Debug)]
pub struct Bench<'a> {
    /// Servers and databases.
    pub ground: &'a Ground,
    /// How much.
    pub extent: Extent,
    /// Told each round's figures.
    pub tell: fn(&str),
}

impl Bench<'_> {
    fn plan(&self) -> Plan {
        Plan { connections: CONNECTIONS, stop: Stop::After(self.extent.time), ..Plan::default() }
    }

    /// Tokens for a closed loop of new people.
    fn tokens(&self) -> usize {
        (RATE_MAX * (self.extent.time + Plan::default().warm_up).as_secs_f64()) as usize
    }

    /// Runs both halves of each round, the first half first in every other round.
    fn rounds(
        &self,
        comparison: &mut Comparison,
        mut ours: impl FnMut(&mut Vec<String>) -> Result<f64, Failure>,
        mut limit: impl FnMut() -> Result<f64, Failure>,
    ) -> Result<(), Failure> {
        for round in 0..self.extent.rounds {
            if round % 2 == 1 {
                comparison.limit.push(limit()?);
            }
            comparison.ours.push(ours(&mut comparison.wrong)?);
            if round % 2 == 0 {
                comparison.limit.push(limit()?);
            }
            (self.tell)(&table::round(comparison));
        }
        Ok(())
    }

    fn new_registrations(&self, backends: Backends) -> Result<Vec<Comparison>, Failure> {
        let (what, against, goal) = match backends {
            Backends::Postgres => ("new registrations, PostgreSQL", "pgbench, single rows, 64 clients", 1.2),
            Backends::PostgresRedis => {
                ("new registrations, PostgreSQL and Redis", "pgbench, single rows, 64 clients", 1.0)
            }
            Backends::Sqlite => ("new registrations, SQLite", "a plain program, batches of 512", 0.5),
        };
        let mut comparison = Comparison::new(what, against, "/s", Goal::AtLeast(goal));
        let mut alike = Comparison::new(what, "the same program, batches of 32", "/s", Goal::Nothing);
        let mut shares = Shares::of(what);
        for round in 0..self.extent.rounds {
            let site = self.ground.site(backends)?;
            let pgbench = || limits::pgbench(self.ground.postgres, CONNECTIONS, self.extent.time);
            if backends != Backends::Sqlite && round % 2 == 1 {
                comparison.limit.push(pgbench()?);
            }
            let (outcome, watch) = self.register(&site, CONNECTIONS, &mut comparison.wrong)?;
            shares.add(watch, &outcome)?;
            comparison.ours.push(outcome.right_per_second);
            if backends == Backends::Sqlite {
                comparison.limit.push(self.plain_program(&site, BATCH_MAX)?);
                alike.ours.push(outcome.right_per_second);
                alike.limit.push(self.plain_program(&site, BATCH_ALIKE)?);
            } else if round % 2 == 0 {
                comparison.limit.push(pgbench()?);
            }
            (self.tell)(&table::round(&comparison));
        }
        let mut rows = vec![comparison];
        if backends == Backends::Sqlite {
            rows.push(alike);
        }
        rows.extend(shares.rows());
        Ok(rows)
    }

    /// New people only, in a closed loop; then the database is checked.
    fn register(
        &self,
        site: &Site<'_>,
        connections: usize,
        wrong: &mut Vec<String>,
    ) -> Result<(Outcome, Watch), Failure> {
        let server = site.serve()?;
        let mut crowd = Crowd::new(&server.targets, draw::SLUG);
        crowd.fetch_tokens(&server.targets, &self.plan(), self.tokens())?;
        let plan = Plan { connections, ..self.plan() };
        let mut watch = Watch::new(server.pid());
        let outcome =
            crowd.run(&server.targets, &plan, &Mix::only(Kind::New), |second| watch.second(second))?;
        note(&outcome, wrong);
        check(site, &crowd, wrong)?;
        Ok((outcome, watch))
    }

    fn plain_program(&self, filled: &Site<'_>, batch: u32) -> Result<f64, Failure> {
        let empty = self.ground.site(Backends::Sqlite)?;
        Ok(block_on(limits::sqlite(&filled.file(), &empty.url, batch))??)
    }

    fn retries_from_memory(&self) -> Result<Vec<Comparison>, Failure> {
        let site = self.ground.site(Backends::PostgresRedis)?;
        let server = site.serve()?;
        let mut crowd = Crowd::new(&server.targets, draw::SLUG);
        crowd.prepare(&server.targets, &self.plan(), 20_000)?;
        let echo = Echo::start()?;
        let mut rate = Comparison::new("retries, from memory", "axum, JSON echo", "/s", Goal::AtLeast(0.75));
        let retries = Mix::only(Kind::Retry);
        self.rounds(
            &mut rate,
            |wrong| {
                let outcome = crowd.run(&server.targets, &self.plan(), &retries, |_| {})?;
                note(&outcome, wrong);
                Ok(outcome.right_per_second)
            },
            || echo.run(&self.plan()),
        )?;
        // What the machine adds to that is seen beside it: the echo has as many presses to answer.
        let mut tail = Comparison::new(
            "p99 of retries at half that load",
            "axum, JSON echo, as many",
            "ms",
            Goal::Below(5.0),
        );
        let mut server_tail = Comparison::new("the same, from when they were sent", "", "ms", Goal::Nothing);
        let half = super::median(&rate.ours) / 2.0;
        let plan = Plan { pace: Pace::Open { per_second: half, poisson: true }, ..self.plan() };
        self.rounds(
            &mut tail,
            |wrong| {
                let outcome = crowd.run(&server.targets, &plan, &retries, |_| {})?;
                note(&outcome, wrong);
                server_tail.ours.push(p99_ms(&outcome, Kind::Retry, |kind| Some(&kind.service)));
                Ok(p99_ms(&outcome, Kind::Retry, |kind| kind.latency.as_ref()))
            },
            || Ok(p99_ms(&echo.measure(&plan)?, Kind::Fixed, |kind| kind.latency.as_ref())),
        )?;
        check(&site, &crowd, &mut tail.wrong)?;
        Ok(vec![rate, tail, server_tail])
    }

    /// Each attempt is retried once at a server that was started since it was acknowledged: only Redis knows.
    fn retries_from_redis(&self) -> Result<Vec<Comparison>, Failure> {
        const COUNT: u32 = 60_000;
        let site = self.ground.site(Backends::PostgresRedis)?;
        let first = site.serve()?;
        let mut crowd = Crowd::new(&first.targets, draw::SLUG);
        crowd.prepare(&first.targets, &self.plan(), COUNT as usize)?;
        drop(first);
        let echo = Echo::start()?;
        let mut comparison =
            Comparison::new("retries, answered from Redis", "axum, JSON echo", "/s", Goal::AtLeast(0.4));
        self.rounds(
            &mut comparison,
            |wrong| {
                let server = site.serve()?;
                let plan =
                    Plan { stop: Stop::Requests(COUNT.into()), warm_up: Duration::ZERO, ..self.plan() };
                let each_once = Mix { in_order: true, ..Mix::only(Kind::Retry) };
                let outcome = crowd.run(&server.targets, &plan, &each_once, |_| {})?;
                note(&outcome, wrong);
                let cached = admissions(&server, "replayed", "cache")?;
                if cached < 0.99 * f64::from(COUNT) {
                    wrong.push(format!("only {cached} of {COUNT} retries were answered from Redis"));
                }
                Ok(outcome.right_per_second)
            },
            || echo.run(&self.plan()),
        )?;
        Ok(vec![comparison])
    }

    fn storm(&self) -> Result<Vec<Comparison>, Failure> {
        let site = self.ground.site(Backends::PostgresRedis)?;
        let server = site.serve()?;
        let mut crowd = Crowd::new(&server.targets, draw::SLUG);
        crowd.prepare(&server.targets, &self.plan(), 20_000)?;
        let echo = Echo::start()?;
        let mut comparison = Comparison::new(
            "storm: 95% retries, 5% new, PostgreSQL and Redis",
            "axum, JSON echo",
            "/s",
            Goal::AtLeast(0.5),
        );
        let mix = Mix { new: 5, retry: 95, ..Mix::default() };
        self.rounds(
            &mut comparison,
            |wrong| {
                crowd.fetch_tokens(&server.targets, &self.plan(), self.tokens() / 5)?;
                let outcome = crowd.run(&server.targets, &self.plan(), &mix, |_| {})?;
                note(&outcome, wrong);
                Ok(outcome.right_per_second)
            },
            || echo.run(&self.plan()),
        )?;
        check(&site, &crowd, &mut comparison.wrong)?;
        Ok(vec![comparison])
    }

    fn page(&self) -> Result<Vec<Comparison>, Failure> {
        let site = self.ground.site(Backends::PostgresRedis)?;
        let server = site.serve()?;
        let path = format!("/draws/{}", draw::SLUG);
        let page = get(&server.targets, &path)?;
        let file = self.ground.folder.path().join("page.html");
        std::fs::write(&file, &page)?;
        let limit = LimitServer::start(&["static", "--file", &file.to_string_lossy()])?;
        let what = format!("registration page with a fresh token, {} bytes", page.len());
        let mut comparison =
            Comparison::new(&what, "axum, a static string of that size", "/s", Goal::AtLeast(0.5));
        self.rounds(
            &mut comparison,
            |wrong| {
                let request = Fixed::get(server.targets.host(), &path);
                let outcome = run_fixed(&server.targets, &self.plan(), &request, |_| {})?;
                note(&outcome, wrong);
                Ok(outcome.right_per_second)
            },
            || {
                let request = Fixed::get(limit.targets.host(), "/");
                Ok(run_fixed(&limit.targets, &self.plan(), &request, |_| {})?.right_per_second)
            },
        )?;
        Ok(vec![comparison])
    }

    /// Twice as many presses as the server can take, in an open loop.
    fn overload(&self) -> Result<Vec<Comparison>, Failure> {
        let mut goodput = Comparison::new(
            "goodput at twice the capacity, PostgreSQL and Redis",
            "throughput at capacity",
            "/s",
            Goal::AtLeast(0.9),
        );
        let mut tail = Comparison::new("p99 of those accepted then", "", "ms", Goal::Below(2500.0));
        let mut server_tail = Comparison::new("the same, from when they were sent", "", "ms", Goal::Nothing);
        for _ in 0..self.extent.rounds {
            let site = self.ground.site(Backends::PostgresRedis)?;
            let (at_peak, _) = self.register(&site, PEAK_CONNECTIONS, &mut goodput.wrong)?;
            let peak = at_peak.right_per_second;
            let site = self.ground.site(Backends::PostgresRedis)?;
            let server = site.serve()?;
            let mut crowd = Crowd::new(&server.targets, draw::SLUG);
            let plan = Plan {
                connections: 6000,
                pace: Pace::Open { per_second: 2.0 * peak, poisson: true },
                expect_shed: true,
                warm_up: Duration::from_secs(2),
                // In a shorter time nothing of what was due in it may be answered.
                stop: Stop::After(self.extent.time.max(OVERLOAD_TIME)),
                ..self.plan()
            };
            let tokens = plan.presses(0) as usize;
            crowd.fetch_tokens(&server.targets, &self.plan(), tokens)?;
            let outcome = crowd.run(&server.targets, &plan, &Mix::only(Kind::New), |_| {})?;
            note(&outcome, &mut goodput.wrong);
            check(&site, &crowd, &mut goodput.wrong)?;
            // By when answers came: of what was due then, some may not be sent when it is over.
            let measured: Vec<&Second> = outcome.series.iter().filter(|second| !second.is_warm_up).collect();
            let a_second = |count: fn(&Second) -> u64| {
                measured.iter().map(|second| count(second)).sum::<u64>() as f64 / measured.len() as f64
            };
            goodput.ours.push(a_second(|second| second.right));
            goodput.limit.push(peak);
            tail.ours.push(p99_ms(&outcome, Kind::New, |kind| kind.latency.as_ref()));
            server_tail.ours.push(p99_ms(&outcome, Kind::New, |kind| Some(&kind.service)));
            let (refused, unsent) = (a_second(|second| second.refused), outcome.unsent);
            (self.tell)(&format!(
                "{}; {refused:.0} refused a second, {unsent} could not be sent",
                table::round(&goodput)
            ));
            (self.tell)(&table::round(&tail));
            (self.tell)(&table::round(&server_tail));
        }
        Ok(vec![goodput, tail, server_tail])
    }

    /// A small organiser's server: how soon it answers, what it takes, and what a crowd leaves behind.
    fn start_and_memory(&self) -> Result<Vec<Comparison>, Failure> {
        let mut start =
            Comparison::new("start to first answer, migrated database", "", "ms", Goal::Below(300.0));
        let mut idle = Comparison::new("memory, idle", "", "MB", Goal::Below(40.0));
        let site = self.ground.site(Backends::Sqlite)?;
        // The first start makes what is made once.
        drop(site.serve()?);
        for _ in 0..self.extent.rounds {
            let began = Instant::now();
            let server = site.serve()?;
            get(&server.targets, "/readyz")?;
            start.ours.push(began.elapsed().as_secs_f64() * 1000.0);
            get(&server.targets, &format!("/draws/{}", draw::SLUG))?;
            idle.ours.push(server.resident_bytes()? as f64 / 1e6);
        }
        (self.tell)(&table::round(&start));
        (self.tell)(&table::round(&idle));
        Ok(vec![start, idle])
    }
}

/// The limit of retries.
struct Echo {
    server: LimitServer,
    request: Fixed,
}

impl Echo {
    fn start() -> Result<Self, Failure> {
        let server = LimitServer::start(&["echo"])?;
        let host = server.targets.host();
        let request = Fixed::post(host, ECHO, "application/json", &Form::example("bench"));
        Ok(Self { server, request })
    }

    fn run(&self, plan: &Plan) -> Result<f64, Failure> {
        Ok(self.measure(plan)?.right_per_second)
    }

    fn measure(&self, plan: &Plan) -> Result<Outcome, Failure> {
        let outcome = run_fixed(&self.server.targets, plan, &self.request, |_| {})?;
        match outcome.surprises.first() {
            None => Ok(outcome),
            Some(first) => Err(Failure::Ground(format!("the echo answered {}", first.came))),
        }
    }
}

/// What was wrong in a run.
pub(crate) fn note(outcome: &Outcome, wrong: &mut Vec<String>) {
    wrong.extend(
        outcome.surprises.iter().map(|one| format!("instead of {}, there came {}", one.expected, one.came)),
    );
    wrong.extend(outcome.ended_early.iter().cloned());
    // In an overload those that are due wait; then answers to earlier ones come.
    if outcome.answers == 0 && outcome.series.iter().all(|second| second.is_warm_up || second.answers() == 0)
    {
        wrong.push("no answer came while it was measured".to_owned());
    }
    if !outcome.is_right() && outcome.surprises.is_empty() {
        wrong.push(format!("{:?}", outcome.errors));
    }
}

/// What is wrong in the database, by its rows and by `drawbridge reconcile`.
pub(crate) fn check(site: &Site<'_>, crowd: &Crowd, wrong: &mut Vec<String>) -> Result<(), Failure> {
    let found = block_on(database::check(&site.url, draw::SLUG, crowd.name(), crowd.ledger()))??;
    wrong.extend(found.violations);
    site.run(&["reconcile"])?;
    Ok(())
}

/// From when presses of a kind were due, or from when they were sent.
fn p99_ms(outcome: &Outcome, kind: Kind, from: fn(&KindOutcome) -> Option<&Latency>) -> f64 {
    let latency = outcome.kinds.get(&kind).and_then(from);
    latency.map_or(f64::NAN, |latency| latency.quantile(0.99) as f64 / 1000.0)
}

/// How many requests ended in a way, by a server's own count.
fn admissions(server: &Server, outcome: &str, layer: &str) -> Result<f64, Failure> {
    let metrics = get(&server.targets, "/metrics")?;
    let name = format!("drawbridge_admissions_total{{outcome=\"{outcome}\",layer=\"{layer}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok());
    Ok(line.unwrap_or(0.0))
}

/// One request by itself; the body of its answer.
pub(crate) fn get(targets: &Targets, path: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(targets.of(0))?;
    let host = targets.host();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(Failure::Ground(format!("{path}: {answer}"))),
    }
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work))
}
