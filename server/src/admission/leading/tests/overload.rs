//! Presses at a server that has its hands full.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::admission::Unread;
use crate::admission::protocol::Claimant;
use crate::admission::remembered::press;

/// A press at the door.
async fn unread(bench: &Bench, token: &str, is_first: bool) -> Unread {
    let address = sender().address;
    bench.admission.admit_unread(&bench.draw, token, &press(b"{}"), address, is_first).await
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_as_many_as_a_server_works_on_nobody_new_is_let_in_and_who_is_known_is_found() {
    let bench = Bench::new().await;
    bench.tell(Tells::Truth);
    let (known, forgotten) = (bench.token(), bench.token());
    for (token, name) in [(&known, "ada"), (&forgotten, "fay")] {
        assert_eq!(end_of(bench.press(token, name, false).await).await.outcome, Outcome::Created);
    }
    // It remembers nothing of that.
    let bench = bench.beside().await;
    let claimant = Claimant { person: None, fingerprint: None, browser: None, source: None };
    let mut aboard: Vec<_> = (0..ABOARD_MAX)
        .map(|number| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            bench.admission.flights.enter(key, claimant, None)
        })
        .collect();
    // Who says to be new is asked about only where there is time for it.
    let permits: Vec<_> = std::iter::from_fn(|| bench.admission.look_ups.time_for_new()).collect();
    let lie = unread(&bench, &known, true).await;
    assert!(matches!(&lie, Unread::Ended(ending) if ending.outcome == Outcome::Shed), "{lie:?}");
    drop(permits);
    for is_first in [true, false] {
        let shed = unread(&bench, &bench.token(), is_first).await;
        assert!(matches!(&shed, Unread::Ended(ending) if ending.outcome == Outcome::Shed), "{shed:?}");
        let retry = unread(&bench, &known, is_first).await;
        assert!(matches!(retry, Unread::Read { .. }), "{retry:?}");
    }
    // What does not come through the door, and only the database knows.
    let key = bench.key(&forgotten);
    until(async || bench.shared.memory.get(&key).await.expect("answers").is_some()).await;
    let sealed = bench.shared.memory.get(&key).await.expect("answers").expect("is there");
    bench.shared.memory.discard(&key, &sealed).await.expect("answers");
    let retry = end_of(bench.pressing(&forgotten, "fay", false)).await;
    assert_eq!((retry.outcome, retry.layer), (Outcome::Replayed, Layer::Constraint));
    let shed = end_of(bench.pressing(&bench.token(), "bob", false)).await;
    assert_eq!(shed.outcome, Outcome::Shed);
    drop(aboard.pop());
    let new = unread(&bench, &bench.token(), true).await;
    assert!(matches!(new, Unread::Read { has_turn: false }), "there is room for one: {new:?}");
    assert_eq!(end_of(bench.pressing(&bench.token(), "bob", true)).await.outcome, Outcome::Created);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_in_one_draw_keeps_nobody_from_another() {
    let bench = Arc::new(Bench::new().await);
    let other = bench.another_draw().await;
    let (is_over, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    // So many that some always wait for the only writer there is.
    let crowd: Vec<_> = (0..32)
        .map(|who| {
            let (bench, is_over, written) = (Arc::clone(&bench), Arc::clone(&is_over), Arc::clone(&written));
            tokio::spawn(async move {
                while !is_over.load(Ordering::SeqCst) {
                    let number = written.fetch_add(1, Ordering::SeqCst);
                    bench.somebody_else_goes(&format!("somebody{who}.{number}")).await;
                }
            })
        })
        .collect();
    until(async || written.load(Ordering::SeqCst) > 200).await;
    let mut goes = Box::pin(other.somebody_else_goes("eve"));
    let came = timeout(LONG / 4, &mut goes).await;
    is_over.store(true, Ordering::SeqCst);
    came.expect("the other draw has its turn while the crowd goes on");
    for one in crowd {
        one.await.expect("got in");
    }
}

#[test]
fn nobody_waits_for_writers_that_are_gone() {
    let runtime = || tokio::runtime::Runtime::new().expect("a runtime");
    let (ended, other) = (runtime(), runtime());
    let bench = ended.block_on(Bench::new());
    ended.shutdown_timeout(LONG);
    assert!(!bench.admission.batches.is_alive());
    let submitted = other.block_on(bench.submit("eve"));
    assert!(matches!(submitted, Submitted::Overloaded), "{submitted:?}");
}
