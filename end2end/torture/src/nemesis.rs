//! Makes things go wrong as planned, and right again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use services::{Postgres, Redis};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::cases::{self, Script};
use crate::crowd::set;
use crate::database;
use crate::fault::{Fault, Hold, Part, Planned};
use crate::ground::Ground;
use crate::history::Moment;
use crate::proxy::{Link, Trouble};
use crate::server::Server;
use crate::strangers;
use crate::world::World;

/// Who is refused by a poisoned database, beside those who come anyway.
const POISONED: usize = 5;
/// How often what goes on for a while is done again.
const AGAIN: Duration = Duration::from_millis(300);
/// How often something that a fault stands in the way of is tried again.
const TRIES: u32 = 300;

/// Replaces what Redis holds: by nonsense, by what belongs to another key, by nothing, by another type.
const CORRUPT: &str = "
local keys = redis.call('KEYS', '*')
for number, key in ipairs(keys) do
  local kind = redis.call('TYPE', key).ok
  local life = redis.call('PTTL', key)
  if kind == 'string' then
    local how = number % 4
    local other = keys[number % #keys + 1]
    if how == 0 then redis.call('SET', key, 'nonsense', 'KEEPTTL')
    elseif how == 1 and redis.call('TYPE', other).ok == 'string' then
      redis.call('SET', key, redis.call('GET', other), 'KEEPTTL')
    elseif how == 2 then redis.call('SET', key, '', 'KEEPTTL')
    else
      redis.call('DEL', key)
      redis.call('RPUSH', key, 'a', 'b')
      if life > 0 then redis.call('PEXPIRE', key, life) end
    end
  end
end
return #keys";

/// A fault that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// What.
    pub fault: Fault,
    /// From when.
    pub began: Moment,
    /// Until when it was undone and everything was there again.
    pub ended: Moment,
    /// What there is to tell of it.
    pub note: String,
}

/// Carries a plan out, until it is done or `stop` says so; what happened, in order.
pub async fn run(
    world: &Arc<World>,
    plan: Vec<Planned>,
    stop: tokio::sync::watch::Receiver<bool>,
) -> Vec<Happened> {
    let mut faults = JoinSet::new();
    let mut parts: BTreeMap<Hold, Arc<Mutex<()>>> = BTreeMap::new();
    for planned in plan {
        let held: Vec<Arc<Mutex<()>>> = planned
            .fault
            .holds()
            .into_iter()
            .map(|hold| Arc::clone(parts.entry(hold).or_default()))
            .collect();
        let (world, mut stop) = (Arc::clone(world), stop.clone());
        faults.spawn(async move {
            let until = |at: Duration| tokio::time::sleep_until((world.began + at).into());
            tokio::select! {
                () = until(planned.at) => {}
                () = set(&mut stop) => return None,
            }
            // What was broken before may take longer to mend than planned. Everybody takes hold in the same order.
            let mut holding = Vec::new();
            for part in &held {
                holding.push(part.lock().await);
            }
            let began = world.now();
            let end = async {
                tokio::select! {
                    () = until(planned.at + planned.lasts) => {}
                    () = set(&mut stop) => {}
                }
            };
            let note = match happen(&world, planned.fault, end).await {
                Ok(note) => note,
                Err(why) => {
                    world.complain(format!("{}: {why}", planned.fault));
                    why
                }
            };
            Some(Happened { fault: planned.fault, began, ended: world.now(), note })
        });
    }
    let mut happened: Vec<Happened> = faults.join_all().await.into_iter().flatten().collect();
    happened.sort_by_key(|it| it.began);
    happened
}

/// Does something that blocks to the ground.
///
/// # Errors
/// What it says, or why it panicked.
pub async fn blocking<T: Send + 'static>(
    ground: &Arc<Ground>,
    work: impl FnOnce(&Ground) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let ground = Arc::clone(ground);
    tokio::task::spawn_blocking(move || work(&ground)).await.unwrap_or_else(|panic| Err(panic.to_string()))
}

