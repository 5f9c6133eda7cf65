//! What becomes of a batch, over transactions that come to what a case says.

use std::collections::VecDeque;
use std::sync::Mutex;

use shared::entry::FINGERPRINT_VERSION;
use shared::{Dates, DrawRules, Entry, EntryForm};

use super::*;
use crate::store::entries::Identity;

const DRAW: Uuid = Uuid::nil();

/// A database that answers as it is told.
struct Scripted {
    passes: Mutex<VecDeque<Pass>>,
    /// Who holds claims by the time that losers are looked up.
    holders: HashMap<Claim, Stored>,
}

#[async_trait]
impl Passes for Scripted {
    async fn pass(&self, _: Uuid, _: &[NewEntry], _: &[usize]) -> StoreResult<Pass> {
        Ok(self.passes.lock().expect("nobody panics").pop_front().expect("a pass more than the case has"))
    }

    async fn close_if_over(&self, _: Uuid) -> StoreResult<()> {
        Ok(())
    }

    async fn bind(&self, _: Uuid, _: &[ClaimRow]) -> StoreResult<Vec<usize>> {
        Ok(Vec::new())
    }

    async fn by_people(&self, _: Uuid, _: &[Digest]) -> StoreResult<HashMap<Digest, Stored>> {
        Ok(HashMap::new())
    }

    async fn by_claims(&self, _: Uuid, claims: &[Claim]) -> StoreResult<HashMap<Claim, Stored>> {
        let held = |claim: &Claim| Some((*claim, self.holders.get(claim)?.clone()));
        Ok(claims.iter().filter_map(held).collect())
    }
}

fn entry(number: u8) -> NewEntry {
    let form = EntryForm {
        full_name: "Ada".to_owned(),
        email: format!("ada{number}@example.org"),
        accept_terms: true,
        ..EntryForm::default()
    };
    let day = shared::rules::parse_date("2026-07-01").expect("a date");
    let entry = Entry::parse(&form, &DrawRules::default(), Dates { today: day, closing: day });
    NewEntry {
        id: Uuid::from_u128(number.into()),
        receipt: String::new(),
        identity: Identity {
            person: [number; 32],
            fingerprint: [number; 32],
            fingerprint_version: FINGERPRINT_VERSION,
            browser: None,
        },
        claims: vec![Claim { kind: ClaimKind::Token, key: [number; 32] }],
        entry: entry.expect("keeps the rules"),
        draw_version: 1,
        ip_prefix: None,
        token_age: None,
    }
}

/// What becomes of two entries of which one fits, by what the passes after that come to, where another server let the
/// second one's attempt in meanwhile or not.
async fn fates_where_one_fits(then: Vec<Pass>, is_known: bool) -> [Written; 2] {
    let batch = [entry(1), entry(2)];
    let mut passes = VecDeque::from(then);
    passes.push_front(Pass::Only { fitting: vec![0], full: vec![1] });
    let stored = Stored {
        id: Uuid::from_u128(9),
        receipt: String::new(),
        registered_at: 4,
        identity: batch[1].identity,
    };
    let holders = batch[1].claims.iter().filter(|_| is_known).map(|claim| (*claim, stored.clone())).collect();
    let store = Scripted { passes: Mutex::new(passes), holders };
    let fates = write(&store, DRAW, &batch).await.expect("is written");
    assert!(store.passes.lock().expect("nobody panics").is_empty(), "who did not fit runs by itself");
    fates.try_into().expect("two")
}

fn committed(created: Vec<usize>) -> Pass {
    Pass::Committed { created, registered_at: 5 }
}

#[tokio::test]
async fn a_retry_that_another_server_let_in_meanwhile_is_not_told_that_the_draw_is_full() {
    // Its key is taken when it runs by itself.
    for first_gets_in in [vec![0], vec![]] {
        let then = vec![committed(first_gets_in), Pass::Without(vec![1])];
        let [_, second] = fates_where_one_fits(then, true).await;
        assert!(matches!(second, Written::TokenKnown(stored) if stored.registered_at == 4));
    }
}

#[tokio::test]
async fn a_draw_is_full_only_when_nobody_fits_any_more() {
    let nobody = Pass::Only { fitting: Vec::new(), full: vec![1] };
    let fates = fates_where_one_fits(vec![committed(vec![0]), nobody], false).await;
    assert!(matches!(fates, [Written::Created { .. }, Written::Full]));
    // Who fitted lost to somebody, so a place came free again.
    let fates = fates_where_one_fits(vec![committed(vec![]), committed(vec![1])], false).await;
    assert!(matches!(fates, [Written::Again, Written::Created { .. }]));
}

#[tokio::test]
async fn what_is_committed_stays_so_when_the_draw_changes_before_the_rest_runs() {
    let fates = fates_where_one_fits(vec![committed(vec![0]), Pass::DrawChanged], false).await;
    assert!(matches!(fates, [Written::Created { .. }, Written::DrawChanged]));
}
