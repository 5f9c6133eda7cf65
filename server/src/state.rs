//! What every handler can reach, and how it is put together.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use app::models::{Assets, Chrome};

use crate::admission::Admission;
use crate::admission::batch::Batches;
use crate::admission::flights::Flights;
use crate::admission::limiter::Limiter;
use crate::admission::lookups::LookUps;
use crate::admission::remembered::{MEMORY_BYTES, Memory, SHARED_BYTES};
use crate::ambient::Ambient;
use crate::config::{Config, Database, Origin, secret_file};
use crate::coordination::{self, Coordination, CoordinationError};
use crate::draws::DrawBook;
use crate::http::Context;
use crate::http::pages::shells::Shells;
use crate::integrators::KeyBook;
use crate::secrets::{Keys, Secret, same};
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};
use crate::telemetry::Tally;

/// A server's state: cheap to clone.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

/// What [`App`] points to.
#[derive(Debug)]
pub struct Inner {
    /// Settings.
    pub config: Config,
    /// The origin the world sees.
    pub public_url: Origin,
    /// Time and randomness.
    pub ambient: Ambient,
    /// Subkeys.
    pub keys: Arc<Keys>,
    /// The database.
    pub store: Arc<dyn Store>,
    /// What servers share.
    pub shared: Arc<dyn Coordination>,
    /// Draws, through a short-lived copy.
    pub draws: Arc<DrawBook>,
    /// The admission path.
    pub admission: Arc<Admission>,
    /// Counts that are flushed each minute.
    pub tally: Tally,
    /// The pages of open draws.
    pub shells: Shells,
    /// Passwords of organisers.
    pub passwords: crate::passwords::Passwords,
    /// Addresses of the assets.
    pub assets: Assets,
    draining: AtomicBool,
}

/// Why a server does not start: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error("DATABASE_URL: the database cannot be used: {0}")]
    Store(#[from] StoreError),
    /// What servers share.
    #[error("REDIS_URL: {0}")]
    Coordination(#[from] CoordinationError),
    /// The secret's file.
    #[error("the secret in {path} cannot be used: {why}")]
    Secret {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// No secret, and no file to keep one in.
    #[error("DRAWBRIDGE_SECRET: has to be set with PostgreSQL")]
    NoSecret,
    /// Another secret than the database was made with.
    #[error(
        "DRAWBRIDGE_SECRET: this database was made with another secret; with this one nobody who is registered would be recognised"
    )]
    OtherSecret,
    /// The assets are not in the binary.
    #[error("the binary was built without its assets: {0}")]
    Assets(String),
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The parts that commands without a server need as well.
#[derive(Debug)]
pub struct Foundation {
    /// Subkeys.
    pub keys: Arc<Keys>,
    /// The database, migrated.
    pub store: Arc<dyn Store>,
}

impl Foundation {
    /// Opens the database, with the secret that belongs to it.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn open(config: &Config, ambient: &Ambient) -> Result<Self, StartError> {
        let secret = match (&config.secret, &config.database) {
            (Some(secret), _) => secret.clone(),
            (None, Database::Sqlite { path }) => secret_beside(&secret_file(path), ambient)?,
            (None, Database::Postgres { .. }) => return Err(StartError::NoSecret),
        };
        let keys = Arc::new(Keys::new(&secret, config.secret_previous.as_ref()));
        let store: Arc<dyn Store> = match &config.database {
            Database::Sqlite { path } => {
                Arc::new(SqliteStore::open(path, ambient.clone(), Arc::clone(&keys)).await?)
            }
            Database::Postgres { url } => {
                Arc::new(PostgresStore::open(url, ambient.clone(), Arc::clone(&keys)).await?)
            }
        };
        let ours = keys.identity_check();
        if !same(&store.identity_check(&ours).await?, &ours) {
            return Err(StartError::OtherSecret);
        }
        Ok(Self { keys, store })
    }
}

impl App {
    /// Puts a server together.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn new(config: Config, listening: SocketAddr, ambient: Ambient) -> Result<Self, StartError> {
        let Foundation { keys, store } = Foundation::open(&config, &ambient).await?;
        let public_url = config.public_url.clone().unwrap_or_else(|| Origin::of_address(listening));
        let shared = coordination::connect(config.redis.as_ref(), &ambient, SHARED_BYTES)?;
        let draws = Arc::new(DrawBook::new(Arc::clone(&store)));
        let admission = Arc::new(Admission {
            ambient: ambient.clone(),
            keys: Arc::clone(&keys),
            store: Arc::clone(&store),
            shared: Arc::clone(&shared),
            epoch: store.epoch().await?,
            draws: Arc::clone(&draws),
            integrators: KeyBook::new(Arc::clone(&store), ambient.clone()),
            batches: Batches::start(Arc::clone(&store)),
            memory: Memory::new(MEMORY_BYTES),
            flights: Flights::default(),
            limiter: Limiter::default(),
            look_ups: LookUps::start(Arc::clone(&store)),
            address_rate: config.ip_rate,
            person_rate: config.person_rate,
        });
        Ok(Self(Arc::new(Inner {
            public_url,
            ambient,
            keys,
            store,
            shared,
            draws,
            admission,
            shells: Shells::default(),
            tally: Tally::default(),
            passwords: crate::passwords::Passwords::new(),
            assets: crate::http::assets::addresses().map_err(StartError::Assets)?,
            draining: AtomicBool::new(false),
            config,
        })))
    }

    /// What surrounds a page in answer to a request.
    pub fn chrome(&self, context: &Context) -> Chrome {
        Chrome { nonce: context.nonce.as_deref().unwrap_or_default().to_owned(), ..self.plain_chrome() }
    }

    /// What surrounds a page whoever asked for it: its scripts carry no nonce yet.
    pub fn plain_chrome(&self) -> Chrome {
        Chrome { assets: self.assets.clone(), ..Chrome::default() }
    }

    /// From now on the server is not ready: a load balancer sends nothing new.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Whether the server is about to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }
}

/// The secret in the file beside the database; made once, readable by its owner only.
fn secret_beside(path: &Path, ambient: &Ambient) -> Result<Secret, StartError> {
    use std::io::{ErrorKind, Write as _};
    use std::os::unix::fs::OpenOptionsExt as _;

    let fault = |why: String| StartError::Secret { path: path.display().to_string(), why };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| fault(error.to_string()))?;
    }
    let read = || -> Result<Secret, StartError> {
        let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        Secret::from_hex(&text).ok_or_else(|| fault("it does not hold 64 hexadecimal digits".to_owned()))
    };
    match std::fs::metadata(path) {
        Ok(_) => return read(),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(fault(error.to_string())),
    }
    // Written whole under another name and then linked: two servers that start together agree on one, and a
    // crash leaves none that is half written.
    let secret = Secret::new(ambient.random());
    let draft = path.with_extension(format!("secret-{}", hex::encode(ambient.random::<8>())));
    let written = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).and_then(
        |mut file| {
            file.write_all(secret.to_hex().as_bytes())?;
            file.sync_all()?;
            match std::fs::hard_link(&draft, path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            }
        },
    );
    let removed = std::fs::remove_file(&draft);
    // The folder as well: a power cut must not keep the database and lose its secret.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let kept = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    written.and(removed).and(kept).map_err(|error| fault(error.to_string()))?;
    read()
}