/// One fault, from its beginning to its end and until everything is there again.
async fn happen(world: &Arc<World>, fault: Fault, end: impl Future<Output = ()>) -> Result<String, String> {
    match fault {
        Fault::Link(part, trouble) => {
            let link = link(&world.ground, part);
            let before = link.spoiled();
            link.set(trouble);
            end.await;
            link.set(Trouble::None);
            Ok(format!("{} spoiled", link.spoiled() - before))
        }
        Fault::ServerKilled(_) | Fault::ServerPaused(_) | Fault::ServersRolled | Fault::ServerClock(..) => {
            of_servers(&world.ground, fault, end).await
        }
        Fault::RedisKilled
        | Fault::RedisPaused
        | Fault::RedisAbsent(_)
        | Fault::RedisFlushed
        | Fault::RedisCorrupted => of_redis(&world.ground, fault, end).await,
        Fault::PostgresRestarted | Fault::PostgresKilled | Fault::PostgresPaused => {
            of_postgres(&world.ground, fault, end).await
        }
        Fault::DiskFull => disk_full(&world.ground, end).await,
        Fault::PoisonRow => poison_row(world, end).await,
        Fault::NginxReloaded => {
            repeat(&world.ground, end, |ground| {
                ground.nginx.reload();
                Ok(())
            })
            .await
        }
        Fault::ConnectionStorm => Ok(strangers::storm(world, end).await),
        Fault::SlowClients => Ok(strangers::slowly(world, end).await),
    }
}

/// The link of a part.
pub fn link(ground: &Ground, part: Part) -> &Link {
    match part {
        Part::Front => &ground.links.front,
        Part::Server(server) => &ground.links.servers[server],
        Part::Database(server) => &ground.links.databases[server],
        Part::Cache(server) => &ground.links.caches[server],
    }
}

async fn of_servers(
    ground: &Arc<Ground>,
    fault: Fault,
    end: impl Future<Output = ()>,
) -> Result<String, String> {
    match fault {
        Fault::ServerKilled(server) => {
            to_server(ground, server, |server| server.stop("KILL")).await?;
            end.await;
            blocking(ground, move |ground| ground.servers[server].start()).await?;
        }
        Fault::ServerPaused(server) => {
            to_server(ground, server, Server::pause).await?;
            end.await;
            to_server(ground, server, Server::resume).await?;
        }
        Fault::ServerClock(server, hours) => {
            restart_at(ground, server, Some(format!("{hours:+}h"))).await?;
            end.await;
            restart_at(ground, server, None).await?;
        }
        _ => {
            for server in 0..ground.servers.len() {
                restart_at(ground, server, None).await?;
            }
            end.await;
        }
    }
    Ok(String::new())
}

/// Does something that blocks to a server.
async fn to_server(
    ground: &Arc<Ground>,
    number: usize,
    work: impl FnOnce(&Server) + Send + 'static,
) -> Result<(), String> {
    blocking(ground, move |ground| {
        work(&ground.servers[number]);
        Ok(())
    })
    .await
}

/// Ends a server in order and starts it again, at an offset from the true time.
///
/// # Errors
/// When it does not start.
pub async fn restart_at(ground: &Arc<Ground>, server: usize, offset: Option<String>) -> Result<(), String> {
    blocking(ground, move |ground| {
        let variables = ground.time(offset.as_deref())?;
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let server = &ground.servers[server];
        server.stop("TERM");
        server.set_environment(&variables);
        server.start()
    })
    .await
}

/// Does something that blocks to Redis of a ground that has it.
async fn to_redis(ground: &Arc<Ground>, work: impl FnOnce(&Redis) + Send + 'static) -> Result<(), String> {
    blocking(ground, |ground| {
        work(ground.redis.as_ref().ok_or("there is no Redis")?);
        Ok(())
    })
    .await
}

async fn of_redis(
    ground: &Arc<Ground>,
    fault: Fault,
    end: impl Future<Output = ()>,
) -> Result<String, String> {
    match fault {
        Fault::RedisPaused => {
            to_redis(ground, Redis::pause).await?;
            end.await;
            to_redis(ground, Redis::resume).await?;
        }
        Fault::RedisFlushed => return tell_redis(ground, end, &["flushall"]).await,
        Fault::RedisCorrupted => return tell_redis(ground, end, &["eval", CORRUPT, "0"]).await,
        fault => {
            to_redis(ground, Redis::stop).await?;
            if let Fault::RedisAbsent(server) = fault {
                restart_at(ground, server, None).await?;
            }
            end.await;
            to_redis(ground, Redis::start_again).await?;
        }
    }
    Ok(String::new())
}

