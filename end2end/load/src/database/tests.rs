//! What is stored, and what of it is told to be wrong.

use super::*;
use crate::work::Acknowledged;

const RUN: &str = "abcdefgh";
const NOW: i64 = 1_800_000_000_000;

/// A database of the shipped schema with people of the run in it.
struct Ground {
    folder: tempfile::TempDir,
    url: String,
    draw: Uuid,
}

impl Ground {
    async fn new(people: &[u32]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("d.db").display());
        let mut database = SqliteConnection::connect(&url).await.unwrap();
        sqlx::migrate!("../../migrations/sqlite").run_direct(None, &mut database, false).await.unwrap();
        let ground = Self { folder, url, draw: Uuid::from_u128(7) };
        sqlx::query(
            "INSERT INTO draws (id, slug, title, description, timezone, opens_at, closes_at, mode, rules,
                destinations, state, version, created_at, updated_at)
             VALUES ($1, 'load', 'Load', '', 'Europe/London', 0, $2, 'lenient', '{}', '[]', 'announced', 1, 0, 0)",
        )
        .bind(ground.draw)
        .bind(NOW * 2)
        .execute(&mut database)
        .await
        .unwrap();
        for person in people {
            ground.insert(&mut database, *person, *person).await;
        }
        ground.count(&mut database, people.len()).await;
        ground
    }

    async fn database(&self) -> SqliteConnection {
        SqliteConnection::connect(&self.url).await.unwrap()
    }

    async fn insert(&self, database: &mut SqliteConnection, person: u32, entry: u32) {
        let email = format!("p{person:09}.{RUN}@load.example");
        sqlx::query(
            "INSERT INTO entries (draw_id, bucket, person_key, id, receipt, fingerprint, fingerprint_version,
                full_name, name_key, email, email_canonical, party_size, terms_version, registered_at)
             VALUES ($1, 1, $2, $3, $4, $5, 1, 'Ada', 'ada', $6, $6, 1, 1, $7)",
        )
        .bind(self.draw)
        .bind([&[0; 28][..], &entry.to_be_bytes()].concat())
        .bind(id(entry))
        .bind(format!("{entry:028}"))
        .bind(vec![0; 32])
        .bind(email)
        .bind(NOW + i64::from(entry))
        .execute(database)
        .await
        .unwrap();
    }

    async fn count(&self, database: &mut SqliteConnection, taken: usize) {
        let statement = "INSERT INTO counters (draw_id, shard, taken) VALUES ($1, 0, $2)
            ON CONFLICT (draw_id, shard) DO UPDATE SET taken = excluded.taken";
        let taken = i64::try_from(taken).unwrap();
        sqlx::query(statement).bind(self.draw).bind(taken).execute(database).await.unwrap();
    }

    async fn check(&self, ledger: &Ledger) -> Found {
        assert!(self.folder.path().exists());
        check(&self.url, "load", RUN, ledger).await.unwrap()
    }
}

/// An id as a server makes one.
fn id(entry: u32) -> Uuid {
    let mut bytes = [0; 10];
    bytes[6..].copy_from_slice(&entry.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(NOW).unwrap(), &bytes).into_uuid()
}

fn ledger(acknowledged: &[u32], unknown: &[u32]) -> Ledger {
    let known = |person: &u32| Acknowledged {
        person: *person,
        token: [0; 52],
        entry: id(*person).into_bytes(),
        body: 0,
    };
    Ledger { acknowledged: acknowledged.iter().map(known).collect(), unknown: unknown.to_vec() }
}

#[tokio::test]
async fn what_is_as_it_was_told_is_right() {
    let ground = Ground::new(&[1, 2, 3, 4]).await;
    let found = ground.check(&ledger(&[1, 2, 3], &[4, 5])).await;
    assert!(found.is_right(), "{found:?}");
    assert_eq!((found.acknowledged, found.entries, found.unknown, found.unknown_in), (3, 4, 2, 1));
    assert_eq!((found.rows, found.counters), (4, 4));
}

#[tokio::test]
async fn an_acknowledged_entry_that_is_gone_is_seen() {
    let ground = Ground::new(&[1, 2, 3]).await;
    let delete = "DELETE FROM entries WHERE id = $1";
    sqlx::query(delete).bind(id(2)).execute(&mut ground.database().await).await.unwrap();
    ground.count(&mut ground.database().await, 2).await;
    let found = ground.check(&ledger(&[1, 2, 3], &[])).await;
    assert!(!found.is_right());
    assert_eq!((found.lost, found.twice, found.uncalled), (1, 0, 0), "{found:?}");
}

#[tokio::test]
async fn a_second_entry_is_seen() {
    let ground = Ground::new(&[1, 2]).await;
    ground.insert(&mut ground.database().await, 2, 3).await;
    ground.count(&mut ground.database().await, 3).await;
    let found = ground.check(&ledger(&[1, 2], &[])).await;
    assert_eq!((found.lost, found.twice, found.uncalled), (0, 1, 0), "{found:?}");
}

#[tokio::test]
async fn an_entry_of_somebody_who_was_told_no_is_seen() {
    let ground = Ground::new(&[1, 2]).await;
    let found = ground.check(&ledger(&[1], &[])).await;
    assert_eq!((found.lost, found.twice, found.uncalled), (0, 0, 1), "{found:?}");
}

#[tokio::test]
async fn counters_that_are_off_are_seen() {
    let ground = Ground::new(&[1, 2]).await;
    ground.count(&mut ground.database().await, 1).await;
    let found = ground.check(&ledger(&[1, 2], &[])).await;
    assert!(!found.is_right() && found.violations.len() == 1, "{found:?}");
}

#[tokio::test]
async fn more_entries_than_are_read_at_once_are_all_read() {
    let people: Vec<u32> = (1..=u32::try_from(CHUNK).unwrap() + 5).collect();
    let ground = Ground::new(&[]).await;
    let mut database = ground.database().await;
    sqlx::query("BEGIN").execute(&mut database).await.unwrap();
    for person in &people {
        ground.insert(&mut database, *person, *person).await;
    }
    sqlx::query("COMMIT").execute(&mut database).await.unwrap();
    ground.count(&mut database, people.len()).await;
    let found = ground.check(&ledger(&people, &[])).await;
    assert!(found.is_right(), "{found:?}");
    assert_eq!(found.entries, people.len() as u64);
}
