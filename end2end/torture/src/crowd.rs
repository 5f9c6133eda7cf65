//! Who comes when: rounds of a new draw each, with a rush at its beginning and another at its end; and what is done
//! when the last fault is over.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cases::{self, Script};
use crate::draws::{Draw, Ending};
use crate::nemesis::blocking;
use crate::visitor::Visitor;
use crate::world::{Attempt, World};

/// How long a command that a fault stands in the way of is tried again after.
const AGAIN: Duration = Duration::from_millis(500);
/// Attempts that are retried at the same time in the end.
const TOGETHER: usize = 48;

/// Scripts that have begun.
pub type Crowd = JoinSet<()>;

/// Lets people come until the time is over or `stop` says so; those who have not finished by then.
pub async fn run(
    world: &Arc<World>,
    seed: u64,
    lasts: Duration,
    rate: u32,
    stop: watch::Receiver<bool>,
) -> Result<Crowd, String> {
    let mut random = StdRng::seed_from_u64(seed ^ 0x0063_726f_7764);
    let mut crowd = Crowd::new();
    while world.now() < lasts && !is_set(&stop) {
        let round = Duration::from_secs_f64(random.random_range(6.0..12.0)).min(lasts);
        let cases = (round.as_secs_f64() * f64::from(rate)).round() as u32;
        let draw = Arc::new(Draw::new(world.draws().len(), round, cases, &mut random));
        world.add_draw(Arc::clone(&draw));
        let began = world.now();
        until_done(world, Some(&stop), || make(world, &draw)).await?;
        if let Ending::ByHand(after) = draw.ending {
            let (world, draw) = (Arc::clone(world), Arc::clone(&draw));
            crowd.spawn(async move {
                tokio::time::sleep(after).await;
                if let Err(why) = until_done(&world, None, || close(&world, &draw)).await {
                    world.complain(format!("{} cannot be closed: {why}", draw.slug));
                }
            });
        }
        for _ in 0..cases {
            let case = world.new_case();
            let script = Script::any(&draw, &mut random);
            let comes = arrival(&draw, round, &mut random);
            let own = StdRng::seed_from_u64(random.random());
            let (world, draw, mut stop) = (Arc::clone(world), Arc::clone(&draw), stop.clone());
            crowd.spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep(comes) => cases::play(world, draw, script, case, own).await,
                    () = set(&mut stop) => {}
                }
            });
        }
        let rest = (began + round).saturating_sub(world.now());
        let mut stopped = stop.clone();
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = set(&mut stopped) => {}
        }
        // Whoever is through is forgotten.
        while crowd.try_join_next().is_some() {}
    }
    Ok(crowd)
}

fn is_set(sign: &watch::Receiver<bool>) -> bool {
    *sign.borrow()
}

/// Waits for a sign. Whoever could have given it may be gone: then it was given, or never will be.
pub async fn set(sign: &mut watch::Receiver<bool>) {
    if sign.wait_for(|is_set| *is_set).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// When somebody comes, counted from the beginning of the round.
fn arrival(draw: &Draw, round: Duration, random: &mut StdRng) -> Duration {
    let end = match draw.ending {
        Ending::ByHand(after) | Ending::ByTheClock(after) => Some(after.as_secs_f64()),
        Ending::TheNextDay => None,
    };
    let seconds = match (random.random_range(0..10), end) {
        (0..3, _) => random.random_range(0.0..1.0),
        (3..6, Some(end)) => (end + random.random_range(-0.7..0.3)).max(0.0),
        _ => random.random_range(0.0..round.as_secs_f64()),
    };
    Duration::from_secs_f64(seconds)
}

async fn make(world: &Arc<World>, draw: &Arc<Draw>) -> Result<(), String> {
    let draw = Arc::clone(draw);
    blocking(&world.ground, move |ground| {
        let path = ground.write(&format!("{}.toml", draw.slug), &draw.file(wall_clock()))?;
        ground.demand(&["draw", "apply", &path.to_string_lossy()]).map(drop)
    })
    .await
}

async fn close(world: &Arc<World>, draw: &Arc<Draw>) -> Result<(), String> {
    let slug = draw.slug.clone();
    blocking(&world.ground, move |ground| ground.demand(&["draw", "close", &slug]).map(drop)).await
}

#[expect(
    clippy::disallowed_methods,
    reason = "draws open and close by the clock of the database, which is the machine's"
)]
fn wall_clock() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Tries something that faults stand in the way of until it is done.
async fn until_done<F: Future<Output = Result<(), String>>>(
    world: &World,
    stop: Option<&watch::Receiver<bool>>,
    work: impl Fn() -> F,
) -> Result<(), String> {
    loop {
        match work().await {
            Err(_) if !world.is_over() && !stop.is_some_and(is_set) => {
                tokio::time::sleep(AGAIN).await;
            }
            result => return result,
        }
    }
}

