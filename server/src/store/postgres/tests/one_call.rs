//! A batch in one call does what its statements do, or nothing.

use services::{OwnDatabase, shared as running};

use super::{bench, keys, noon};
use crate::admission::protocol::Pass;
use crate::store::conformance::{Bench, HOUR};
use crate::store::draws::{Actor, Draw};
use crate::store::entries::NewEntry;
use crate::store::losers::Losers;
use crate::store::postgres::PostgresStore;

/// Everything that a batch writes, as text. Ids of the outbox are the only thing that two ways cannot have in common.
fn written(database: &OwnDatabase) -> String {
    let tables = [
        "SELECT e::TEXT FROM entries e ORDER BY 1",
        "SELECT c::TEXT FROM claims c ORDER BY 1",
        "SELECT SUM(taken)::TEXT FROM counters",
        "SELECT (entry_id, destination, child_key, state, attempts, due_at, created_at)::TEXT FROM outbox ORDER BY 1",
    ];
    let parts = tables.map(|rows| running::postgres().sql(database.name(), rows));
    parts.join("\n--\n")
}

async fn store(database: &OwnDatabase, bench: &Bench) -> PostgresStore {
    PostgresStore::open(database.url(), bench.ambient.clone(), keys()).await.expect("opens")
}

/// Whether a batch is as little to a call that expects losers as to one that does not.
async fn is_refused(store: &mut PostgresStore, draw: &Draw, batch: &[NewEntry]) -> bool {
    store.losers = Losers::default();
    let without_looking = call(store, draw, batch).await;
    store.losers.note(true);
    without_looking.is_none() && call(store, draw, batch).await.is_none()
}

async fn call(store: &PostgresStore, draw: &Draw, batch: &[NewEntry]) -> Option<Vec<usize>> {
    let live: Vec<usize> = (0..batch.len()).collect();
    let pass = store.try_in_one_call(draw.id, batch, &live).await.expect("the database answers")?;
    let Pass::Committed { mut created, .. } = pass else { panic!("{pass:?}") };
    created.sort_unstable();
    Some(created)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_writes_what_the_statements_write() {
    let (by_call, by_statements) = (running::postgres().own_database(), running::postgres().own_database());
    let clock = noon();
    let first = bench(&by_call, &clock).await;
    let second = bench(&by_statements, &clock).await;
    for capacity in [None, Some(4)] {
        let slug = format!("both-{}", capacity.is_some());
        let edit = |spec: &mut crate::store::draws::DrawSpec| {
            spec.capacity = capacity;
            spec.destinations = vec!["confirmation".to_owned(), "roster".to_owned()];
        };
        let draw = first.draw(&slug, edit).await;
        let twin = second.draw(&slug, edit).await;
        // The same draw in both, by its id.
        let takes_over = format!(
            "UPDATE counters SET draw_id = '{0}' WHERE draw_id = '{1}'; UPDATE draws SET id = '{0}' WHERE id = '{1}'",
            draw.id, twin.id
        );
        running::postgres().sql(by_statements.name(), &takes_over);
        // The second is the first one's person: it loses, and others do not lose with it.
        let batch = [
            first.entry(&draw, "ada", Some("+441632960001"), None),
            first.entry(&draw, "ada", Some("+441632960002"), None),
            first.entry(&draw, "zoë", None, Some("M7")),
            first.entry(&draw, "bob", Some("+441632960002"), None),
        ];
        let everybody_new = [first.entry(&draw, "dan", Some("+441632960003"), None)];
        let calling = store(&by_call, &first).await;
        let statements = store(&by_statements, &second).await;
        assert_eq!(call(&calling, &draw, &batch).await, None, "no loser was expected");
        assert_eq!(call(&calling, &draw, &batch).await, Some(vec![0, 2, 3]));
        let pass = statements.try_pass(draw.id, &batch, &[0, 1, 2, 3]).await;
        assert!(matches!(pass, Ok(Pass::Committed { created, .. }) if created.len() == 3));
        let calling = store(&by_call, &first).await;
        assert_eq!(call(&calling, &draw, &everybody_new).await, Some(vec![0]), "none was there");
        let pass = statements.try_pass(draw.id, &everybody_new, &[0]).await;
        assert!(matches!(pass, Ok(Pass::Committed { created, .. }) if created.len() == 1));
    }
    let one = written(&by_call);
    assert!(one.contains("zoë") && one.contains("roster"), "{one}");
    assert_eq!(one, written(&by_statements));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_usual_leaves_nothing_behind() {
    let database = running::postgres().own_database();
    let clock = noon();
    let bench = bench(&database, &clock).await;
    let mut store = store(&database, &bench).await;
    let draw = bench.draw("unusual", |spec| spec.capacity = Some(3)).await;
    let ada = bench.entry(&draw, "ada", Some("+441632960001"), None);
    assert_eq!(call(&store, &draw, &[ada]).await, Some(vec![0]));
    let before = written(&database);

    let fresh = |name: &str| bench.entry(&draw, name, None, None);
    let taken = bench.entry(&draw, "bob", Some("+441632960001"), None);
    let unlike = NewEntry { draw_version: draw.version + 1, ..fresh("cat") };
    let too_many = ["dan", "eve", "fay"].map(&fresh);
    let draft = bench.entry(&draw, "gus", None, None);
    assert!(is_refused(&mut store, &draw, &[fresh("hal"), taken]).await, "a claim of another's");
    assert!(is_refused(&mut store, &draw, std::slice::from_ref(&unlike)).await, "judged by another version");
    assert!(is_refused(&mut store, &draw, &[fresh("hal"), unlike]).await, "by different ones");
    assert!(is_refused(&mut store, &draw, &too_many).await, "more than there is room for");
    running::postgres().sql(database.name(), "UPDATE counters SET taken = 3 WHERE shard = 0");
    assert!(is_refused(&mut store, &draw, &[fresh("hal")]).await, "full");
    running::postgres().sql(database.name(), "UPDATE counters SET taken = 1 WHERE shard = 0");
    clock.advance(HOUR);
    assert!(is_refused(&mut store, &draw, std::slice::from_ref(&draft)).await, "over");
    clock.advance(-2 * HOUR);
    assert!(is_refused(&mut store, &draw, std::slice::from_ref(&draft)).await, "not open yet");
    clock.advance(HOUR);
    bench.store.change_state("unusual", shared::Action::Close, &Actor::CommandLine).await.expect("closes");
    let closed = NewEntry { draw_version: bench.reload("unusual").await.version, ..draft };
    assert!(is_refused(&mut store, &draw, &[closed]).await, "closed");
    assert_eq!(written(&database), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_databases_own_isolation_does_not_matter() {
    let database = running::postgres().own_database();
    let sets =
        format!("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'", database.name());
    running::postgres().sql("postgres", &sets);
    let bench = bench(&database, &noon()).await;
    let store = store(&database, &bench).await;
    for gate in [&store.batches, &store.writing, &store.reading] {
        let mut lent = gate.lend().await.expect("connects");
        let isolation: String =
            sqlx::query_scalar("SHOW transaction_isolation").fetch_one(lent.get()).await.expect("says");
        assert_eq!(isolation, "read committed");
        lent.give_back();
    }
}
