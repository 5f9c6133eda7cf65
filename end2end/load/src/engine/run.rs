//! The event loop of one thread while the clock runs.

use std::io;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Token};

use super::alarm::Alarm;
use super::connection::{Received, State};
use super::schedule::Schedule;
use super::worker::{TICK, Worker, poll};
use super::{Start, processor, window};
use crate::Failure;
use crate::measure::{Loss, Measured, Recorder, Sample};
use crate::plan::{Stop, share};
use crate::work::{Verdict, Work};

/// The token of the alarm; those of connections are their places.
const ALARM: Token = Token(usize::MAX - 1);
/// How long a connection that could not be made again waits for another try.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A worker while the clock runs.
pub struct Run<'a, W: Work> {
    worker: Worker<'a, W>,
    recorder: Recorder<'a>,
    schedule: Option<Schedule>,
    alarm: Alarm,
    /// Presses of the measured part that are still to be sent.
    left: u64,
    /// Whether no more presses are sent.
    is_over: bool,
    /// Requests on their way.
    busy: usize,
    /// Until when their answers are waited for, once it is over.
    closing: Option<Instant>,
}

impl<'a, W: Work> Run<'a, W> {
    /// Begins when the other threads are ready as well. `tell` gets each second when it is over.
    ///
    /// # Errors
    /// [`Failure::System`] when the system has no timer left.
    pub fn begin(worker: Worker<'a, W>, start: &Start, tell: &'a dyn Fn(Sample)) -> Result<Self, Failure> {
        // Nobody may be waited for in vain: whatever fails, fails behind the barrier.
        let start = start.wait();
        let Worker { plan, thread, .. } = worker;
        let alarm = Alarm::new(worker.poll.registry(), ALARM)?;
        let window = window(plan, start);
        let schedule = Schedule::new(plan.pace, start, plan.threads, thread, plan.seed ^ thread as u64);
        let left = match plan.stop {
            Stop::After(_) => u64::MAX,
            Stop::Requests(count) => share(count, plan.threads, thread),
        };
        let recorder = Recorder::new(window, schedule.is_some(), tell);
        Ok(Self { worker, recorder, schedule, alarm, left, is_over: false, busy: 0, closing: None })
    }

    /// Carries out the plan; what was measured, and the work.
    ///
    /// # Errors
    /// [`Failure::System`] when the event loop fails.
    pub fn finish(mut self) -> Result<(Measured, W), Failure> {
        self.carry_out()?;
        Ok((self.recorder.finish(), self.worker.work))
    }
}

