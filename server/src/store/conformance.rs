//! What every database keeps, run against each of them. Each case has a draw of its own.

mod editing;
mod integrators;
mod listing;
mod organisers;

use std::sync::Arc;

use shared::entry::FINGERPRINT_VERSION;
use shared::rules::parse_date;
use shared::{Action, Category, DrawRules, DrawState, Entry, EntryForm};
use uuid::Uuid;

use super::Store;
use super::draws::{Actor, Applied, Draw, DrawSpec, Mode, StateChange};
use super::entries::{Claim, ClaimKind, Ended, Ending, Identity, NewEntry, ReceiptStatus, Written};
use crate::ambient::{Ambient, ManualClock};
use crate::receipt;
use crate::secrets::{Digest, Keys, bucket};

/// A database under test, and the clock it goes by.
pub struct Bench {
    /// The database.
    pub store: Arc<dyn Store>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// The same clock, with randomness.
    pub ambient: Ambient,
    /// The keys the database was opened with.
    pub keys: Arc<Keys>,
}

/// Noon of the days on which the draws of these cases are open: each is open for an hour.
pub const NOON: i64 = 1_790_000_000_000;
pub(in crate::store) const HOUR: i64 = 3_600_000;

/// Runs every case.
pub async fn run(bench: Bench) {
    a_batch_is_written_once_however_often_it_is_sent(&bench).await;
    one_person_gets_in_once_under_many_tokens(&bench).await;
    a_key_that_proves_its_browser_is_bound_to_the_entry(&bench).await;
    of_two_that_share_a_claim_one_wins(&bench).await;
    a_loser_never_makes_a_third_attempt_lose(&bench).await;
    a_capped_draw_takes_exactly_its_capacity_by_arrival(&bench).await;
    nothing_enters_before_opening_or_after_closing(&bench).await;
    a_known_token_is_known_after_closing(&bench).await;
    one_poisoned_row_fails_alone(&bench).await;
    an_edit_of_the_draw_is_noticed(&bench).await;
    withdrawing_frees_everything_but_the_token(&bench).await;
    an_organiser_can_remove_after_closing_an_entrant_cannot_withdraw(&bench).await;
    asking_for_a_state_twice_changes_it_once(&bench).await;
    edits_that_would_break_entries_are_refused(&bench).await;
    an_outbox_row_is_written_for_each_destination(&bench).await;
    listing::run(&bench).await;
    organisers::run(&bench).await;
    integrators::run(&bench).await;
    editing::run(&bench).await;
    let found = bench.store.reconcile(&bench.keys).await.expect("reconciles");
    assert_eq!(found.0, Vec::<String>::new(), "after all of it, everything agrees");
}

impl Bench {
    pub(in crate::store) async fn draw(&self, slug: &str, edit: impl FnOnce(&mut DrawSpec)) -> Draw {
        let now = self.ambient.now();
        let mut spec = DrawSpec {
            slug: slug.to_owned(),
            title: slug.to_owned(),
            description: String::new(),
            timezone: "Europe/London".to_owned(),
            opens_at: now,
            closes_at: now + HOUR,
            draws_at: None,
            mode: Mode::Lenient,
            capacity: None,
            terms_url: None,
            privacy_url: None,
            contact: None,
            rules: DrawRules {
                one_per_phone: true,
                categories: vec![Category {
                    id: "member".to_owned(),
                    label: "Member".to_owned(),
                    min_party: 1,
                    max_party: 1,
                    member_id: Some("M#".to_owned()),
                }],
                ..DrawRules::default()
            },
            destinations: Vec::new(),
        };
        edit(&mut spec);
        let applied = self.store.apply_draw(&spec, DrawState::Announced, &Actor::CommandLine).await;
        assert_eq!(applied.expect("applies"), Applied::Created);
        self.reload(slug).await
    }

    pub(in crate::store) async fn reload(&self, slug: &str) -> Draw {
        self.store.draw(slug).await.expect("reads").expect("is there")
    }

