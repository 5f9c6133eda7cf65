//! What cases stand on: a database, a clock that stands still, and ways to put servers together over them.
//! `DRAWBRIDGE_TEST_BACKENDS` chooses: `sqlite` (the default), `postgres`, `postgres+redis` or `postgres+cluster`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use server::admission::Admission;
use server::admission::batch::Batches;
use server::admission::flights::Flights;
use server::admission::limiter::Limiter;
use server::admission::lookups::LookUps;
use server::admission::remembered::Memory;
use server::ambient::{Ambient, ManualClock};
use server::config;
use server::coordination::{self, Coordination};
use server::draws::DrawBook;
use server::integrators::{ApiKey, KeyBook};
use server::secrets::{Keys, Secret};
use server::store::Store;
use server::store::draws::Actor;
use server::store::integrators::{Integrator, KeyAdded};
use server::store::postgres::PostgresStore;
use server::store::sqlite::SqliteStore;
use services::{OwnDatabase, shared};
use tokio::runtime::Runtime;

use crate::coverage::Coverage;
use crate::moody::Moody;
use crate::rows::Rows;

/// Where the clock stands when the first case begins.
const NOON: i64 = 1_790_000_000_000;
/// Bytes of outcomes that a server, or what servers share within a process, remembers.
const MEMORY_BYTES: u64 = 1 << 20;
/// Generous: what is slow here is the machine, and no case is about slowness.
const REDIS_TIMEOUT: Duration = Duration::from_secs(5);
/// Programs that register people.
const INTEGRATORS: [&str; 2] = ["box-office", "box"];

/// A combination of backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backends {
    Sqlite,
    Postgres,
    PostgresRedis,
    PostgresCluster,
}

impl Backends {
    /// The one this run was asked for.
    pub fn chosen() -> Self {
        match std::env::var("DRAWBRIDGE_TEST_BACKENDS").as_deref() {
            Err(_) | Ok("" | "sqlite") => Self::Sqlite,
            Ok("postgres") => Self::Postgres,
            Ok("postgres+redis") => Self::PostgresRedis,
            Ok("postgres+cluster") => Self::PostgresCluster,
            Ok(other) => panic!("DRAWBRIDGE_TEST_BACKENDS: {other:?} is no combination"),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::PostgresRedis => "postgres+redis",
            Self::PostgresCluster => "postgres+cluster",
        }
    }

    fn redis(self) -> Option<config::Redis> {
        let urls = match self {
            Self::Sqlite | Self::Postgres => return None,
            Self::PostgresRedis => vec![shared::redis().url()],
            Self::PostgresCluster => shared::cluster().nodes().iter().map(services::Redis::url).collect(),
        };
        Some(config::Redis { is_cluster: self == Self::PostgresCluster, urls, timeout: REDIS_TIMEOUT })
    }
}

/// How the servers of a case stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// They share outcomes and leases.
    Together,
    /// They share the database only.
    Apart,
}

/// What all cases of a run stand on.
pub struct Ground {
    pub backends: Backends,
    pub clock: Arc<ManualClock>,
    pub ambient: Ambient,
    pub keys: Arc<Keys>,
    pub integrators: Vec<(ApiKey, Arc<Integrator>)>,
    pub coverage: RefCell<Coverage>,
    pub rows: tokio::sync::Mutex<Rows>,
    /// The same database, opened as two servers do.
    stores: [Arc<dyn Store>; 2],
    redis: Option<config::Redis>,
    cases: Cell<u32>,
    // Last, so that they go last.
    _database: Option<OwnDatabase>,
    _folder: tempfile::TempDir,
}

thread_local! {
    /// Generators and cases are handed nothing: they find their ground here.
    static CURRENT: RefCell<Option<Rc<Ground>>> = const { RefCell::new(None) };
}

/// The runtime of all cases: requests of a burst run beside each other indeed.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().expect("a runtime")
    })
}

impl Ground {
    /// Lays the ground for this thread's cases.
    pub fn lay(backends: Backends) -> Rc<Self> {
        let ground = Rc::new(runtime().block_on(Self::new(backends)));
        CURRENT.set(Some(Rc::clone(&ground)));
        ground
    }

    /// What [`Self::lay`] laid.
    pub fn current() -> Rc<Self> {
        CURRENT.with_borrow(|ground| ground.clone().expect("the test lays it first"))
    }

    /// Takes it away from this thread.
    pub fn leave() {
        CURRENT.set(None);
    }

