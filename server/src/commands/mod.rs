//! The command line: one function a command. Answers go to standard output, complaints to standard error.

mod admin;
mod apikey;
mod backup;
mod check;
mod demo;
mod draw;
mod entries;
mod reconcile;
mod serve;

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::ambient::Ambient;
use crate::config::Config;
use crate::state::{Foundation, StartError};
use crate::telemetry;

/// Registrations for draws: every person gets in exactly once.
#[derive(Debug, Parser)]
#[command(name = "drawbridge", version, disable_help_subcommand = true)]
pub struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Brings the database up to date and serves.
    Serve {
        /// Adds example draws and an organiser, whose password is printed once.
        #[arg(long)]
        demo: bool,
    },
    /// Creates, lists and changes draws.
    #[command(subcommand)]
    Draw(Draw),
    /// Organisers' accounts.
    #[command(subcommand)]
    Admin(Admin),
    /// API keys of programs that register people.
    #[command(subcommand, name = "apikey")]
    ApiKey(ApiKey),
    /// Entries of a draw.
    #[command(subcommand)]
    Entries(Entries),
    /// Compares counters, entries and claims; exits with 1 and a report when they disagree.
    Reconcile,
    /// Writes a consistent copy of the database, and of its secret, to a new file.
    Backup {
        /// The new file; the secret goes beside it with `.secret` added. A folder gets `drawbridge.db`.
        path: PathBuf,
    },
    /// After a restore from a backup: voids what caches remember of the time since.
    Restored,
    /// Says in words whether the settings are right and every part can be reached.
    Check,
}

#[derive(Debug, Subcommand)]
enum Draw {
    /// Creates or updates draws as a TOML file says, and prints what changed.
    Apply {
        /// The file.
        file: PathBuf,
    },
    /// Lists the draws.
    List,
    /// Makes a draft public.
    Announce {
        /// The draw.
        slug: String,
    },
    /// Closes a draw: its list is frozen.
    Close {
        /// The draw.
        slug: String,
    },
    /// Calls a draw off.
    Cancel {
        /// The draw.
        slug: String,
    },
}

#[derive(Debug, Subcommand)]
enum Admin {
    /// Adds an organiser; the password is read from standard input.
    Add {
        /// The address to sign in with.
        email: String,
    },
}

#[derive(Debug, Subcommand)]
enum ApiKey {
    /// Makes a key for a source and prints it, once. A source whose key was revoked gets a new one.
    Add {
        /// The source.
        name: String,
    },
    /// Makes the key of a source worthless. What it registered stays.
    Revoke {
        /// The source.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum Entries {
    /// Writes the entries of a draw as CSV to standard output.
    Export {
        /// The draw.
        slug: String,
    },
}

/// Why a command fails: one sentence or a few.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The database or the secret.
    #[error("{}", telemetry::causes(.0))]
    Start(#[from] StartError),
    /// The database, later.
    #[error("{}", telemetry::causes(.0))]
    Store(#[from] crate::store::StoreError),
    /// Files, sockets, standard streams.
    #[error("{0}: {1}")]
    Io(String, #[source] std::io::Error),
    /// Nobody takes the answer.
    #[error("standard output: {0}")]
    Output(#[source] std::io::Error),
    /// Anything said in words.
    #[error("{0}")]
    Refused(String),
}

type CommandResult = Result<ExitCode, CommandError>;

/// What commands share.
struct Session {
    config: Config,
    ambient: Ambient,
}

impl Session {
    async fn open(&self) -> Result<Foundation, CommandError> {
        Ok(Foundation::open(&self.config, &self.ambient).await?)
    }
}

/// Runs a command.
pub async fn run(line: Line) -> ExitCode {
    let result = match Config::read(|name| std::env::var(name).ok()) {
        Ok(config) => match telemetry::start_logging(&config) {
            Ok(_logging) => carry_out(line.command, config).await,
            Err(error) => Err(CommandError::Io("the log".to_owned(), error)),
        },
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(code) => code,
        // Whoever reads has seen enough.
        Err(CommandError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(command: Command, config: Config) -> CommandResult {
    let session = Session { config, ambient: Ambient::system() };
    match command {
        Command::Serve { demo } => serve::run(session, demo).await,
        Command::Draw(Draw::Apply { file }) => draw::apply(&session, &file).await,
        Command::Draw(Draw::List) => draw::list(&session).await,
        Command::Draw(Draw::Announce { slug }) => {
            draw::change(&session, &slug, shared::Action::Announce).await
        }
        Command::Draw(Draw::Close { slug }) => draw::change(&session, &slug, shared::Action::Close).await,
        Command::Draw(Draw::Cancel { slug }) => draw::change(&session, &slug, shared::Action::Cancel).await,
        Command::Admin(Admin::Add { email }) => admin::add(&session, &email).await,
        Command::ApiKey(ApiKey::Add { name }) => apikey::add(&session, &name).await,
        Command::ApiKey(ApiKey::Revoke { name }) => apikey::revoke(&session, &name).await,
        Command::Entries(Entries::Export { slug }) => entries::export(&session, &slug).await,
        Command::Reconcile => reconcile::run(&session).await,
        Command::Backup { path } => backup::run(&session, &path).await,
        Command::Restored => backup::restored(&session).await,
        Command::Check => check::run(&session).await,
    }
}

/// A line of answer.
fn say(line: &str) -> Result<(), CommandError> {
    writeln!(std::io::stdout().lock(), "{line}").map_err(CommandError::Output)
}

/// A line of complaint.
#[expect(clippy::print_stderr, reason = "this is the command line's complaint")]
fn complain(line: &str) {
    eprintln!("drawbridge: {line}");
}
