//! What a look-up reads.

use services::shared as running;
use sqlx::{Connection as _, PgConnection};

use super::{bench, noon};
use crate::secrets::{Digest, bucket};
use crate::store::conformance::created;
use crate::store::entries::ClaimKind;
use crate::store::postgres::entries::{BY_CLAIMS, BY_PEOPLE};

/// Planned as for a draw that was opened a moment ago: nothing is known of its rows, which are many.
#[tokio::test(flavor = "multi_thread")]
async fn many_look_ups_in_a_new_draw_do_not_read_all_of_it() {
    const PEOPLE: usize = 3000;
    const WANTED: usize = 256;
    let database = running::postgres().own_database();
    let bench = bench(&database, &noon()).await;
    let draw = bench.draw("new", |_| {}).await;
    let people: Vec<_> = (0..PEOPLE).map(|n| bench.entry(&draw, &format!("p{n}"), None, None)).collect();
    for batch in people.chunks(500) {
        let fates = bench.store.write(draw.id, batch).await.expect("writes");
        assert_eq!(created(&fates), batch.len());
    }
    let mut connection = PgConnection::connect(database.url()).await.expect("connects");
    let wanted: Vec<Digest> = people.iter().map(|entry| entry.identity.person).take(WANTED).collect();
    let buckets: Vec<i32> = wanted.iter().map(bucket).collect();
    let keys: Vec<&[u8]> = wanted.iter().map(|key| &key[..]).collect();
    let kinds = vec![ClaimKind::Token.as_str(); WANTED];
    let by_people = sqlx::AssertSqlSafe(format!("EXPLAIN {BY_PEOPLE}"));
    let by_people = sqlx::query_scalar::<_, String>(by_people).bind(draw.id).bind(&buckets).bind(&keys);
    let by_claims = sqlx::AssertSqlSafe(format!("EXPLAIN {BY_CLAIMS}"));
    let by_claims =
        sqlx::query_scalar::<_, String>(by_claims).bind(draw.id).bind(&buckets).bind(&kinds).bind(&keys);
    for plan in [by_people.fetch_all(&mut connection).await, by_claims.fetch_all(&mut connection).await] {
        let plan = plan.expect("plans").join("\n");
        for step in
            plan.split("->").filter(|step| ["entries_p", "claims_p"].iter().any(|of| step.contains(of)))
        {
            assert!(step.trim_start().starts_with("Index Scan using"), "{plan}");
            assert!(step.contains("bucket = ") && step.contains("_key)::bytea = "), "{plan}");
        }
        assert!(!plan.contains("Hash Cond") && !plan.contains("Merge Cond"), "{plan}");
    }
}
