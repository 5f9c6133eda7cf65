//! API keys, and the claims on source and sequence.

use shared::Action;

use super::{Bench, created};
use crate::secrets::Digest;
use crate::store::draws::{Actor, Draw};
use crate::store::entries::{Claim, ClaimKind, Ended, Ending, NewEntry, Written};
use crate::store::integrators::{Integrator, KeyAdded, KeyRevoked};

pub(super) async fn run(bench: &Bench) {
    a_source_has_one_key_and_keeps_its_id_when_it_gets_another(bench).await;
    of_many_that_are_added_together_one_is(bench).await;
    a_sequence_names_one_entry_whatever_the_key(bench).await;
    a_key_decides_before_a_sequence_and_that_before_the_person(bench).await;
    a_sequence_is_kept_when_its_entry_ends(bench).await;
    a_known_sequence_is_known_after_closing(bench).await;
}

impl Bench {
    async fn add_key(&self, name: &str, key: u8) -> KeyAdded {
        self.store.add_api_key(name, &[key; 32], &Actor::CommandLine).await.expect("answers")
    }

    async fn revoke_key(&self, name: &str) -> KeyRevoked {
        self.store.revoke_api_key(name, &Actor::CommandLine).await.expect("answers")
    }

    async fn holder(&self, key: u8) -> Option<Integrator> {
        self.store.integrator(&[key; 32]).await.expect("reads")
    }

    /// An entry under a fresh key, with a sequence.
    fn sequenced(&self, draw: &Draw, person: &str, sequence: &str) -> NewEntry {
        let mut entry = self.entry(draw, person, None, None);
        let key = self.source(draw, sequence);
        entry.claims.push(Claim { kind: ClaimKind::Source, key });
        entry
    }

    fn source(&self, draw: &Draw, sequence: &str) -> Digest {
        self.keys.claim(draw.id, ClaimKind::Source.as_str(), sequence.as_bytes())
    }
}

fn is_source_known(fate: &Written, of: &NewEntry) -> bool {
    matches!(fate, Written::SourceKnown(stored) if stored.id == of.id && stored.identity == of.identity)
}

async fn a_source_has_one_key_and_keeps_its_id_when_it_gets_another(bench: &Bench) {
    assert_eq!(bench.revoke_key("rotated").await, KeyRevoked::Unknown);
    assert_eq!(bench.add_key("rotated", 201).await, KeyAdded::Created);
    let first = bench.holder(201).await.expect("holds it");
    assert_eq!(first.name, "rotated");
    assert_eq!(bench.add_key("rotated", 202).await, KeyAdded::Exists);
    assert_eq!(bench.holder(202).await, None, "nothing changed");
    assert_eq!(bench.revoke_key("rotated").await, KeyRevoked::Done);
    assert_eq!(bench.revoke_key("rotated").await, KeyRevoked::Already);
    assert_eq!(bench.holder(201).await, None);
    assert_eq!(bench.add_key("rotated", 203).await, KeyAdded::Renewed);
    assert_eq!(bench.holder(203).await, Some(first), "the same source");
    assert_eq!(bench.holder(201).await, None, "the revoked key stays worthless");
    assert_eq!(bench.add_key("Rotated", 204).await, KeyAdded::Created, "another name");
}

async fn of_many_that_are_added_together_one_is(bench: &Bench) {
    let adding = (210..218).map(|key| bench.add_key("contended", key));
    let mut added = futures_util::future::join_all(adding).await;
    added.sort_by_key(|added| *added == KeyAdded::Exists);
    assert_eq!(added[0], KeyAdded::Created);
    assert!(added[1..].iter().all(|added| *added == KeyAdded::Exists), "{added:?}");
}