impl<W: Work> Run<'_, W> {
    fn carry_out(&mut self) -> Result<(), Failure> {
        let window = self.recorder.window();
        let mut events = Events::with_capacity(1024);
        let (mut processor, mut measures) = (Duration::ZERO, false);
        let mut now = Instant::now();
        let mut tick = now + TICK;
        self.fill(now)?;
        while !(self.is_over && self.busy == 0 && !self.worker.work.has_companion()) {
            if self.closing.is_some_and(|until| now > until) {
                break;
            }
            let wait = self.wait(now)?;
            poll(&mut self.worker.poll, &mut events, wait)?;
            for event in &events {
                if event.token() != ALARM {
                    self.happened(event)?;
                }
            }
            now = Instant::now();
            if !measures && now >= window.from {
                (processor, measures) = (processor::used(), true);
            }
            if self.schedule.is_some() {
                self.fill(now)?;
            }
            if now >= tick {
                tick = now + TICK;
                self.look_after(now)?;
            }
            self.end_if_time(now);
        }
        self.recorder.measured.processor = processor::used().saturating_sub(processor);
        self.count_unsent(now);
        Ok(())
    }

    /// How long to wait for events; an alarm is set where a press is due before.
    fn wait(&mut self, now: Instant) -> io::Result<Duration> {
        if let Some(schedule) = &self.schedule
            && !self.is_over
            && !self.worker.idle.is_empty()
        {
            let due = schedule.due();
            if due <= now {
                return Ok(Duration::ZERO);
            }
            self.alarm.set(due, now)?;
        }
        Ok(TICK)
    }

    /// Gives work to idle connections: in a closed loop to all, in an open one as presses are due.
    fn fill(&mut self, now: Instant) -> io::Result<()> {
        while let Some(&at) = self.worker.idle.front() {
            self.worker.idle.pop_front();
            if !self.send_next(at, now)? {
                self.worker.idle.push_front(at);
                break;
            }
        }
        Ok(())
    }

    /// Sends what is to be sent next, on a connection that has nothing to do; whether there was something.
    fn send_next(&mut self, at: usize, now: Instant) -> io::Result<bool> {
        let worker = &mut self.worker;
        let out = worker.connections[at].outgoing();
        if let Some(job) = worker.work.companion(out) {
            self.send(at, job, now, now)?;
            return Ok(true);
        }
        if self.is_over {
            return Ok(false);
        }
        let due = self.schedule.as_ref().map_or(now, Schedule::due);
        if due > now || self.recorder.window().until.is_some_and(|until| due >= until) {
            return Ok(false);
        }
        let Some(job) = worker.work.next(out) else {
            self.recorder.measured.ran_out = true;
            self.end(now);
            return Ok(false);
        };
        if let Some(schedule) = &mut self.schedule {
            schedule.advance();
        }
        if due >= self.recorder.window().from {
            self.left -= 1;
            if self.left == 0 {
                self.end(now);
            }
        }
        self.send(at, job, due, now)?;
        Ok(true)
    }

    fn send(&mut self, at: usize, job: W::Job, due: Instant, now: Instant) -> io::Result<()> {
        self.recorder.sent(due, now);
        self.busy += 1;
        let connection = &mut self.worker.connections[at];
        connection.state = State::Busy { job, due, began: now };
        match connection.send() {
            Ok(()) => Ok(()),
            Err(_) => self.broken(at, "the connection was closed before the request was sent", now),
        }
    }

    /// Something happened to a connection.
    fn happened(&mut self, event: &Event) -> io::Result<()> {
        let Token(at) = event.token();
        let connection = &mut self.worker.connections[at];
        match connection.state {
            State::Connecting => return self.connected(at),
            State::Broken(_) => return Ok(()),
            State::Idle | State::Busy { .. } => {}
        }
        if event.is_writable() && connection.send().is_err() {
            return self.broken(at, "the connection was closed before the request was sent", Instant::now());
        }
        if event.is_readable() || event.is_read_closed() {
            return self.receive(at, event.is_read_closed());
        }
        Ok(())
    }

    fn receive(&mut self, at: usize, is_closed: bool) -> io::Result<()> {
        let Worker { connections, buffers, work, .. } = &mut self.worker;
        let recorder = &mut self.recorder;
        let received = connections[at].receive(buffers, |job, [due, began], answer| {
            let now = Instant::now();
            let kind = work.kind(&job);
            let verdict: Verdict = work.judge(job, answer);
            recorder.answered(kind, answer, verdict, [due, began, now]);
            (now, answer.closes)
        });
        match received {
            Received::Nothing if !is_closed => Ok(()),
            Received::Nothing => {
                self.broken(at, "the connection was closed before the answer was whole", Instant::now())
            }
            Received::Broken(why) => self.broken(at, why, Instant::now()),
            Received::Whole((now, closes)) => {
                self.busy -= 1;
                if closes || is_closed {
                    return self.reopen(at, now);
                }
                self.rest(at, now)
            }
        }
    }

    /// A connection has nothing to do now.
    fn rest(&mut self, at: usize, now: Instant) -> io::Result<()> {
        self.end_if_time(now);
        if !self.send_next(at, now)? {
            self.worker.idle.push_back(at);
        }
        Ok(())
    }

    fn connected(&mut self, at: usize) -> io::Result<()> {
        let now = Instant::now();
        let connection = &mut self.worker.connections[at];
        match connection.is_open() {
            Ok(false) => Ok(()),
            Ok(true) => {
                connection.state = State::Idle;
                self.rest(at, now)
            }
            Err(_) => {
                connection.close(self.worker.poll.registry());
                connection.state = State::Broken(now + AGAIN_AFTER);
                Ok(())
            }
        }
    }

    /// A connection broke: what was on its way is lost.
    fn broken(&mut self, at: usize, why: &'static str, now: Instant) -> io::Result<()> {
        self.lose(at, Loss::Broken(why), now);
        self.reopen(at, now)
    }

    fn lose(&mut self, at: usize, why: Loss, now: Instant) {
        let connection = &mut self.worker.connections[at];
        match std::mem::replace(&mut connection.state, State::Broken(now)) {
            State::Busy { job, due, .. } => {
                self.busy -= 1;
                self.recorder.lost(self.worker.work.kind(&job), why, due, now);
                self.worker.work.lost(job);
            }
            State::Idle => self.worker.idle.retain(|idle| *idle != at),
            State::Connecting | State::Broken(_) => {}
        }
    }

    fn reopen(&mut self, at: usize, now: Instant) -> io::Result<()> {
        self.recorder.measured.reconnects += 1;
        self.open(at, now);
        Ok(())
    }

    fn open(&mut self, at: usize, now: Instant) {
        let connection = &mut self.worker.connections[at];
        if connection.open(self.worker.poll.registry(), Token(at)).is_err() {
            connection.state = State::Broken(now + AGAIN_AFTER);
        }
    }

    /// Gives up what takes too long, and makes broken connections again.
    fn look_after(&mut self, now: Instant) -> io::Result<()> {
        self.recorder.turn(now);
        for at in 0..self.worker.connections.len() {
            match self.worker.connections[at].state {
                State::Busy { began, .. }
                    if now.saturating_duration_since(began) > self.worker.plan.patience =>
                {
                    self.lose(at, Loss::TimeOut, now);
                    self.reopen(at, now)?;
                }
                State::Broken(again) if now >= again => self.open(at, now),
                _ => {}
            }
        }
        Ok(())
    }

    fn end_if_time(&mut self, now: Instant) {
        if self.recorder.window().until.is_some_and(|until| now >= until) {
            self.end(now);
        }
    }

    fn end(&mut self, now: Instant) {
        if !self.is_over {
            self.is_over = true;
            self.closing = Some(now + self.worker.plan.patience + Duration::from_secs(1));
        }
    }

    /// What was due before the end and found no connection counts, or a server that stalls would look better for it.
    fn count_unsent(&mut self, now: Instant) {
        let (Some(schedule), Some(until)) = (&mut self.schedule, self.recorder.window().until) else {
            return;
        };
        if self.recorder.measured.ran_out {
            return;
        }
        while schedule.due() < until {
            self.recorder.unsent(schedule.due(), now);
            schedule.advance();
        }
    }
}
