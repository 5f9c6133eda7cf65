//! `drawbridge`: one binary for organisers small and large.

use std::process::ExitCode;

use clap::Parser as _;
use server::commands::{Line, run};

fn main() -> ExitCode {
    let line = Line::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(line)),
        Err(error) => {
            tracing::error!(%error, "no runtime");
            ExitCode::FAILURE
        }
    }
}
