//! A server that ships, as a process of its own that a guardian ends with this one.

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use services::Guardian;

/// How long a service manager waits before it starts again what ended.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How long a server is started again and again.
const PATIENCE: Duration = Duration::from_secs(90);

/// A server on a port that stays the same.
#[derive(Debug)]
pub struct Server {
    guardian: Guardian,
    port: u16,
    /// Whether it is meant to be there.
    wanted: AtomicBool,
    starts: AtomicU32,
}

impl Server {
    /// With settings; not started yet.
    ///
    /// # Panics
    /// When no guardian can be started.
    pub fn new(binary: &Path, port: u16, settings: &[(String, String)]) -> Self {
        let guardian = Guardian::new("drawbridge", "KILL");
        let mut words = vec!["env".to_owned()];
        words.extend(settings.iter().map(|(name, value)| format!("{name}={value}")));
        words.push(format!("DRAWBRIDGE_ADDR=127.0.0.1:{port}"));
        words.extend([binary.to_string_lossy().into_owned(), "serve".to_owned()]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        guardian.set_command(None, &words);
        Self { guardian, port, wanted: AtomicBool::new(false), starts: AtomicU32::new(0) }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How often it was started: names its present life.
    pub fn life(&self) -> u32 {
        self.starts.load(Ordering::SeqCst)
    }

    /// Starts it as a service manager does: again, until it stays.
    ///
    /// # Errors
    /// Its log, when it does not within a minute and a half.
    pub fn start(&self) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        loop {
            self.starts.fetch_add(1, Ordering::SeqCst);
            match self.guardian.start(|| TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()) {
                Ok(()) => {
                    self.wanted.store(true, Ordering::SeqCst);
                    return Ok(());
                }
                Err(why) if Instant::now() > until => return Err(tail(&why)),
                Err(_) => std::thread::sleep(AGAIN_AFTER),
            }
        }
    }

    /// Ends it, by `TERM` in order or by `KILL` at once.
    pub fn stop(&self, signal: &str) {
        self.wanted.store(false, Ordering::SeqCst);
        self.guardian.stop(signal);
    }

    /// Stops it where it stands.
    pub fn pause(&self) {
        self.guardian.freeze();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.guardian.thaw();
    }

    /// Sets variables for the next start.
    pub fn set_environment(&self, variables: &[(&str, &str)]) {
        self.guardian.set_environment(variables);
    }

    /// Whether it has ended by itself, which it never should.
    pub fn is_missing(&self) -> bool {
        self.wanted.load(Ordering::SeqCst) && !self.guardian.is_alive() && self.wanted.load(Ordering::SeqCst)
    }

    /// The last it has said.
    pub fn last_words(&self) -> String {
        tail(&self.guardian.log())
    }

    /// Everything it has said.
    pub fn log(&self) -> String {
        self.guardian.log()
    }
}

/// The last lines of a log.
pub fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
