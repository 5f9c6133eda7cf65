//! Private servers for tests and measurements: PostgreSQL, Redis, a Redis Cluster, nginx, and, with a
//! [`Guardian`], any other program; and what a link between them has to know ([`Commits`]).
//!
//! Each runs on a free port of 127.0.0.1 in a temporary folder (in memory, where there is room) and is gone when
//! its value is dropped, and also when the process that started it dies in whatever way: a guardian, one shell
//! for each service, notices that its pipe has closed. No test touches a server that it did not start.
//!
//! ```no_run
//! let postgres = services::shared::postgres();
//! let database = postgres.own_database();
//! println!("{}", database.url());
//! ```
//!
//! Everything here blocks, needs no runtime, and panics with the service's log when it cannot do its work: a
//! test that has no server cannot tell anything.

mod commits;
mod guardian;
mod nginx;
mod ports;
mod postgres;
mod program;
mod redis;
pub mod shared;

pub use commits::Commits;
pub use guardian::Guardian;
pub use nginx::{Nginx, Ports};
pub use ports::free as free_port;
pub use postgres::{OwnDatabase, Postgres, tool as postgres_program};
pub use redis::{Redis, RedisCluster};