/// Waits for everybody who has begun, at most until nothing more is to be expected.
pub async fn finish(world: &World, mut crowd: Crowd) {
    while !world.is_over() {
        match tokio::time::timeout(AGAIN, crowd.join_next()).await {
            Ok(None) => return,
            Ok(Some(Err(panic))) => world.complain(format!("a script ended early: {panic}")),
            Ok(Some(Ok(()))) | Err(_) => {}
        }
    }
}

/// Retries every attempt that nobody knows the end of, and so many others; how many that were.
pub async fn settle(world: &Arc<World>, seed: u64, others: usize) -> usize {
    let known: HashSet<usize> = definite(world);
    let (mut unknown, mut rest): (Vec<_>, Vec<_>) =
        world.attempts().into_iter().partition(|attempt| !known.contains(&attempt.id));
    rest.shuffle(&mut StdRng::seed_from_u64(seed));
    unknown.extend(rest.into_iter().take(others));
    retry(world, seed, unknown).await
}

/// Retries acknowledged attempts, so many at most; how many that were.
pub async fn replay(world: &Arc<World>, seed: u64, at_most: usize) -> usize {
    let acknowledged: HashSet<usize> = presses_with(world, |status| status == 201);
    let mut attempts = world.attempts();
    attempts.retain(|attempt| acknowledged.contains(&attempt.id));
    attempts.shuffle(&mut StdRng::seed_from_u64(seed));
    attempts.truncate(at_most);
    retry(world, seed, attempts).await
}

/// Attempts whose first payload got a definite answer.
fn definite(world: &World) -> HashSet<usize> {
    presses_with(world, |status| !matches!(status, 408 | 429 | 500..=599))
}

fn presses_with(world: &World, wanted: impl Fn(u16) -> bool) -> HashSet<usize> {
    use crate::history::Step;
    let attempts = world.attempts();
    let calls = world.history.calls();
    let found = calls.iter().filter_map(|call| match (&call.step, call.answer()) {
        (Step::Register { attempt, payload, .. }, Some(answer))
            if answer.code != "in-progress"
                && wanted(answer.status)
                && *payload == attempts[*attempt].payload =>
        {
            Some(*attempt)
        }
        _ => None,
    });
    found.collect()
}

async fn retry(world: &Arc<World>, seed: u64, attempts: Vec<Arc<Attempt>>) -> usize {
    let count = attempts.len();
    let mut retries = JoinSet::new();
    for attempt in attempts {
        while retries.len() >= TOGETHER {
            let _ = retries.join_next().await;
        }
        let random = StdRng::seed_from_u64(seed ^ attempt.id as u64);
        // From another address than before: what is remembered is not tied to one.
        let mut visitor = Visitor::new(world, attempt.id, random);
        visitor.case = attempt.case;
        visitor.cookie.clone_from(&attempt.browser);
        retries.spawn(async move { visitor.press_first(&attempt).await });
    }
    retries.join_all().await;
    count
}
