//! One server of each kind for a whole process: tests that need no server of their own stay apart by databases
//! and secrets. They are gone when the process is.

use std::sync::OnceLock;

use crate::{Postgres, Redis, RedisCluster};

/// The PostgreSQL server of this process.
pub fn postgres() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(Postgres::start)
}

/// The Redis server of this process.
pub fn redis() -> &'static Redis {
    static SERVER: OnceLock<Redis> = OnceLock::new();
    SERVER.get_or_init(Redis::start)
}

/// The Redis Cluster of this process.
pub fn cluster() -> &'static RedisCluster {
    static SERVER: OnceLock<RedisCluster> = OnceLock::new();
    SERVER.get_or_init(RedisCluster::start)
}
