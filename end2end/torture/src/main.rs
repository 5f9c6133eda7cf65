//! Real servers under faults.
//!
//! PostgreSQL, Redis, nginx and three servers of the binary that ships (or one server over SQLite) run behind links
//! that can be troubled. People come in rounds, each of a new draw, and register as browsers and programs do; a
//! nemesis breaks parts and mends them, as planned from a seed. Every call is written down. When the last fault is
//! over, everybody finds out what became of them; a day later they ask again; then the history is checked against
//! the database: see [`checker`].
//!
//! | to change | look in |
//! | --- | --- |
//! | what can go wrong, and when | [`fault`]; how it is done and undone: [`nemesis`], [`proxy`] |
//! | what people do | [`cases`]; how a browser behaves: [`visitor`]; who comes when: [`crowd`], [`draws`] |
//! | what has to hold | [`checker`] |
//! | what everything stands on | [`ground`], [`server`] |
//! | what is told of it | [`report`] |

mod cases;
mod checker;
mod crowd;
mod database;
mod draws;
mod fault;
mod ground;
mod history;
mod nemesis;
mod proxy;
mod raw;
mod report;
mod run;
mod scrape;
mod server;
mod strangers;
mod visitor;
mod world;

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use ground::Kind;

/// Scripts that begin each second, unless told otherwise.
const RATE: u32 = 50;

/// Breaks what Drawbridge stands on while people register, and checks that nobody was lost, doubled or misled.
#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// How long things go wrong, in seconds; starting, settling and checking come on top.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// What the plan and the scripts are made from; a new one if none is given.
    #[arg(long)]
    seed: Option<u64>,
    /// The databases.
    #[arg(long, value_enum, default_value_t = Kind::PostgresRedis)]
    ground: Kind,
    /// Scripts that begin each second.
    #[arg(long, default_value_t = RATE)]
    rate: u32,
    /// Only faults whose name holds this text, such as "disk full".
    #[arg(long)]
    only: Option<String>,
    /// Says what would go wrong, and when, and no more.
    #[arg(long)]
    plan: bool,
    /// The binary; the one beside this program if none is given.
    #[arg(long)]
    drawbridge: Option<PathBuf>,
    /// Where the report goes: a folder; `torture/SEED` beside the folder of this program if none is given.
    #[arg(long)]
    report: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| RandomState::new().hash_one(()) >> 32);
    match run::run(&arguments, seed) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            report::say(&format!("To repeat it: {}", command(&arguments, seed)));
            ExitCode::FAILURE
        }
        Err(why) => {
            report::say(&format!("The run could not be carried out: {why}"));
            ExitCode::from(2)
        }
    }
}

/// The command that repeats a run.
fn command(arguments: &Arguments, seed: u64) -> String {
    let rate = if arguments.rate == RATE { String::new() } else { format!(" RATE={}", arguments.rate) };
    let only = arguments.only.as_ref().map_or_else(String::new, |only| format!(" ONLY='{only}'"));
    let (seconds, ground) = (arguments.seconds, arguments.ground.name());
    format!("make torture SECONDS={seconds} SEED={seed} GROUND={ground}{rate}{only}")
}