/// Runs a command again and again.
async fn tell_redis(
    ground: &Arc<Ground>,
    end: impl Future<Output = ()>,
    command: &'static [&'static str],
) -> Result<String, String> {
    let tell = move |ground: &Ground| {
        ground.redis.as_ref().ok_or("there is no Redis")?.cli(command);
        Ok(())
    };
    repeat(ground, end, tell).await
}

/// Does something that blocks to PostgreSQL of a ground that has it.
async fn to_postgres(
    ground: &Arc<Ground>,
    work: impl FnOnce(&Postgres) + Send + 'static,
) -> Result<(), String> {
    blocking(ground, |ground| {
        work(ground.postgres.as_ref().ok_or("there is no PostgreSQL")?);
        Ok(())
    })
    .await
}

async fn of_postgres(
    ground: &Arc<Ground>,
    fault: Fault,
    end: impl Future<Output = ()>,
) -> Result<String, String> {
    match fault {
        Fault::PostgresPaused => {
            to_postgres(ground, Postgres::pause).await?;
            end.await;
            to_postgres(ground, Postgres::resume).await?;
        }
        Fault::PostgresRestarted => {
            to_postgres(ground, Postgres::restart_immediately).await?;
            end.await;
        }
        _ => {
            to_postgres(ground, Postgres::kill).await?;
            end.await;
            to_postgres(ground, Postgres::start_again).await?;
        }
    }
    Ok(String::new())
}

async fn disk_full(ground: &Arc<Ground>, end: impl Future<Output = ()>) -> Result<String, String> {
    let megabytes = blocking(ground, Ground::fill_disk).await?;
    end.await;
    let operator = blocking(ground, |ground| {
        ground.free_disk()?;
        let Some(postgres) = &ground.postgres else { return Ok("") };
        // It may have given up, in the middle of recovering or for good: an operator starts it again.
        for _ in 0..TRIES {
            if postgres.is_alive() {
                return Ok("");
            }
            if postgres.try_start_again().is_ok() {
                return Ok(", PostgreSQL had given up");
            }
        }
        Err("PostgreSQL does not come back".to_owned())
    });
    Ok(format!("by {megabytes} MB{}", operator.await?))
}

/// Poisons the database and lets those come whom it refuses, among all the others.
async fn poison_row(world: &Arc<World>, end: impl Future<Output = ()>) -> Result<String, String> {
    let url = world.ground.database_url(None);
    database::poison(&url, true).await?;
    let mut refused = JoinSet::new();
    if let Some(draw) = world.draws().last() {
        for _ in 0..POISONED {
            let case = world.new_case();
            let random = StdRng::seed_from_u64(case as u64);
            refused.spawn(cases::play(Arc::clone(world), Arc::clone(draw), Script::Poison, case, random));
        }
    }
    end.await;
    let mut last = String::new();
    for _ in 0..TRIES {
        match database::poison(&url, false).await {
            Ok(()) => {
                refused.join_all().await;
                return Ok(format!("{POISONED} people"));
            }
            Err(why) => last = why,
        }
        tokio::time::sleep(AGAIN).await;
    }
    Err(format!("the poison cannot be removed: {last}"))
}

/// Does something again and again until the end; how often.
async fn repeat(
    ground: &Arc<Ground>,
    end: impl Future<Output = ()>,
    work: impl Fn(&Ground) -> Result<(), String> + Copy + Send + 'static,
) -> Result<String, String> {
    let mut end = std::pin::pin!(end);
    let mut times = 0;
    loop {
        blocking(ground, work).await?;
        times += 1;
        tokio::select! {
            () = &mut end => return Ok(format!("{times} times")),
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

/// Whatever a plan that was broken off may have left behind.
pub fn calm(world: &World) {
    let links = &world.ground.links;
    let all = links.servers.iter().chain(&links.databases).chain(&links.caches);
    all.chain([&links.front]).for_each(|link| link.set(Trouble::None));
}
