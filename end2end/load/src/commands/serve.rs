//! `load serve`.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::say;

/// What is served.
#[derive(Debug, Subcommand)]
pub enum Limit {
    /// `POST /echo`: reads a registration and answers the same.
    Echo {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Threads of the server; as many as there are processors if not given.
        #[arg(long)]
        threads: Option<usize>,
    },
    /// `GET /`: answers the bytes of a file as `text/html`.
    Static {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// The file.
        #[arg(long)]
        file: PathBuf,
        /// Threads of the server; as many as there are processors if not given.
        #[arg(long)]
        threads: Option<usize>,
    },
}

/// Serves until killed.
///
/// # Errors
/// When the file cannot be read or the address not be bound.
pub fn serve(limit: &Limit) -> Result<ExitCode, Box<dyn Error>> {
    let (Limit::Echo { threads, .. } | Limit::Static { threads, .. }) = limit;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        runtime.worker_threads((*threads).max(1));
    }
    runtime.enable_all().build()?.block_on(async {
        let limit = match limit {
            Limit::Echo { listen, .. } => load::serve::echo(*listen).await?,
            Limit::Static { listen, file, .. } => load::serve::page(*listen, std::fs::read(file)?).await?,
        };
        say(&limit.address()?.to_string());
        limit.serve(std::future::pending()).await?;
        Ok(ExitCode::SUCCESS)
    })
}
