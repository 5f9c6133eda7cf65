//! One run, from its beginning to its report.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;

use crate::checker::{self, Evidence};
use crate::crowd;
use crate::database::{self, Dump};
use crate::fault::{self, Fault, Planned};
use crate::ground::Ground;
use crate::nemesis::{self, Happened, blocking};
use crate::report::{self, Told, say};
use crate::scrape;
use crate::server::{Server, tail};
use crate::world::World;
use crate::{Arguments, command};

/// Acknowledged attempts that are retried a day later, at most.
const NEXT_DAY: usize = 3000;
/// Known attempts that are retried when all is over, for each second of the run.
const AGAIN_PER_SECOND: usize = 15;
/// File descriptors: every client's connection passes two links.
const FILES: u64 = 20_000;

/// A run; whether everything held.
///
/// # Errors
/// Why it could not be carried out.
pub fn run(arguments: &Arguments, seed: u64) -> Result<bool, String> {
    say(&format!("seed {seed}, {} s, {}", arguments.seconds, arguments.ground.name()));
    if arguments.plan {
        for Planned { at, lasts, fault } in plan(arguments, seed, true, true) {
            say(&format!("  {:6.1} s for {:4.1} s  {fault}", at.as_secs_f64(), lasts.as_secs_f64()));
        }
        return Ok(true);
    }
    let binary = binary(arguments)?;
    if let Err(why) = rlimit::increase_nofile_limit(FILES) {
        say(&format!("the limit of open files stays: {why}"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let (kind, mut random) = (arguments.ground, StdRng::seed_from_u64(seed));
        let secret: [u8; 32] = random.random();
        let started = tokio::task::spawn_blocking(move || Ground::start(kind, &binary, secret, seed)).await;
        let ground = started.unwrap_or_else(|panic| Err(panic.to_string()))?;
        on_ground(arguments, seed, &ground).await
    })
}

/// What is to go wrong. What cannot be done on this machine is left out.
fn plan(arguments: &Arguments, seed: u64, has_disk: bool, has_time: bool) -> Vec<Planned> {
    let mut all = Fault::all(arguments.ground, has_disk, has_time);
    if let Some(only) = &arguments.only {
        all.retain(|fault| fault.to_string().contains(only.as_str()));
    }
    fault::plan(arguments.seconds, seed, &all)
}

fn binary(arguments: &Arguments) -> Result<PathBuf, String> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.join("drawbridge"));
    let binary = arguments.drawbridge.clone().or_else(beside).filter(|binary| binary.is_file());
    let binary = binary.ok_or("there is no binary to try: `make build` makes it, --drawbridge names it")?;
    std::path::absolute(binary).map_err(|error| error.to_string())
}

/// Where the report goes.
fn folder(arguments: &Arguments, seed: u64) -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = program.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let folder = arguments.report.clone().unwrap_or_else(|| target.join("torture").join(seed.to_string()));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

