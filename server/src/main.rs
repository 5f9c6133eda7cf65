//! `drawbridge`: one binary for organisers small and large.

use std::process::ExitCode;

use clap::Parser as _;
use server::commands::{Line, run};
use server::desks::other_threads;

/// A crowd's requests are many small pieces of memory, taken by one thread and given back by another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The allocator asks for pages of 2 MiB. An idle server fills a dozen by a little each, and after millions of attempts
/// those that are filled in part still count whole: the memory row of `make bench-scale` shows both.
fn use_small_pages() {
    // Where the system does not let it, memory is used as before, and nothing else changes.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(true);
}

fn main() -> ExitCode {
    use_small_pages();
    let line = Line::parse();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(other_threads()).enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(line)),
        Err(error) => {
            tracing::error!(%error, "no runtime");
            ExitCode::FAILURE
        }
    }
}
