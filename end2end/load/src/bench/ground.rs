//! What is measured: the binary that ships, on databases that are started for it, each a process of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use services::{Guardian, OwnDatabase, Postgres, Redis, free_port};

use crate::{Failure, Targets, draw};

/// What a server stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backends {
    /// One file.
    Sqlite,
    /// PostgreSQL, and this process's memory.
    Postgres,
    /// Both.
    PostgresRedis,
}

/// Everything that is shared by comparisons.
#[derive(Debug)]
pub struct Ground {
    drawbridge: PathBuf,
    /// PostgreSQL.
    pub postgres: &'static Postgres,
    /// Redis.
    pub redis: Redis,
    /// Files of databases, bodies and the like; gone at the end.
    pub folder: tempfile::TempDir,
}

/// Settings of every server here, beside its databases: what the defaults are, but for the limits, which would refuse
/// a crowd from one address.
pub const SETTINGS: [(&str, &str); 4] = [
    ("DRAWBRIDGE_IP_RATE", "off"),
    ("DRAWBRIDGE_PERSON_RATE", "off"),
    ("DRAWBRIDGE_LOG", "info"),
    ("DRAWBRIDGE_LOG_FORMAT", "json"),
];

/// The secret of all servers.
pub(crate) const SECRET: &str = "5f0e3cd27a1b49d88c6e2f9310a7b4655f0e3cd27a1b49d88c6e2f9310a7b465";

impl Ground {
    /// Starts PostgreSQL and Redis.
    ///
    /// # Errors
    /// When there is no room for files.
    pub fn start(drawbridge: &Path) -> Result<Self, Failure> {
        let postgres = services::shared::postgres();
        // Counting each statement costs who sends many of them; and checkpoints are for longer runs than these.
        for setting in ["pg_stat_statements.track = 'none'", "max_wal_size = '4GB'"] {
            postgres.sql("postgres", &format!("ALTER SYSTEM SET {setting}"));
        }
        postgres.sql("postgres", "SELECT pg_reload_conf()");
        Ok(Self {
            drawbridge: drawbridge.to_owned(),
            postgres,
            redis: Redis::start(),
            folder: tempfile::tempdir()?,
        })
    }

    /// What the databases say of their durability and size, and where their files lie.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn settings(&self) -> Result<Vec<(&'static str, String)>, Failure> {
        let mut settings: Vec<(&'static str, String)> = [
            "fsync",
            "full_page_writes",
            "synchronous_commit",
            "shared_buffers",
            "max_wal_size",
            "server_version",
        ]
        .into_iter()
        .map(|name| (name, self.postgres.sql("postgres", &format!("SHOW {name}"))))
        .collect();
        let files =
            Command::new("stat").args(["--file-system", "--format=%T"]).arg(self.folder.path()).output()?;
        settings.push(("file system of SQLite", String::from_utf8_lossy(&files.stdout).trim().to_owned()));
        let data = self.postgres.sql("postgres", "SHOW data_directory");
        let files = Command::new("stat").args(["--file-system", "--format=%T"]).arg(data).output()?;
        settings
            .push(("file system of PostgreSQL", String::from_utf8_lossy(&files.stdout).trim().to_owned()));
        Ok(settings)
    }

    /// An empty database with the draw in it, and no server yet.
    ///
    /// # Errors
    /// When the draw is not taken.
    pub fn site(&self, backends: Backends) -> Result<Site<'_>, Failure> {
        let own = (backends != Backends::Sqlite).then(|| self.postgres.own_database());
        let file = self.folder.path().join(format!("{}.db", free_port()));
        let url =
            own.as_ref().map_or_else(|| format!("sqlite://{}", file.display()), |own| own.url().to_owned());
        if backends == Backends::PostgresRedis {
            self.redis.cli(&["FLUSHALL"]);
        }
        let site = Site { ground: self, backends, url, own };
        let draws = self.folder.path().join("draw.toml");
        std::fs::write(&draws, draw::file(draw::SLUG))?;
        site.run(&["draw", "apply", &draws.to_string_lossy()])?;
        Ok(site)
    }
}

/// A database, and what servers on it are told.
#[derive(Debug)]
pub struct Site<'a> {
    ground: &'a Ground,
    backends: Backends,
    /// The database.
    pub url: String,
    own: Option<OwnDatabase>,
}

