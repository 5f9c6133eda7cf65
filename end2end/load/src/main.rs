//! The command line of the load generator; everything it does is in the library beside it.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Sends registrations at running servers, measures, and checks every answer and the database.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sends load. Ends with 1 when an answer or the database was wrong.
    Run(Box<commands::run::Options>),
    /// Compares with limits, in turn, round after round: a table of ratios.
    Bench(commands::bench::Options),
    /// Compares what is done in a draw that millions have entered with the same in a small one.
    BenchScale(commands::scale::Options),
    /// Prints the draw that is registered for, for `drawbridge draw apply`.
    Draw {
        /// Its slug.
        #[arg(long, default_value = load::draw::SLUG)]
        slug: String,
    },
    /// Serves a limit to compare with, until killed. The first line on standard output is its address.
    #[command(subcommand)]
    Serve(commands::serve::Limit),
}

fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Run(options) => commands::run::run(&options),
        Command::Bench(options) => commands::bench::run(&options),
        Command::BenchScale(options) => commands::scale::run(&options),
        Command::Draw { slug } => {
            commands::say(&load::draw::file(&slug));
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve(limit) => commands::serve::serve(&limit),
    };
    ended.unwrap_or_else(|why| {
        commands::tell(&format!("load: {why}"));
        ExitCode::from(2)
    })
}