    /// An entry of a person, with a fresh token, and claims where they are named.
    pub(in crate::store) fn entry(
        &self,
        draw: &Draw,
        person: &str,
        phone: Option<&str>,
        member: Option<&str>,
    ) -> NewEntry {
        let form = EntryForm {
            full_name: person.to_owned(),
            email: format!("{person}@example.org"),
            phone: phone.unwrap_or_default().to_owned(),
            date_of_birth: "1990-12-10".to_owned(),
            category: if member.is_some() { "member" } else { "" }.to_owned(),
            member_id: member.unwrap_or_default().to_owned(),
            accept_terms: true,
            ..EntryForm::default()
        };
        let rules = if member.is_some() { draw.spec.rules.clone() } else { DrawRules::default() };
        let today = parse_date("2026-09-21").expect("a date");
        let dates = shared::Dates { today, closing: today };
        let entry = Entry::parse(&form, &rules, dates).expect("keeps the rules");
        let person = self.keys.person(draw.id, &entry.email.canonical);
        let claim = |kind: ClaimKind, value: &str| Claim {
            kind,
            key: self.keys.claim(draw.id, kind.as_str(), value.as_bytes()),
        };
        let token: Digest = self.ambient.random();
        let mut claims = vec![Claim { kind: ClaimKind::Token, key: token }];
        claims.extend(entry.phone.as_deref().map(|phone| claim(ClaimKind::Phone, phone)));
        claims.extend(entry.member_id.as_deref().map(|member| claim(ClaimKind::Member, member)));
        NewEntry {
            id: self.ambient.new_id(),
            receipt: receipt::new_code(&self.ambient, bucket(&person)),
            identity: Identity {
                person,
                fingerprint: self.keys.fingerprint(draw.id, &entry.canonical_bytes()),
                fingerprint_version: FINGERPRINT_VERSION,
                browser: None,
            },
            claims,
            entry,
            draw_version: draw.version,
            ip_prefix: None,
            token_age: Some(1),
        }
    }

    pub(in crate::store) async fn write(&self, draw: &Draw, batch: &[NewEntry]) -> Vec<Written> {
        self.store.write(draw.id, batch).await.expect("the database answers")
    }

    pub(in crate::store) async fn taken(&self, draw: Uuid) -> i64 {
        self.store.taken(draw).await.expect("counts")
    }
}

pub(in crate::store) fn created(fates: &[Written]) -> usize {
    fates.iter().filter(|fate| matches!(fate, Written::Created { .. })).count()
}

async fn a_batch_is_written_once_however_often_it_is_sent(bench: &Bench) {
    let draw = bench.draw("again", |_| {}).await;
    let batch: Vec<NewEntry> = (0..5).map(|n| bench.entry(&draw, &format!("p{n}"), None, None)).collect();
    let first = bench.write(&draw, &batch).await;
    assert_eq!(created(&first), 5);
    // As after a commit whose answer was lost: the same ids come back as what is known.
    for (fate, entry) in bench.write(&draw, &batch).await.iter().zip(&batch) {
        let Written::TokenKnown(stored) = fate else { panic!("{fate:?}") };
        assert_eq!((stored.id, &stored.receipt), (entry.id, &entry.receipt));
        assert_eq!(stored.identity, entry.identity);
        assert_eq!(stored.registered_at, NOON);
    }
    assert_eq!(bench.taken(draw.id).await, 5);
}

async fn one_person_gets_in_once_under_many_tokens(bench: &Bench) {
    let draw = bench.draw("one-person", |_| {}).await;
    let batch: Vec<NewEntry> = (0..50).map(|_| bench.entry(&draw, "ada", None, None)).collect();
    let fates = bench.write(&draw, &batch).await;
    assert!(matches!(fates[0], Written::Created { .. }), "the first to arrive: {:?}", fates[0]);
    assert_eq!(created(&fates), 1);
    for fate in &fates[1..] {
        let Written::PersonKnown(stored) = fate else { panic!("{fate:?}") };
        assert_eq!(stored.id, batch[0].id);
    }
    assert_eq!(bench.taken(draw.id).await, 1);
}

async fn a_key_that_proves_its_browser_is_bound_to_the_entry(bench: &Bench) {
    let draw = bench.draw("bound", |_| {}).await;
    let from_browser = |browser| {
        let mut entry = bench.entry(&draw, "ada", None, None);
        entry.identity.browser = Some([browser; 32]);
        entry
    };
    let first = from_browser(1);
    assert_eq!(created(&bench.write(&draw, std::slice::from_ref(&first)).await), 1);
    let reloads = [from_browser(1), from_browser(2), from_browser(1)];
    let fates = bench.write(&draw, &reloads).await;
    for (at, fate) in fates.iter().enumerate() {
        match fate {
            Written::TokenKnown(stored) if at != 1 => assert_eq!(stored.id, first.id),
            Written::PersonKnown(stored) if at == 1 => assert_eq!(stored.id, first.id, "another browser"),
            fate => panic!("{at}: {fate:?}"),
        }
    }
    for (entry, is_bound) in reloads.iter().zip([true, false, true]) {
        let token = entry.token().expect("a token").key;
        let holder = bench.store.by_token(draw.id, &token).await.expect("reads").map(|stored| stored.id);
        assert_eq!(holder, is_bound.then_some(first.id));
    }
    assert_eq!(bench.taken(draw.id).await, 1);
}

