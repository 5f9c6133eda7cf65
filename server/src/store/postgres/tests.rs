//! Against a PostgreSQL server of their own.

use std::sync::Arc;

use super::*;
use crate::ambient::ManualClock;
use crate::secrets::Secret;
use crate::store::conformance::{self, Bench, NOON};

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_conforms() {
    let url = services::shared::postgres().create_database("conformance");
    let clock = Arc::new(ManualClock::at(NOON));
    let ambient = Ambient::with_clock(clock.clone());
    let keys = Arc::new(Keys::new(&Secret::new([1; 32]), None));
    let store = PostgresStore::open(&url, ambient.clone(), Arc::clone(&keys)).await.expect("opens");
    conformance::run(Bench { store: Arc::new(store), clock, ambient, keys }).await;
}