async fn a_sequence_names_one_entry_whatever_the_key(bench: &Bench) {
    let draw = bench.draw("sequence", |_| {}).await;
    let mut batch: Vec<NewEntry> = (0..10).map(|_| bench.sequenced(&draw, "ada", "1")).collect();
    // Others under the same sequence: their entries are made before their claims are lost.
    batch.extend((0..5).map(|n| bench.sequenced(&draw, &format!("other{n}"), "1")));
    batch.push(bench.sequenced(&draw, "bob", "2"));
    for _ in 0..2 {
        let fates = bench.write(&draw, &batch).await;
        for (at, fate) in fates.iter().enumerate() {
            match (at, fate) {
                (0 | 15, Written::Created { .. } | Written::TokenKnown(_)) => {}
                // The same again: its key is bound to the entry.
                (1..10, Written::TokenKnown(stored)) if stored.id == batch[0].id => {}
                (10..15, fate) if is_source_known(fate, &batch[0]) => {}
                _ => panic!("{at}: {fate:?}"),
            }
        }
        assert_eq!(bench.taken(draw.id).await, 2);
    }
    let known = bench.store.by_source(draw.id, &bench.source(&draw, "1")).await.expect("reads");
    assert_eq!(known.map(|stored| stored.id), Some(batch[0].id));
    let unknown = bench.store.by_source(draw.id, &bench.source(&draw, "3")).await.expect("reads");
    assert_eq!(unknown, None);
    let as_token = bench.store.by_token(draw.id, &bench.source(&draw, "1")).await.expect("reads");
    assert_eq!(as_token, None, "another kind of claim");
}

async fn a_key_decides_before_a_sequence_and_that_before_the_person(bench: &Bench) {
    let draw = bench.draw("precedence", |_| {}).await;
    let ada = bench.sequenced(&draw, "ada", "1");
    let bob = bench.sequenced(&draw, "bob", "2");
    let eve = bench.sequenced(&draw, "eve", "3");
    assert_eq!(created(&bench.write(&draw, &[ada.clone(), bob.clone(), eve.clone()]).await), 3);
    // Ada's key, Bob's sequence, Eve's person.
    let mut all = bench.sequenced(&draw, "eve", "2");
    all.claims[0] = ada.claims[0];
    let mut two = bench.sequenced(&draw, "eve", "2");
    let fates = bench.write(&draw, &[all, two.clone()]).await;
    assert!(matches!(&fates[0], Written::TokenKnown(stored) if stored.id == ada.id), "{fates:?}");
    assert!(is_source_known(&fates[1], &bob), "{fates:?}");
    two.claims.retain(|claim| claim.kind != ClaimKind::Source);
    let fates = bench.write(&draw, &[two]).await;
    assert!(matches!(&fates[0], Written::PersonKnown(stored) if stored.id == eve.id), "{fates:?}");
}

async fn a_sequence_is_kept_when_its_entry_ends(bench: &Bench) {
    let draw = bench.draw("sequence-kept", |_| {}).await;
    let first = bench.sequenced(&draw, "ada", "1");
    assert_eq!(created(&bench.write(&draw, std::slice::from_ref(&first)).await), 1);
    let ended = bench.store.end(&first.receipt, &Ending::Withdrawn, &Actor::Entrant).await;
    assert_eq!(ended.expect("ends"), Ended::Done);
    let late = [bench.sequenced(&draw, "ada", "1"), bench.sequenced(&draw, "bob", "1")];
    let fates = bench.write(&draw, &late).await;
    assert!(matches!(&fates[0], Written::TokenKnown(stored) if stored.id == first.id), "{fates:?}");
    assert!(is_source_known(&fates[1], &first), "{fates:?}");
    assert_eq!(bench.taken(draw.id).await, 0, "nothing was made of it");
    assert_eq!(created(&bench.write(&draw, &[bench.sequenced(&draw, "ada", "2")]).await), 1);
}

async fn a_known_sequence_is_known_after_closing(bench: &Bench) {
    let draw = bench.draw("sequence-frozen", |_| {}).await;
    let first = bench.sequenced(&draw, "ada", "1");
    assert_eq!(created(&bench.write(&draw, std::slice::from_ref(&first)).await), 1);
    bench.store.change_state("sequence-frozen", Action::Close, &Actor::CommandLine).await.expect("closes");
    let late = [bench.sequenced(&draw, "ada", "1"), bench.sequenced(&draw, "bob", "2")];
    let fates = bench.write(&draw, &late).await;
    assert!(matches!(&fates[0], Written::TokenKnown(stored) if stored.id == first.id), "{fates:?}");
    assert!(matches!(fates[1], Written::Closed), "{fates:?}");
}
