//! What a run stands on: PostgreSQL and Redis, or SQLite; three servers, or one; nginx as it ships; and a link
//! between any two of them. Everything here blocks.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use clap::ValueEnum;
use services::{Guardian, Nginx, Ports, Postgres, Redis, free_port};

use crate::proxy::Link;
use crate::server::Server;

/// The name of the database.
pub const DATABASE: &str = "draws";
/// Megabytes of the database's disk. PostgreSQL keeps up to 256 of its log.
const POSTGRES_DISK: u32 = 768;
const SQLITE_DISK: u32 = 128;

/// What belongs to this machine, as `deploy/drawbridge/machine.conf` says it for another. Nobody is exempt from
/// nginx's limits; the default folders for what is on its way belong to the system.
const MACHINE: &str = "
access_log off;
proxy_cache_path assets levels=1:2 keys_zone=assets:1m max_size=64m inactive=30d use_temp_path=off;
client_body_temp_path body;
proxy_temp_path proxy;
fastcgi_temp_path fastcgi;
uwsgi_temp_path uwsgi;
scgi_temp_path scgi;
geo $is_integrator { default 0; }
";

/// Which databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// PostgreSQL and Redis, three servers.
    #[value(name = "postgres+redis")]
    PostgresRedis,
    /// SQLite, one server.
    #[value(name = "sqlite")]
    Sqlite,
}

impl Kind {
    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::PostgresRedis => "postgres+redis",
            Self::Sqlite => "sqlite",
        }
    }

    fn servers(self) -> usize {
        match self {
            Self::PostgresRedis => 3,
            Self::Sqlite => 1,
        }
    }
}

/// Links between parts.
#[derive(Debug)]
pub struct Links {
    /// From clients to nginx.
    pub front: Link,
    /// From nginx to each server.
    pub servers: Vec<Link>,
    /// From each server to PostgreSQL; none with SQLite.
    pub databases: Vec<Link>,
    /// From each server to Redis; none with SQLite.
    pub caches: Vec<Link>,
}

/// All parts.
#[derive(Debug)]
pub struct Ground {
    /// Which.
    pub kind: Kind,
    /// The servers.
    pub servers: Vec<Server>,
    /// PostgreSQL.
    pub postgres: Option<Postgres>,
    /// Redis.
    pub redis: Option<Redis>,
    /// nginx.
    pub nginx: Nginx,
    /// What lies between.
    pub links: Links,
    /// Why no disk can be filled up, if so.
    pub no_disk: Option<String>,
    /// The library that shows processes another time, if it is installed.
    pub other_time: Option<PathBuf>,
    binary: PathBuf,
    secret: String,
    /// Holds SQLite's file and whatever commands read.
    home: Guardian,
}

impl Ground {
    /// Starts everything; servers last.
    ///
    /// # Errors
    /// What went wrong.
    ///
    /// # Panics
    /// When a service is not installed or does not start: see [`services`].
    pub fn start(kind: Kind, binary: &Path, secret: [u8; 32], seed: u64) -> Result<Arc<Self>, String> {
        let home = Guardian::new("torture", "KILL");
        let megabytes = if kind == Kind::Sqlite { SQLITE_DISK } else { 1 };
        let no_disk = home.mount("disk", megabytes).err();
        let (mut postgres, mut redis) = (None, None);
        if kind == Kind::PostgresRedis {
            let started =
                if no_disk.is_some() { Postgres::start() } else { Postgres::start_on_disk(POSTGRES_DISK) };
            started.create_database(DATABASE);
            (postgres, redis) = (Some(started), Some(Redis::start()));
        }
        let ports: Vec<u16> = (0..kind.servers()).map(|_| free_port()).collect();
        let runtime = tokio::runtime::Handle::current();
        let link = |target: u16, number: u64| {
            runtime
                .block_on(Link::new(target, false, seed ^ (number << 40)))
                .map_err(|error| error.to_string())
        };
        let links = |target: u16, first: u64| -> Result<Vec<Link>, String> {
            (0..ports.len() as u64).map(|number| link(target, first + number)).collect()
        };
        let databases = postgres.as_ref().map(|it| links(it.port(), 10)).transpose()?.unwrap_or_default();
        let caches = redis.as_ref().map(|it| links(it.port(), 20)).transpose()?.unwrap_or_default();
        let before = ports.iter().zip(30..).map(|(port, number)| link(*port, number));
        let before: Vec<Link> = before.collect::<Result<_, _>>()?;
        let nginx = start_nginx(&before);
        let front = runtime.block_on(Link::new(nginx.ports().http, true, seed ^ (40 << 40)));
        let front = front.map_err(|error| error.to_string())?;
        let mut ground = Self {
            kind,
            servers: Vec::new(),
            postgres,
            redis,
            nginx,
            links: Links { front, servers: before, databases, caches },
            no_disk,
            other_time: other_time(),
            binary: binary.to_owned(),
            secret: hex::encode(secret),
            home,
        };
        ground.servers = ports
            .iter()
            .enumerate()
            .map(|(number, port)| Server::new(binary, *port, &ground.settings(Some(number))))
            .collect();
        for server in &ground.servers {
            server.start()?;
        }
        Ok(Arc::new(ground))
    }