async fn of_two_that_share_a_claim_one_wins(bench: &Bench) {
    let draw = bench.draw("one-phone", |_| {}).await;
    let phone = Some("+441632960961");
    let batch = [bench.entry(&draw, "ada", phone, None), bench.entry(&draw, "bob", phone, None)];
    let fates = bench.write(&draw, &batch).await;
    assert_eq!(created(&fates), 1);
    let loser = fates.iter().find(|fate| !matches!(fate, Written::Created { .. }));
    assert!(matches!(loser, Some(Written::ClaimsTaken(kinds)) if kinds == &[ClaimKind::Phone]), "{loser:?}");
}

async fn a_loser_never_makes_a_third_attempt_lose(bench: &Bench) {
    // Ada and Bob share a phone number. Ada's membership number is taken, so Bob has to win, in whatever
    // order they are written, together or one after the other.
    for (at, order) in [[0, 1], [1, 0]].into_iter().enumerate() {
        let draw = bench.draw(&format!("third-{at}"), |_| {}).await;
        let holder = bench.entry(&draw, "holder", None, Some("M1"));
        assert_eq!(created(&bench.write(&draw, &[holder]).await), 1);
        let phone = Some("+441632960961");
        let pair = [bench.entry(&draw, "ada", phone, Some("M1")), bench.entry(&draw, "bob", phone, None)];
        let batch = order.map(|who: usize| pair[who].clone());
        let mut fates = bench.write(&draw, &batch).await;
        for (at, fate) in fates.iter_mut().enumerate() {
            // What lost to somebody who was dropped comes again, as the writer does.
            if matches!(fate, Written::Again) {
                *fate = bench.write(&draw, &batch[at..=at]).await.remove(0);
            }
        }
        let fate_of = |who: usize| &fates[order.iter().position(|at| *at == who).expect("in the batch")];
        assert!(matches!(fate_of(1), Written::Created { .. }), "Bob: {:?}", fate_of(1));
        assert!(matches!(fate_of(0), Written::ClaimsTaken(_)), "Ada: {:?}", fate_of(0));
        assert_eq!(bench.taken(draw.id).await, 2);
    }
}

async fn a_capped_draw_takes_exactly_its_capacity_by_arrival(bench: &Bench) {
    let draw = bench.draw("capped", |spec| spec.capacity = Some(7)).await;
    let batch: Vec<NewEntry> = (0..5).map(|n| bench.entry(&draw, &format!("a{n}"), None, None)).collect();
    assert_eq!(created(&bench.write(&draw, &batch).await), 5);
    let second: Vec<NewEntry> = (0..5).map(|n| bench.entry(&draw, &format!("b{n}"), None, None)).collect();
    let fates = bench.write(&draw, &second).await;
    let arrived: Vec<bool> = fates.iter().map(|fate| matches!(fate, Written::Created { .. })).collect();
    assert_eq!(arrived, [true, true, false, false, false]);
    assert!(fates[2..].iter().all(|fate| matches!(fate, Written::Full)), "{fates:?}");
    assert_eq!(bench.taken(draw.id).await, 7);
    // Full, and still a known token is known; and a place that is given back is free.
    assert!(matches!(bench.write(&draw, &batch[..1]).await[0], Written::TokenKnown(_)));
    let ended = bench.store.end(&batch[0].receipt, &Ending::Withdrawn, &Actor::Entrant).await;
    assert_eq!(ended.expect("ends"), Ended::Done);
    assert_eq!(created(&bench.write(&draw, &second[2..3]).await), 1);
    assert!(matches!(bench.write(&draw, &second[3..4]).await[0], Written::Full));
}

