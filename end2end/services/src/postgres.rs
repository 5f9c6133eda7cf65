//! PostgreSQL.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::guardian::{Guardian, persist};
use crate::{ports, program};

/// A PostgreSQL server with one superuser, `postgres`, and no passwords. Durability is on, as it has to be:
/// only the folder may be in memory.
#[derive(Debug)]
pub struct Postgres {
    guardian: Guardian,
    port: u16,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts one.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub fn start() -> Self {
        persist(|| Self::try_start(None))
    }

    /// Starts one whose data is on a disk of its own, of so many megabytes, which can be filled up: see
    /// [`Guardian::mount`].
    ///
    /// # Panics
    /// As [`Self::start`], and when nothing may be mounted.
    pub fn start_on_disk(megabytes: u32) -> Self {
        persist(|| Self::try_start(Some(megabytes)))
    }

    fn try_start(megabytes: Option<u32>) -> Result<Self, String> {
        let guardian = Guardian::new("PostgreSQL", "QUIT");
        let data = guardian.folder().join("data");
        // It refuses to run as root.
        let user = program::is_root().then_some("postgres");
        match megabytes {
            Some(megabytes) => drop(guardian.mount("data", megabytes)?),
            None => std::fs::create_dir(&data).expect("makes a folder"),
        }
        let mut initialise = match user {
            Some(user) => {
                program::text(Command::new("chown").arg(user).arg(&data));
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", user, "--init-groups"]).arg(tool("initdb"));
                command
            }
            None => Command::new(tool("initdb")),
        };
        initialise
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"])
            .args(["--no-sync", "--pgdata"])
            .arg(&data);
        program::text(initialise.current_dir("/"));
        // In its file, which ALTER SYSTEM overrules, and no argument does.
        let mut file = OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))
            .expect("initdb has made its file of settings");
        writeln!(file, "max_wal_size = 256MB").expect("writes to it");
        let port = ports::free();
        let settings = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "max_connections=300".to_owned(),
            "shared_preload_libraries=pg_stat_statements".to_owned(),
            // In its folder, so that they go with it.
            "dynamic_shared_memory_type=mmap".to_owned(),
            "log_line_prefix=%m [%p] %q%a@%d ".to_owned(),
        ];
        let (postgres, data) = (tool("postgres"), data.to_string_lossy().into_owned());
        let postgres = postgres.to_string_lossy();
        let mut words = vec![postgres.as_ref(), "-D", &data];
        words.extend(settings.iter().flat_map(|setting| ["-c", setting.as_str()]));
        guardian.set_command(user, &words);
        let server = Self { guardian, port, databases: AtomicU32::new(0) };
        server.guardian.start(|| server.answers())?;
        server.sql("postgres", "CREATE EXTENSION pg_stat_statements");
        Ok(server)
    }

    /// The address of a database: `postgres://postgres@127.0.0.1:PORT/NAME`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty UTF-8 database; its address.
    pub fn create_database(&self, name: &str) -> String {
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\""));
        self.url(name)
    }

    /// Removes a database, whoever is connected to it.
    pub fn drop_database(&self, name: &str) {
        self.sql("postgres", &format!("DROP DATABASE \"{name}\" WITH (FORCE)"));
    }

    /// An empty database with a name of its own, removed when dropped.
    pub fn own_database(&'static self) -> OwnDatabase {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("own_{number}");
        let url = self.create_database(&name);
        OwnDatabase { server: self, name, url }
    }

    /// Runs statements; values of rows separated by `|`, one row a line.
    ///
    /// # Panics
    /// When one fails.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        program::text(self.psql(database).args(["--set=ON_ERROR_STOP=1", "--command", statements]))
    }

    /// As the operating system does when the power fails: nothing is finished, then it starts again on the same
    /// port and recovers.
    pub fn restart_immediately(&self) {
        self.guardian.stop("QUIT");
        self.start_again();
    }

    /// Stops it, ending connections in order.
    pub fn stop(&self) {
        self.guardian.stop("INT");
    }

    /// Stops it at once, finishing nothing.
    pub fn stop_immediately(&self) {
        self.guardian.stop("QUIT");
    }

    /// Starts it again on the same port and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn start_again(&self) {
        if let Err(why) = self.try_start_again() {
            panic!("{why}");
        }
    }

    /// Ends every process of it at once, as when the power fails.
    pub fn kill(&self) {
        self.guardian.stop("KILL");
    }

    /// Starts it again on the same port and waits until it answers.
    ///
    /// # Errors
    /// Its log, when it does not: as on a disk that is full.
    pub fn try_start_again(&self) -> Result<(), String> {
        self.guardian.start(|| self.answers())
    }

    /// Whether its main process is there.
    pub fn is_alive(&self) -> bool {
        self.guardian.is_alive()
    }

    /// Sets variables for the next start: see [`Guardian::set_environment`].
    pub fn set_environment(&self, variables: &[(&str, &str)]) {
        self.guardian.set_environment(variables);
    }

    /// Where its data is.
    pub fn data(&self) -> PathBuf {
        self.guardian.folder().join("data")
    }

    /// Stops every process of it where it stands.
    pub fn pause(&self) {
        self.guardian.freeze();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.guardian.thaw();
    }

    /// Sets a parameter for the whole server, restarting it if the parameter wants that.
    pub fn set(&self, name: &str, value: &str) {
        let value = value.replace('\'', "''");
        let before = self.sql("postgres", "SELECT pg_conf_load_time()");
        self.sql("postgres", &format!("ALTER SYSTEM SET {name} = '{value}'"));
        let context =
            self.sql("postgres", &format!("SELECT context FROM pg_settings WHERE name = lower('{name}')"));
        if context == "postmaster" {
            self.stop();
            self.start_again();
            return;
        }
        self.sql("postgres", "SELECT pg_reload_conf()");
        // The main process reads it when it gets to it; connections that follow have it.
        while self.sql("postgres", "SELECT pg_conf_load_time()") == before {
            std::thread::yield_now();
        }
    }

    /// Its main process.
    pub fn pid(&self) -> u32 {
        self.guardian.pid()
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        self.guardian.log()
    }

    fn answers(&self) -> bool {
        program::output(self.psql("postgres").args(["--command", "SELECT 1"])).status.success()
    }

    fn psql(&self, database: &str) -> Command {
        let mut command = Command::new(tool("psql"));
        command
            .args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--dbname"])
            .arg(self.url(database))
            .env_remove("PGOPTIONS");
        command
    }
}

/// A database that is removed when dropped.
#[derive(Debug)]
pub struct OwnDatabase {
    server: &'static Postgres,
    name: String,
    url: String,
}

impl OwnDatabase {
    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements in it; values of rows separated by `|`, one row a line.
    pub fn sql(&self, statements: &str) -> String {
        self.server.sql(&self.name, statements)
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        // A test that fails is kept from failing twice, which would hide why.
        if !std::thread::panicking() {
            self.server.drop_database(&self.name);
        }
    }
}

/// A program of the newest version that is installed; Debian keeps them out of PATH.
///
/// # Panics
/// When it is not installed.
pub fn tool(name: &str) -> PathBuf {
    let folder = std::fs::read_dir("/usr/lib/postgresql").ok();
    let versions = folder.into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin").join(name)))
        })
        .filter(|(_, program)| program.is_file())
        .max();
    newest.map_or_else(|| program::find(name), |(_, program)| program)
}
