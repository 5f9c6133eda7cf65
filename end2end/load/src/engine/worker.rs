//! One thread's connections, made before the clock starts.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Poll, Token};

use super::connection::{Buffers, Connection, State};
use crate::Failure;
use crate::plan::Plan;
use crate::targets::Targets;
use crate::work::Work;

/// How often it is looked after what sends no events: time-outs, and connections that could not be made.
pub const TICK: Duration = Duration::from_millis(50);

/// A thread's connections and work.
pub struct Worker<'a, W: Work> {
    /// What is to be done.
    pub plan: &'a Plan,
    /// Its number.
    pub thread: usize,
    /// What is sent.
    pub work: W,
    /// Tells of connections under their places.
    pub poll: Poll,
    /// Its share of them.
    pub connections: Vec<Connection<W::Job>>,
    /// What they read into.
    pub buffers: Buffers,
    /// Connections with nothing to do, the one that has rested longest first.
    pub idle: VecDeque<usize>,
}

impl<'a, W: Work> Worker<'a, W> {
    /// Makes the connections of a thread.
    ///
    /// # Errors
    /// [`Failure::Connect`] when one cannot be made in time.
    pub fn connect(targets: &Targets, plan: &'a Plan, thread: usize, work: W) -> Result<Self, Failure> {
        let now = Instant::now();
        let mine = (0..plan.connections).filter(|number| number % plan.threads == thread);
        let connections = mine.map(|number| Connection::new(targets.of(number), now)).collect();
        let (buffers, idle) = (Buffers::new(), VecDeque::new());
        let mut worker = Self { plan, thread, work, poll: Poll::new()?, connections, buffers, idle };
        worker.open_all(now + plan.patience)?;
        Ok(worker)
    }

    fn open_all(&mut self, until: Instant) -> Result<(), Failure> {
        let registry = self.poll.registry();
        for (at, connection) in self.connections.iter_mut().enumerate() {
            let target = connection.target;
            connection.open(registry, Token(at)).map_err(|error| Failure::Connect(target, error))?;
        }
        let mut events = Events::with_capacity(1024);
        while self.idle.len() < self.connections.len() {
            poll(&mut self.poll, &mut events, TICK)?;
            for Token(at) in events.iter().map(Event::token) {
                let connection = &mut self.connections[at];
                if matches!(connection.state, State::Idle) {
                    continue;
                }
                let target = connection.target;
                if connection.is_open().map_err(|error| Failure::Connect(target, error))? {
                    connection.state = State::Idle;
                    self.idle.push_back(at);
                }
            }
            if Instant::now() > until {
                let target = self.connections.iter().find(|it| !matches!(it.state, State::Idle));
                let target = target.map_or(self.connections[0].target, |it| it.target);
                return Err(Failure::Connect(target, io::ErrorKind::TimedOut.into()));
            }
        }
        Ok(())
    }
}

/// Waits for events; an interrupted wait has none.
///
/// # Errors
/// What the system says.
pub fn poll(poll: &mut Poll, events: &mut Events, at_most: Duration) -> io::Result<()> {
    match poll.poll(events, Some(at_most)) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        other => other,
    }
}