async fn nothing_enters_before_opening_or_after_closing(bench: &Bench) {
    let draw = bench.draw("window", |spec| spec.opens_at += 10).await;
    let entry = bench.entry(&draw, "ada", None, None);
    let early = bench.write(&draw, std::slice::from_ref(&entry)).await;
    assert!(matches!(early[0], Written::NotOpen(at, now) if at - now == 10), "{early:?}");
    bench.clock.advance(10);
    assert_eq!(
        created(&bench.write(&draw, std::slice::from_ref(&entry)).await),
        1,
        "open at the very instant"
    );
    bench.clock.advance(HOUR - 10);
    let late = bench.entry(&draw, "bob", None, None);
    assert!(matches!(bench.write(&draw, &[late]).await[0], Written::Closed), "closed at the very instant");
    assert_eq!(bench.reload("window").await.state, DrawState::Closed, "and stored as closed");
    bench.clock.advance(-HOUR);
}

async fn a_known_token_is_known_after_closing(bench: &Bench) {
    let draw = bench.draw("frozen", |_| {}).await;
    let entry = bench.entry(&draw, "ada", None, None);
    assert_eq!(created(&bench.write(&draw, std::slice::from_ref(&entry)).await), 1);
    bench.store.change_state("frozen", Action::Close, &Actor::CommandLine).await.expect("closes");
    let other = bench.entry(&draw, "bob", None, None);
    let fates = bench.write(&draw, &[entry.clone(), other]).await;
    assert!(matches!(&fates[0], Written::TokenKnown(stored) if stored.id == entry.id), "{fates:?}");
    assert!(matches!(fates[1], Written::Closed), "{fates:?}");
}

async fn one_poisoned_row_fails_alone(bench: &Bench) {
    let draw = bench.draw("poison", |_| {}).await;
    let mut batch: Vec<NewEntry> = (0..5).map(|n| bench.entry(&draw, &format!("p{n}"), None, None)).collect();
    // Past the rules: what no `Entry::parse` gives, the database refuses.
    batch[2].entry.postcode = Some("§".to_owned());
    let fates = bench.write(&draw, &batch).await;
    assert_eq!(created(&fates), 4);
    assert!(matches!(fates[2], Written::Refused(_)), "{fates:?}");
    assert_eq!(bench.taken(draw.id).await, 4);
}

async fn an_edit_of_the_draw_is_noticed(bench: &Bench) {
    let draw = bench.draw("edited", |_| {}).await;
    let entry = bench.entry(&draw, "ada", None, None);
    let spec = DrawSpec { title: "Another title".to_owned(), ..draw.spec.clone() };
    let applied = bench.store.apply_draw(&spec, DrawState::Announced, &Actor::CommandLine).await;
    assert_eq!(applied.expect("applies"), Applied::Changed(vec!["title"]));
    assert!(matches!(bench.write(&draw, std::slice::from_ref(&entry)).await[0], Written::DrawChanged));
    let again = bench.store.apply_draw(&spec, DrawState::Announced, &Actor::CommandLine).await;
    assert_eq!(again.expect("applies"), Applied::Unchanged);
    let judged = NewEntry { draw_version: bench.reload("edited").await.version, ..entry };
    assert_eq!(created(&bench.write(&draw, &[judged]).await), 1);
}

async fn withdrawing_frees_everything_but_the_token(bench: &Bench) {
    let draw = bench.draw("withdrawn", |_| {}).await;
    let phone = Some("+441632960961");
    let first = bench.entry(&draw, "ada", phone, Some("M1"));
    assert_eq!(created(&bench.write(&draw, std::slice::from_ref(&first)).await), 1);
    let end = || bench.store.end(&first.receipt, &Ending::Withdrawn, &Actor::Entrant);
    assert_eq!(end().await.expect("ends"), Ended::Done);
    assert_eq!(end().await.expect("ends"), Ended::Already);
    assert_eq!(bench.taken(draw.id).await, 0);
    let row = bench.store.receipt(&first.receipt).await.expect("reads").expect("is there");
    assert_eq!(row.status, ReceiptStatus::Withdrawn);
    assert_eq!((row.entry_id, row.registered_at), (first.id, NOON));
    // The late retry of the old attempt is recognised and creates nothing.
    let late = bench.write(&draw, std::slice::from_ref(&first)).await;
    assert!(matches!(&late[0], Written::TokenKnown(stored) if stored.id == first.id), "{late:?}");
    assert_eq!(bench.taken(draw.id).await, 0);
    // Person, phone and membership are free for a new attempt, and belong to it then.
    let second = bench.entry(&draw, "ada", phone, Some("M1"));
    assert_eq!(created(&bench.write(&draw, &[second]).await), 1);
    let claims = [[0; 32], first.claims[0].key, [255; 32]].map(|key| Claim { kind: ClaimKind::Token, key });
    let found = bench.store.holders(draw.id, &claims).await.expect("reads");
    let found: Vec<_> = found.into_iter().map(|(claim, stored)| (claim, stored.id)).collect();
    assert_eq!(found, [(first.claims[0], first.id)], "of many, those that are known");
    let known = bench.store.by_token(draw.id, &first.claims[0].key).await.expect("reads");
    assert_eq!(known.map(|stored| stored.id), Some(first.id), "the old token still names the old entry");
    let nowhere = receipt::new_code(&bench.ambient, 3);
    let unknown = bench.store.end(&nowhere, &Ending::Withdrawn, &Actor::Entrant).await;
    assert_eq!(unknown.expect("answers"), Ended::Unknown);
}