async fn on_ground(arguments: &Arguments, seed: u64, ground: &Arc<Ground>) -> Result<bool, String> {
    if let Some(why) = &ground.no_disk {
        say(&format!("left out: disk full, because no disk can be mounted: {why}"));
    }
    if ground.other_time.is_none() {
        say("left out: clocks that are off and the next day, because libfaketime is not installed");
    }
    let plan = plan(arguments, seed, ground.no_disk.is_none(), ground.other_time.is_some());
    let api_key = blocking(ground, |ground| ground.demand(&["apikey", "add", "torture"])).await?;
    let world = World::new(Arc::clone(ground), format!("Bearer {}", api_key.trim()))?;
    let (stop, stopped) = watch::channel(false);
    let (end_scrape, scrape_ended) = watch::channel(false);
    let scraping = tokio::spawn(scrape::run(Arc::clone(&world), scrape_ended));
    let interrupt = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            say("interrupted: everything is mended and settled, then checked");
            stop.send_replace(true);
        }
        // Kept until the end, so that nobody takes its end for a sign.
        std::future::pending::<()>().await;
    });

    let lasts = Duration::from_secs(arguments.seconds.into());
    let coming = crowd::run(&world, seed, lasts, arguments.rate, stopped.clone());
    let (coming, happened) = tokio::join!(coming, nemesis::run(&world, plan, stopped));
    nemesis::calm(&world);
    let faults_over = world.now();
    world.settle();
    crowd::finish(&world, coming?).await;
    let again = crowd::settle(&world, seed, arguments.seconds as usize * AGAIN_PER_SECOND).await;
    end_scrape.send_replace(true);
    let counts = scraping.await.map_err(|error| error.to_string())?;
    interrupt.abort();

    let mut evidence = look(&world, &happened).await?;
    let settled = world.now();
    let mut next_day = None;
    if ground.other_time.is_some() {
        next_day = Some(a_day_later(&world, seed).await?);
        evidence.next_day = Some(read(ground).await?);
    }
    evidence.calls = world.history.calls();
    evidence.attempts = world.attempts();
    evidence.troubles = world.complaints();
    let checks = checker::check(&evidence);
    let told = Told {
        seed,
        seconds: arguments.seconds,
        ground: ground.kind.name(),
        command: &command(arguments, seed),
        evidence: &evidence,
        happened: &happened,
        counts: &counts,
        checks: &checks,
        faults_over,
        settled,
        again,
        next_day,
    };
    let folder = folder(arguments, seed)?;
    report::write(&folder, &told)?;
    keep_logs(ground, &folder, !told.holds())?;
    report::summary(&told, &folder);
    Ok(told.holds())
}

/// What there is when everybody knows: the database, exports, reports.
async fn look(world: &Arc<World>, happened: &[Happened]) -> Result<Evidence, String> {
    let draws = world.draws();
    let slugs: Vec<String> = draws.iter().map(|draw| draw.slug.clone()).collect();
    let (exports, reconciled) = blocking(&world.ground, move |ground| {
        let mut exports = HashMap::new();
        for slug in slugs {
            // A draw that could never be made has no export.
            if let Ok(lines) = ground.demand(&["entries", "export", &slug]) {
                let ids = lines.lines().skip(1).filter_map(|line| line.split(',').nth(1));
                exports.insert(slug, ids.map(|id| id.replace('-', "")).collect());
            }
        }
        let reconciled = ground.run(&["reconcile"])?;
        let said = String::from_utf8_lossy(&reconciled.stdout).into_owned();
        let found = (!reconciled.status.success()).then_some(said);
        Ok((exports, found.into_iter().collect()))
    })
    .await?;
    let poisoned = happened.iter().filter(|it| it.fault == Fault::PoisonRow).map(|it| (it.began, it.ended));
    Ok(Evidence {
        draws,
        dump: read(&world.ground).await?,
        frozen: world.frozen(),
        exports,
        reconciled,
        poisoned: poisoned.collect(),
        ..Evidence::default()
    })
}

async fn read(ground: &Ground) -> Result<Dump, String> {
    database::dump(&ground.database_url(None)).await
}

/// Ends everything, starts it again 25 hours later with an empty Redis, and retries what was acknowledged; how
/// many that were.
async fn a_day_later(world: &Arc<World>, seed: u64) -> Result<usize, String> {
    const LATER: &str = "+25h";
    blocking(&world.ground, |ground| {
        let variables = ground.time(Some(LATER))?;
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for server in &ground.servers {
            server.stop("TERM");
            server.set_environment(&variables);
        }
        if let Some(redis) = &ground.redis {
            redis.stop();
            redis.start_again();
        }
        if let Some(postgres) = &ground.postgres {
            postgres.stop();
            postgres.set_environment(&variables);
            postgres.try_start_again().map_err(|log| tail(&log))?;
        }
        ground.servers.iter().try_for_each(Server::start)
    })
    .await?;
    world.settle();
    Ok(crowd::replay(world, seed, NEXT_DAY).await)
}

/// What the servers said belongs to a report of what did not hold.
fn keep_logs(ground: &Ground, folder: &Path, is_wanted: bool) -> Result<(), String> {
    for (number, server) in ground.servers.iter().enumerate() {
        let path = folder.join(format!("server-{}.log", number + 1));
        if is_wanted {
            std::fs::write(&path, server.log()).map_err(|error| format!("{}: {error}", path.display()))?;
        } else if path.exists() {
            std::fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}