    async fn new(backends: Backends) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::at(NOON));
        let ambient = Ambient::with_clock(clock.clone());
        // Keys in Redis derive from the secret.
        let keys = Arc::new(Keys::new(&Secret::new(Ambient::system().random()), None));
        let database = (backends != Backends::Sqlite).then(|| shared::postgres().own_database());
        let path = folder.path().join("test.db");
        let open = || async {
            let (ambient, keys) = (ambient.clone(), Arc::clone(&keys));
            let store: Arc<dyn Store> = match &database {
                None => Arc::new(SqliteStore::open(&path, ambient, keys).await.expect("opens")),
                Some(database) => {
                    Arc::new(PostgresStore::open(database.url(), ambient, keys).await.expect("connects"))
                }
            };
            store
        };
        let stores = [open().await, open().await];
        let rows = match &database {
            None => Rows::of_sqlite(&path).await,
            Some(database) => Rows::of_postgres(database.url()).await,
        };
        let mut integrators = Vec::new();
        for name in INTEGRATORS {
            let key = ApiKey::new(&ambient);
            let added = stores[0].add_api_key(name, &key.hash(), &Actor::CommandLine).await.expect("adds");
            assert_eq!(added, KeyAdded::Created);
            let integrator = stores[0].integrator(&key.hash()).await.expect("reads").expect("is there");
            integrators.push((key, Arc::new(integrator)));
        }
        Self {
            backends,
            clock,
            ambient,
            keys,
            integrators,
            coverage: RefCell::default(),
            rows: tokio::sync::Mutex::new(rows),
            stores,
            redis: backends.redis(),
            cases: Cell::new(0),
            _database: database,
            _folder: folder,
        }
    }

    /// The layouts that make a difference on these backends.
    pub fn layouts(&self) -> &'static [Layout] {
        match self.redis {
            None => &[Layout::Together, Layout::Apart],
            Some(_) => &[Layout::Together],
        }
    }

    /// A number that no other case has.
    pub fn next_case(&self) -> u32 {
        self.cases.update(|cases| cases + 1);
        self.cases.get()
    }

    /// The database as a server sees it. Servers of one process share the one writer that SQLite has; all others
    /// open the database for themselves.
    pub fn store(&self, layout: Layout, server: usize) -> &Arc<dyn Store> {
        match (self.backends, layout) {
            (Backends::Sqlite, Layout::Together) => &self.stores[0],
            _ => &self.stores[server],
        }
    }

    /// What servers share, one for each server.
    pub fn shared(&self, layout: Layout, servers: usize) -> Vec<Arc<Moody>> {
        let moody = || Arc::new(Moody::new(self.backend()));
        match (&self.redis, layout) {
            (None, Layout::Together) => vec![moody(); servers],
            // Each has its own connections to Redis.
            _ => (0..servers).map(|_| moody()).collect(),
        }
    }

    fn backend(&self) -> Arc<dyn Coordination> {
        coordination::connect(self.redis.as_ref(), &self.ambient, MEMORY_BYTES).expect("an address")
    }

    /// What counters, rows, claims and person keys of all cases disagree about.
    pub async fn reconcile(&self) -> Vec<String> {
        self.stores[1].reconcile(&self.keys).await.expect("reads").0
    }

    /// Everything that is shared is lost.
    pub async fn wipe(&self, all: &[Arc<Moody>]) {
        let backends = self.backends;
        let flushed = tokio::task::spawn_blocking(move || match backends {
            Backends::Sqlite | Backends::Postgres => Vec::new(),
            Backends::PostgresRedis => vec![shared::redis().cli(&["flushall"])],
            Backends::PostgresCluster => shared::cluster().cli_each(&["flushall"]),
        });
        assert!(flushed.await.expect("asks").iter().all(|answer| answer == "OK"));
        if self.redis.is_none() {
            // One for all where all had the same.
            let fresh: Vec<_> = all.iter().map(|_| self.backend()).collect();
            for moody in all {
                let first = all.iter().position(|other| Arc::ptr_eq(other, moody)).unwrap_or_default();
                moody.replace(Arc::clone(&fresh[first]));
            }
        }
    }

    /// A server that has just started. Limits are off: they are no part of what is compared.
    pub async fn start(&self, store: &Arc<dyn Store>, shared: &Arc<Moody>) -> Arc<Admission> {
        Arc::new(Admission {
            ambient: self.ambient.clone(),
            keys: Arc::clone(&self.keys),
            store: Arc::clone(store),
            shared: Arc::clone(shared) as Arc<dyn Coordination>,
            epoch: store.epoch().await.expect("reads"),
            draws: Arc::new(DrawBook::new(Arc::clone(store))),
            integrators: KeyBook::new(Arc::clone(store), self.ambient.clone()),
            batches: Batches::start(Arc::clone(store)),
            memory: Memory::new(MEMORY_BYTES),
            flights: Flights::default(),
            limiter: Limiter::default(),
            look_ups: LookUps::start(Arc::clone(store)),
            address_rate: None,
            person_rate: None,
        })
    }
}
