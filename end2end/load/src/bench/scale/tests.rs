//! A draw that was filled is one that a server would have left, by the server's own account.

use std::collections::BTreeSet;
use std::sync::Arc;

use server::ambient::Ambient;
use server::draws::file;
use server::http::admin::csv;
use server::secrets::{Keys, Secret};
use server::store::draws::Actor;
use server::store::listing::{EntryState, Exact, Filter, Order, Window};
use server::store::postgres::PostgresStore;
use server::store::{Draw, Draws as _, Listing as _, Upkeep as _};
use services::{OwnDatabase, shared as running};

use super::*;

const COUNT: u64 = 1000;

fn keys() -> Keys {
    Keys::new(&Secret::from_hex(SECRET).expect("a secret"), None)
}

async fn empty(database: &OwnDatabase) -> (Arc<PostgresStore>, Draw) {
    let store =
        PostgresStore::open(database.url(), Ambient::system(), Arc::new(keys())).await.expect("opens");
    let (spec, state) = file::parse(&draw::file(draw::SLUG)).expect("a draw").remove(0);
    store.apply_draw(&spec, state, &Actor::CommandLine).await.expect("creates");
    let draw = store.draw(draw::SLUG).await.expect("reads").expect("is there");
    (Arc::new(store), draw)
}

/// Every index by its definition, without names, which PostgreSQL makes up for those of partitions.
fn indexes(database: &OwnDatabase) -> BTreeSet<String> {
    let found = database.sql(
        "SELECT CONCAT_WS(' ', indrelid::REGCLASS, indisprimary, indisunique, indisvalid,
             SUBSTRING(pg_get_indexdef(indexrelid) FROM ' USING .*'),
             (SELECT conname FROM pg_constraint WHERE conindid = indexrelid AND conparentid = 0))
         FROM pg_index WHERE indrelid >= 16384",
    );
    found.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filled_draw_is_listed_exported_and_reconciled() {
    let database = running::postgres().own_database();
    let (store, draw) = empty(&database).await;
    let before = indexes(&database);
    let url = database.url().to_owned();
    let filled =
        tokio::task::spawn_blocking(move || fill::fill(&url, draw::SLUG, SECRET, COUNT)).await.expect("ends");
    let filled = filled.expect("fills");
    assert_eq!(indexes(&database), before, "indexes are what the migrations left");
    assert!(before.len() > 40, "those of partitions are among them");

    assert_eq!(store.reconcile(&keys()).await.expect("reads").0, Vec::<String>::new());
    assert_eq!((filled.live + filled.ended, filled.ended > 0), (COUNT, true));
    let live = i64::try_from(filled.live).expect("few");
    let counts = store.live_counts(draw.id).await.expect("counts");
    assert_eq!(counts.taken, live);
    assert!((1..live).contains(&counts.last_hour), "{} of {live}", counts.last_hour);

    let mut written = Vec::new();
    csv::write_to(store.clone(), draw.id, &mut written).await.expect("exports");
    assert_eq!(written.iter().filter(|byte| **byte == b'\n').count() as u64, filled.live + 1);

    let somebody = (0..COUNT).map(|number| filled.people.entry(number).expect("somebody"));
    let (ended, live): (Vec<_>, Vec<_>) = somebody.partition(|made| made.ending.is_some());
    for made in [&live[0], &live[live.len() - 1], &ended[0]] {
        let person = keys().person(draw.id, &made.email.canonical);
        for exact in [Exact::Person(person), Exact::Receipt(made.receipt.clone())] {
            let found = store.find_entries(draw.id, &exact).await.expect("finds");
            assert_eq!(found.iter().map(|line| line.id).collect::<Vec<_>>(), [made.id], "{exact:?}");
        }
    }
    let filter = Filter { state: EntryState::Withdrawn, ..Filter::default() };
    let page = store.entries(draw.id, &filter, Order::Oldest, &Window::First).await.expect("lists");
    let withdrawn = ended.iter().filter(|made| made.ending.is_some_and(|ending| ending.name == "withdrawn"));
    assert_eq!(page.rows.len(), withdrawn.take(50).count());
}