async fn an_organiser_can_remove_after_closing_an_entrant_cannot_withdraw(bench: &Bench) {
    let draw = bench.draw("removed", |_| {}).await;
    let entry = bench.entry(&draw, "ada", None, None);
    assert_eq!(created(&bench.write(&draw, std::slice::from_ref(&entry)).await), 1);
    bench.store.change_state("removed", Action::Close, &Actor::CommandLine).await.expect("closes");
    let withdrawn = bench.store.end(&entry.receipt, &Ending::Withdrawn, &Actor::Entrant).await;
    assert_eq!(withdrawn.expect("answers"), Ended::DrawClosed);
    let removal = Ending::Removed { reason: "entered twice by hand".to_owned() };
    let organiser = Actor::Organiser("o@example.org".to_owned());
    assert_eq!(bench.store.end(&entry.receipt, &removal, &organiser).await.expect("answers"), Ended::Done);
    let row = bench.store.receipt(&entry.receipt).await.expect("reads").expect("is there");
    assert_eq!(row.status, ReceiptStatus::Removed);
}

async fn asking_for_a_state_twice_changes_it_once(bench: &Bench) {
    bench.draw("states", |_| {}).await;
    let ask = |action| bench.store.change_state("states", action, &Actor::CommandLine);
    assert!(matches!(ask(Action::Close).await.expect("answers"), StateChange::Changed(_)));
    let version = bench.reload("states").await.version;
    assert!(matches!(ask(Action::Close).await.expect("answers"), StateChange::Already(_)));
    assert_eq!(bench.reload("states").await.version, version);
    assert!(matches!(ask(Action::Announce).await.expect("answers"), StateChange::Refused(_)));
    let nowhere = bench.store.change_state("nowhere", Action::Close, &Actor::CommandLine).await;
    assert_eq!(nowhere.expect("answers"), StateChange::Unknown);
}

async fn edits_that_would_break_entries_are_refused(bench: &Bench) {
    let draw = bench.draw("kept", |_| {}).await;
    let batch: Vec<NewEntry> = (0..3).map(|n| bench.entry(&draw, &format!("p{n}"), None, None)).collect();
    assert_eq!(created(&bench.write(&draw, &batch).await), 3);
    let apply = async |edit: &dyn Fn(&mut DrawSpec)| {
        let mut spec = draw.spec.clone();
        edit(&mut spec);
        bench.store.apply_draw(&spec, DrawState::Announced, &Actor::CommandLine).await.expect("answers")
    };
    assert!(matches!(apply(&|spec| spec.capacity = Some(2)).await, Applied::Refused(_)));
    assert!(matches!(apply(&|spec| spec.rules.one_per_phone = false).await, Applied::Refused(_)));
    assert!(matches!(apply(&|spec| spec.capacity = Some(3)).await, Applied::Changed(_)));
    bench.store.change_state("kept", Action::Close, &Actor::CommandLine).await.expect("closes");
    assert!(matches!(apply(&|spec| spec.closes_at += HOUR).await, Applied::Refused(_)));
    assert_eq!(bench.reload("kept").await.spec.closes_at, draw.spec.closes_at);
}

async fn an_outbox_row_is_written_for_each_destination(bench: &Bench) {
    let before = bench.store.outbox_pending().await.expect("counts");
    let draw = bench
        .draw("told", |spec| spec.destinations = vec!["confirmation".to_owned(), "roster".to_owned()])
        .await;
    let batch: Vec<NewEntry> = (0..3).map(|n| bench.entry(&draw, &format!("p{n}"), None, None)).collect();
    bench.write(&draw, &batch).await;
    bench.write(&draw, &batch).await;
    assert_eq!(bench.store.outbox_pending().await.expect("counts"), before + 6);
}