    /// Settings of a server, which reaches its parts through its links; or of a command, which goes straight.
    fn settings(&self, server: Option<usize>) -> Vec<(String, String)> {
        let mut settings = vec![
            ("DATABASE_URL", self.database_url(server)),
            ("DRAWBRIDGE_LOG", "warn".to_owned()),
            ("DRAWBRIDGE_LOG_FORMAT", "pretty".to_owned()),
            ("DRAWBRIDGE_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
        ];
        if self.kind == Kind::PostgresRedis {
            settings.push(("DRAWBRIDGE_SECRET", self.secret.clone()));
        }
        if let Some(link) = server.and_then(|number| self.links.caches.get(number)) {
            settings.push(("REDIS_URL", format!("redis://127.0.0.1:{}", link.port())));
        }
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Where the database is, for a server or without detours.
    pub fn database_url(&self, server: Option<usize>) -> String {
        match (&self.postgres, server.and_then(|number| self.links.databases.get(number))) {
            (Some(_), Some(link)) => format!("postgres://postgres@127.0.0.1:{}/{DATABASE}", link.port()),
            (Some(postgres), None) => postgres.url(DATABASE),
            (None, _) => format!("sqlite://{}", self.disk().join("drawbridge.db").display()),
        }
    }

    /// Where the database keeps its files.
    fn disk(&self) -> PathBuf {
        match &self.postgres {
            Some(postgres) => postgres.data(),
            // A folder like any other where nothing may be mounted.
            None => self.home.folder().join("disk"),
        }
    }

    /// Runs a command of the binary, for a minute at most.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn run(&self, arguments: &[&str]) -> Result<Output, String> {
        let mut command = Command::new("timeout");
        command.arg("60").arg(&self.binary).args(arguments).env_clear().envs(self.settings(None));
        let output = command.current_dir(self.home.folder()).stdin(Stdio::null()).output();
        output.map_err(|error| format!("drawbridge {}: {error}", arguments.join(" ")))
    }

    /// Runs a command that has to succeed; what it says.
    ///
    /// # Errors
    /// What it complains of.
    pub fn demand(&self, arguments: &[&str]) -> Result<String, String> {
        let Output { status, stdout, stderr } = self.run(arguments)?;
        let said = String::from_utf8_lossy(&stdout).into_owned();
        if status.success() {
            return Ok(said);
        }
        let line = arguments.join(" ");
        Err(format!("drawbridge {line}: {status}\n{said}{}", String::from_utf8_lossy(&stderr)))
    }

    /// Writes a file that commands can read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.home.folder().join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// Leaves the database no room at all; how many megabytes that took.
    ///
    /// # Errors
    /// When the disk cannot be written to.
    pub fn fill_disk(&self) -> Result<usize, String> {
        let chunk = vec![0; 1 << 20];
        let mut ballast = File::create(self.ballast()).map_err(|error| error.to_string())?;
        for megabytes in 0..4096 {
            if ballast.write_all(&chunk).is_err() {
                return Ok(megabytes);
            }
        }
        Err("the disk does not end".to_owned())
    }

    /// Gives the room back.
    ///
    /// # Errors
    /// When the ballast cannot be removed.
    pub fn free_disk(&self) -> Result<(), String> {
        std::fs::remove_file(self.ballast()).map_err(|error| error.to_string())
    }

    fn ballast(&self) -> PathBuf {
        self.disk().join("ballast")
    }

    /// Variables that let a process started with them see another time; `None` is the true one.
    ///
    /// # Errors
    /// When the library is not installed.
    pub fn time(&self, offset: Option<&str>) -> Result<Vec<(String, String)>, String> {
        let Some(offset) = offset else { return Ok(Vec::new()) };
        let library = self.other_time.as_ref().ok_or("libfaketime is not installed")?;
        Ok([
            ("LD_PRELOAD", &*library.to_string_lossy()),
            ("FAKETIME", offset),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into())
    }
}

/// Debian's libfaketime, whatever the machine's architecture.
fn other_time() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten();
    folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|library| library.is_file())
}

/// nginx as it ships, before servers on these links. With one server it is in all three places.
fn start_nginx(servers: &[Link]) -> Nginx {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let mut list = std::fs::read_to_string(deploy.join("drawbridge/servers.conf")).unwrap_or_default();
    for (example, link) in [3001, 3002, 3003].into_iter().zip(servers.iter().cycle()) {
        let example = format!("127.0.0.1:{example} ");
        assert!(list.contains(&example), "the shipped file has a server at {example}");
        list = list.replace(&example, &format!("127.0.0.1:{} ", link.port()));
    }
    Nginx::start(&deploy.join("nginx.conf"), |Ports { http, https }| {
        let listen = format!(
            "listen 127.0.0.1:{http} backlog=4096;\nlisten 127.0.0.1:{https} ssl http2;\n\
             ssl_certificate certificate.pem;\nssl_certificate_key key.pem;\n"
        );
        vec![
            ("drawbridge/servers.conf", list.clone()),
            ("drawbridge/listen.conf", listen),
            ("drawbridge/machine.conf", MACHINE.to_owned()),
        ]
    })
}
