//! What is SQLite's alone. What every database keeps is in `conformance`.

use sqlx::Connection as _;
use uuid::Uuid;

use super::*;
use crate::admission::protocol::{Pass, Shut};
use crate::ambient::ManualClock;
use crate::secrets::Secret;
use crate::store::conformance::{self, Bench, HOUR, NOON};
use crate::store::draws::{Actor, Draw, DrawSpec};
use crate::store::entries::NewEntry;
use crate::store::sql;
use crate::store::writing::Passes as _;

/// A folder with a database in it.
struct Ground {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, clock: Arc::new(ManualClock::at(NOON)) }
    }

    fn ambient(&self) -> Ambient {
        Ambient::with_clock(self.clock.clone())
    }

    fn keys() -> Arc<Keys> {
        Arc::new(Keys::new(&Secret::new([1; 32]), None))
    }

    async fn store(&self) -> SqliteStore {
        let path = self.folder.path().join("test.db");
        SqliteStore::open(&path, self.ambient(), Self::keys()).await.expect("opens")
    }

    async fn bench(&self) -> Bench {
        let store = Arc::new(self.store().await);
        Bench { store, clock: self.clock.clone(), ambient: self.ambient(), keys: Self::keys() }
    }
}

#[tokio::test]
async fn sqlite_conforms() {
    conformance::run(Ground::new().bench().await).await;
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing_behind() {
    let ground = Ground::new();
    let store = ground.store().await;
    for _ in 0..20 {
        let mut tx = store.gate.begin().await.expect("begins");
        sqlx::query("INSERT INTO meta (name, value) VALUES ('leaked', x'00')")
            .execute(tx.get())
            .await
            .expect("inserts");
        drop(tx);
        // As when a client hangs up while its request waits for the write lock.
        let begin = store.gate.begin();
        tokio::select! { biased; _ = begin => {}, () = std::future::ready(()) => {} }
    }
    let leaked: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM meta WHERE name = 'leaked'")
        .fetch_one(store.gate.begin().await.expect("begins").get())
        .await
        .expect("counts");
    assert_eq!(leaked, 0);
}

/// Reading them for each entry took minutes at thirty thousand entries.
#[tokio::test]
async fn reconciling_reads_all_claims_once() {
    let ground = Ground::new();
    let store = ground.store().await;
    let plan: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", sql::MISSING_CLAIMS)))
            .fetch_all(&store.readers)
            .await
            .expect("plans");
    let reads: Vec<_> = plan.iter().filter(|step| step.3.contains(" claims ")).collect();
    assert!(matches!(reads[..], [(.., step)] if !step.contains("JOIN")), "{plan:?}");
}

/// Everything that a batch writes. Ids of the outbox are the only thing that two ways cannot have in common.
async fn written(store: &SqliteStore) -> Vec<String> {
    let mut rows = Vec::new();
    for table in ["entries", "claims", "counters", "outbox"] {
        let columns: String = sqlx::query_scalar(
            "SELECT group_concat('quote(' || name || ')', '||') FROM pragma_table_info($1)
             WHERE $1 <> 'outbox' OR name <> 'id'",
        )
        .bind(table)
        .fetch_one(&store.readers)
        .await
        .expect("names columns");
        let all = sqlx::AssertSqlSafe(format!("SELECT {columns} FROM {table} ORDER BY 1"));
        rows.extend(sqlx::query_scalar::<_, String>(all).fetch_all(&store.readers).await.expect("reads"));
    }
    rows
}

async fn tamper(store: &SqliteStore, statement: &str) {
    let mut tx = store.gate.begin().await.expect("begins");
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(tx.get()).await.expect("tampers");
    tx.commit().await.expect("commits");
}

async fn at_once(store: &SqliteStore, draw: &Draw, batch: &[NewEntry]) -> Option<Pass> {
    let live: Vec<usize> = (0..batch.len()).collect();
    store.try_at_once(draw.id, batch, &live).await.expect("the database answers")
}

async fn by_statements(store: &SqliteStore, draw: &Draw, batch: &[NewEntry]) -> Pass {
    let live: Vec<usize> = (0..batch.len()).collect();
    store.try_pass(draw.id, batch, &live).await.expect("the database answers")
}

fn created(pass: &Pass) -> Vec<usize> {
    let Pass::Committed { created, registered_at: NOON } = pass else { panic!("{pass:?}") };
    let mut created = created.clone();
    created.sort_unstable();
    created
}

#[tokio::test]
async fn at_once_is_written_what_the_statements_write() {
    let (one, two) = (Ground::new(), Ground::new());
    let (first, second) = (one.bench().await, two.bench().await);
    let edit = |spec: &mut DrawSpec| {
        spec.capacity = Some(8);
        spec.destinations = vec!["confirmation".to_owned(), "roster".to_owned()];
    };
    let draw = first.draw("both", edit).await;
    let twin = second.draw("both", edit).await;
    let (calling, statements) = (one.store().await, two.store().await);
    // The same draw in both, by its id.
    for table in ["draws SET id", "counters SET draw_id"] {
        let column = table.rsplit(' ').next().expect("a column");
        let takes_over = format!(
            "UPDATE {table} = x'{}' WHERE {column} = x'{}'",
            draw.id.as_simple(),
            twin.id.as_simple()
        );
        tamper(&statements, &takes_over).await;
    }
    // Sizes that are no power of two, and more claims than entries.
    let batches = [
        vec![first.entry(&draw, "ada", Some("+441632960001"), None)],
        vec![
            first.entry(&draw, "zoë", None, Some("M7")),
            first.entry(&draw, "bob", Some("+441632960002"), None),
            first.entry(&draw, "cat", Some("+441632960003"), None),
        ],
    ];
    for batch in batches {
        let all: Vec<usize> = (0..batch.len()).collect();
        assert_eq!(created(&at_once(&calling, &draw, &batch).await.expect("is as usual")), all);
        assert_eq!(created(&by_statements(&statements, &draw, &batch).await), all);
    }
    let rows = written(&calling).await;
    // Entries, claims, the counter, and two of the outbox an entry.
    assert_eq!(rows.len(), 4 + 8 + 1 + 8, "{rows:#?}");
    assert_eq!(rows, written(&statements).await);
}

#[tokio::test]
async fn what_is_not_as_usual_leaves_nothing_behind() {
    let ground = Ground::new();
    let (bench, store) = (ground.bench().await, ground.store().await);
    let draw = bench.draw("unusual", |spec| spec.capacity = Some(3)).await;
    let ada = bench.entry(&draw, "ada", Some("+441632960001"), None);
    assert!(at_once(&store, &draw, std::slice::from_ref(&ada)).await.is_some());
    let before = written(&store).await;

    let fresh = |name: &str| bench.entry(&draw, name, None, None);
    let same_person = bench.entry(&draw, "ada", None, None);
    let same_phone = bench.entry(&draw, "bob", Some("+441632960001"), None);
    let too_many = ["dan", "eve", "fay"].map(&fresh);
    let mut unlike_the_rules = fresh("gus");
    unlike_the_rules.entry.party_size = 101;
    for (what, batch) in [
        ("sent again", vec![fresh("hal"), ada]),
        ("the same person", vec![same_person, fresh("hal")]),
        ("a claim of another's", vec![fresh("hal"), same_phone]),
        ("more than there is room for", too_many.to_vec()),
        ("a row that breaks a rule", vec![fresh("hal"), unlike_the_rules]),
    ] {
        assert!(!store.losers.are_expected(), "{what}");
        assert_eq!(at_once(&store, &draw, &batch).await, None, "{what}");
        assert!(store.losers.are_expected(), "{what}");
        assert_eq!(written(&store).await, before, "{what}");
        for _ in 0..100 {
            store.losers.note(false);
        }
    }

    let late = fresh("ivy");
    let changed = NewEntry { draw_version: draw.version + 1, ..fresh("joe") };
    assert_eq!(at_once(&store, &draw, &[fresh("hal"), changed]).await, Some(Pass::DrawChanged));
    ground.clock.advance(HOUR);
    let over = at_once(&store, &draw, std::slice::from_ref(&late)).await;
    assert!(matches!(over, Some(Pass::Shut(Shut::Over))), "{over:?}");
    ground.clock.advance(-HOUR);
    bench.store.change_state("unusual", shared::Action::Close, &Actor::CommandLine).await.expect("closes");
    let closed = at_once(&store, &draw, std::slice::from_ref(&late)).await;
    assert!(matches!(closed, Some(Pass::Shut(_))), "{closed:?}");
    assert_eq!(written(&store).await, before);
}

#[tokio::test]
async fn nobody_is_let_in_uncounted() {
    let ground = Ground::new();
    let (bench, store) = (ground.bench().await, ground.store().await);
    let draw = bench.draw("uncounted", |_| {}).await;
    let ada = [bench.entry(&draw, "ada", None, None)];
    tamper(&store, "DELETE FROM counters").await;
    assert_eq!(at_once(&store, &draw, &ada).await, None);
    assert!(store.pass(draw.id, &ada, &[0]).await.is_err());
    assert_eq!(written(&store).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_known_size_of_batch_is_not_prepared_again() {
    let ground = Ground::new();
    let (bench, store) = (ground.bench().await, ground.store().await);
    let draw = bench.draw("sizes", |_| {}).await;
    let mut prepared = Vec::new();
    for size in [8, 5, 6, 7, 9] {
        let people =
            (0..size).map(|at| bench.entry(&draw, &Uuid::from_u128(size * 100 + at).to_string(), None, None));
        let batch: Vec<NewEntry> = people.collect();
        assert!(at_once(&store, &draw, &batch).await.is_some());
        let mut tx = store.gate.begin().await.expect("begins");
        // Counted after what was asked last has been answered.
        tx.get().ping().await.expect("answers");
        prepared.push(tx.get().cached_statements_size());
    }
    // What begins and ends the looking is prepared beside the first.
    let new = prepared[4];
    assert_eq!(prepared[1..4], [new - 1; 3], "{prepared:?}");
}
