//! Threads that talk to clients, one a processor, each with a runtime of its own.
//!
//! What a connection needs happens on one thread: no request wakes another to be read, worked on or answered, unless it
//! has to be written. Each has its own connection to Redis. The runtime of the process, whose threads take work from each
//! other, suits what is seldom or long; where everything is frequent and short, looking for work and waking who looks cost
//! more than they even out. It keeps the writers, which must not stand in line behind a crowd, and what goes on beside.

use std::io;
use std::num::NonZero;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The threads. They end when this is dropped, and so does whatever still runs there.
#[derive(Debug)]
pub struct Desks {
    desks: Vec<Desk>,
    turn: usize,
}

#[derive(Debug)]
struct Desk {
    runtime: Handle,
    /// Dropped, it ends the thread.
    open: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Processors that this process may use.
fn processors() -> usize {
    thread::available_parallelism().map_or_else(
        |error| {
            tracing::warn!(%error, "how many processors there are is not known, assuming one");
            1
        },
        NonZero::get,
    )
}

/// How many threads the runtime of the process has: half as many as there are processors. What it does is little beside
/// what the desks do, and a thread that looks for work in vain takes a processor from them.
pub fn other_threads() -> usize {
    (processors() / 2).max(1)
}

impl Desks {
    /// Starts as many as there are processors for this process.
    ///
    /// # Errors
    /// When the system gives no thread, or none that can wait for a network.
    pub fn open() -> io::Result<Self> {
        let desks = (0..processors()).map(|_| Desk::open());
        Ok(Self { desks: desks.collect::<io::Result<_>>()?, turn: 0 })
    }

    /// Each in turn: whose the next connection is.
    pub fn another(&mut self) -> &Handle {
        self.turn = (self.turn + 1) % self.desks.len();
        &self.desks[self.turn].runtime
    }
}

impl Desk {
    fn open() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (open, closed) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("desk".to_owned()).spawn(move || {
            // Nothing is ever sent: this ends when the other side is dropped.
            let _ = runtime.block_on(closed);
            // Not waiting for what blocks: at the end of the process nobody needs it.
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, open: Some(open), thread: Some(thread) })
    }
}

impl Drop for Desks {
    fn drop(&mut self) {
        // All are told before any is waited for.
        self.desks.iter_mut().for_each(|desk| drop(desk.open.take()));
        for thread in self.desks.iter_mut().filter_map(|desk| desk.thread.take()) {
            if thread.join().is_err() {
                tracing::error!("a thread that talks to clients panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn connections_go_to_each_thread_in_turn_and_end_with_it() {
        let mut desks = Desks::open().expect("threads");
        let many = desks.desks.len();
        let mut threads = Vec::new();
        for _ in 0..2 * many {
            threads.push(desks.another().spawn(async { thread::current().id() }).await.expect("runs"));
        }
        assert_eq!(threads.iter().collect::<HashSet<_>>().len(), many);
        assert_eq!(threads[..many], threads[many..]);
        let kept = Arc::new(());
        for _ in 0..many {
            let kept = Arc::clone(&kept);
            desks.another().spawn(async move {
                std::future::pending::<()>().await;
                drop(kept);
            });
        }
        drop(desks);
        assert_eq!(Arc::strong_count(&kept), 1, "they are over when this returns");
    }
}