impl Site<'_> {
    /// The database's file, where it is one.
    pub fn file(&self) -> PathBuf {
        PathBuf::from(self.url.trim_start_matches("sqlite://"))
    }

    /// The database's name on its server.
    ///
    /// # Errors
    /// When it is a file.
    pub fn database(&self) -> Result<&str, Failure> {
        let own = self.own.as_ref().map(OwnDatabase::name);
        own.ok_or_else(|| Failure::Ground(format!("{} is a file", self.url)))
    }

    fn settings(&self) -> Vec<(&str, String)> {
        let mut settings: Vec<(&str, String)> = SETTINGS.map(|(name, value)| (name, value.to_owned())).into();
        settings.push(("DATABASE_URL", self.url.clone()));
        settings.push(("DRAWBRIDGE_SECRET", SECRET.to_owned()));
        if self.backends == Backends::PostgresRedis {
            settings.push(("REDIS_URL", self.ground.redis.url()));
        }
        settings
    }

    /// Runs a command to its end; what it says.
    ///
    /// # Errors
    /// What it says, when it fails.
    pub fn run(&self, words: &[&str]) -> Result<String, Failure> {
        self.run_with(words, "")
    }

    /// The same with a text as its input.
    ///
    /// # Errors
    /// What it says, when it fails.
    pub fn run_with(&self, words: &[&str], input: &str) -> Result<String, Failure> {
        let mut running = Command::new(&self.ground.drawbridge)
            .args(words)
            .envs(self.settings())
            .current_dir(self.ground.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut to) = running.stdin.take()
            && !input.is_empty()
        {
            to.write_all(input.as_bytes())?;
        }
        let done = running.wait_with_output()?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        Err(Failure::Ground(format!(
            "{words:?}: {}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        )))
    }

    /// Starts a server and waits until it answers; how long that took.
    ///
    /// # Errors
    /// Its log, when it does not start.
    pub fn serve(&self) -> Result<Server, Failure> {
        let port = free_port();
        let mut words = vec!["env".to_owned()];
        words.extend(self.settings().into_iter().map(|(name, value)| format!("{name}={value}")));
        words.push(format!("DRAWBRIDGE_ADDR=127.0.0.1:{port}"));
        words.extend([self.ground.drawbridge.to_string_lossy().into_owned(), "serve".to_owned()]);
        Server::start("drawbridge", &words, port)
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    guardian: Guardian,
    /// Where it listens.
    pub targets: Targets,
    /// From its start to its first accepted connection.
    pub took: Duration,
}

impl Server {
    fn start(name: &'static str, words: &[String], port: u16) -> Result<Self, Failure> {
        let guardian = Guardian::new(name, "KILL");
        guardian.set_command(None, &words.iter().map(String::as_str).collect::<Vec<_>>());
        let began = Instant::now();
        guardian
            .start(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())
            .map_err(Failure::Ground)?;
        let took = began.elapsed();
        Ok(Self { guardian, targets: Targets::new(&[format!("127.0.0.1:{port}")])?, took })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.guardian.pid()
    }

    /// Bytes of its memory that lie in the machine's.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn resident_bytes(&self) -> Result<u64, Failure> {
        self.memory("VmRSS:")
    }

    /// The most that [`Self::resident_bytes`] was since [`Self::forget_peak`].
    ///
    /// # Errors
    /// When the system does not say.
    pub fn peak_bytes(&self) -> Result<u64, Failure> {
        self.memory("VmHWM:")
    }

    /// Lets the peak begin at what it is now.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn forget_peak(&self) -> Result<(), Failure> {
        // "5" resets the peak resident set size: see proc(5).
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.guardian.pid()), "5")?)
    }

    fn memory(&self, name: &str) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.guardian.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kibibytes.map(|kibibytes| kibibytes * 1024).ok_or_else(|| Failure::Ground(format!("no {name}")))
    }
}

/// A limit: this program, serving what is next to nothing.
#[derive(Debug)]
pub struct LimitServer {
    child: Child,
    /// Where it listens.
    pub targets: Targets,
}

impl LimitServer {
    /// Starts `load serve` with arguments.
    ///
    /// # Errors
    /// When it does not say where it listens.
    pub fn start(arguments: &[&str]) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut address)?;
        }
        Ok(Self { child, targets: Targets::new(&[address.trim()])? })
    }
}

impl Drop for LimitServer {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            let _ = writeln!(std::io::stderr(), "a limit was not stopped: {error}");
        }
    }
}
