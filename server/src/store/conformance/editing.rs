//! What organisers' edits promise, whichever database keeps them.

use shared::Action;

use super::{Bench, HOUR, created};
use crate::store::draws::{Actor, Draw, DrawDetails, Edited, Expected};
use crate::store::listing::{AuditLine, Window};

pub(super) async fn run(bench: &Bench) {
    an_edit_changes_what_it_says_and_is_written_down(bench).await;
    an_edit_of_another_version_changes_nothing_and_shows_what_is_stored(bench).await;
    an_edit_that_is_sent_again_succeeds_and_changes_nothing(bench).await;
    of_many_edits_of_one_version_one_is_done(bench).await;
    an_edit_keeps_the_rules_that_were_applied_meanwhile(bench).await;
    what_a_file_may_not_change_an_edit_may_not(bench).await;
    an_edit_finds_the_draw_closed_whose_time_has_come(bench).await;
}

impl Bench {
    async fn edit(&self, slug: &str, details: &DrawDetails, expected: &Expected) -> Edited {
        let actor = Actor::Organiser("olga@example.org".to_owned());
        self.store.edit_draw(slug, details, expected, &actor).await.expect("answers")
    }

    /// What was written down of a draw, latest first.
    async fn audit_of(&self, slug: &str) -> Vec<AuditLine> {
        let page = self.store.audit_lines(&Window::First).await.expect("reads");
        page.rows.into_iter().filter(|line| line.draw.as_deref() == Some(slug)).collect()
    }
}

fn version(draw: &Draw) -> Expected {
    Expected::OneOf(vec![draw.version])
}

fn titled(draw: &Draw, title: &str) -> DrawDetails {
    DrawDetails { title: title.to_owned(), ..draw.spec.details() }
}

async fn an_edit_changes_what_it_says_and_is_written_down(bench: &Bench) {
    let draw = bench.draw("retold", |_| {}).await;
    let text = |text: &str| Some(text.to_owned());
    let details = DrawDetails {
        title: "Another".to_owned(),
        description: "One.\n\nTwo.".to_owned(),
        timezone: "Europe/Paris".to_owned(),
        opens_at: draw.spec.opens_at - 1,
        closes_at: draw.spec.closes_at + 1,
        draws_at: Some(draw.spec.closes_at + HOUR),
        mode: crate::store::Mode::Strict,
        capacity: Some(4_000_000_000),
        terms_url: text("https://example.org/terms"),
        privacy_url: text("https://example.org/privacy"),
        contact: text("olga@example.org"),
    };
    let edited = bench.edit("retold", &details, &version(&draw)).await;
    assert!(
        matches!(&edited, Edited::Changed(parts, after) if parts.len() == 11 && *after == draw.version + 1),
        "{edited:?}"
    );
    let stored = bench.reload("retold").await;
    assert_eq!((stored.spec.details(), stored.version), (details, draw.version + 1));
    assert_eq!((&stored.spec.rules, stored.state), (&draw.spec.rules, draw.state));
    let audit = bench.audit_of("retold").await;
    let change = audit.iter().find(|line| line.action == "draw changed").expect("is written down");
    assert_eq!(change.actor, "olga@example.org");
    assert!(
        change.detail.as_deref().is_some_and(|detail| detail.starts_with("title, description, timezone"))
    );
    // What can be left out can be taken out again.
    let edited = bench.edit("retold", &draw.spec.details(), &Expected::Any).await;
    assert!(matches!(edited, Edited::Changed(..)), "{edited:?}");
    assert_eq!(bench.reload("retold").await.spec, draw.spec);
    assert_eq!(bench.edit("nowhere", &draw.spec.details(), &Expected::Any).await, Edited::Unknown);
}

async fn an_edit_of_another_version_changes_nothing_and_shows_what_is_stored(bench: &Bench) {
    let draw = bench.draw("stale", |_| {}).await;
    let edited = bench.edit("stale", &titled(&draw, "First"), &version(&draw)).await;
    assert_eq!(edited, Edited::Changed(vec!["title"], draw.version + 1));
    let stored = bench.reload("stale").await;
    let audit = bench.audit_of("stale").await;
    for expected in [
        version(&draw),
        Expected::OneOf(vec![]),
        Expected::OneOf(vec![draw.version + 2, -1]),
        Expected::OneOf(vec![i64::MAX]),
    ] {
        let edited = bench.edit("stale", &titled(&draw, "Second"), &expected).await;
        assert_eq!(edited, Edited::Conflict(Box::new(stored.clone())), "{expected:?}");
    }
    assert_eq!(bench.reload("stale").await, stored);
    assert_eq!(bench.audit_of("stale").await, audit, "nothing was done, nothing is written down");
    // A change of state is a change.
    let close = bench.store.change_state("stale", Action::Close, &Actor::CommandLine);
    close.await.expect("closes");
    let late = bench.edit("stale", &titled(&draw, "Third"), &version(&stored)).await;
    assert!(matches!(late, Edited::Conflict(_)), "{late:?}");
    let any_of = Expected::OneOf(vec![draw.version, stored.version, stored.version + 1]);
    let edited = bench.edit("stale", &titled(&draw, "Third"), &any_of).await;
    assert_eq!(edited, Edited::Changed(vec!["title"], stored.version + 2));
}

async fn an_edit_that_is_sent_again_succeeds_and_changes_nothing(bench: &Bench) {
    let draw = bench.draw("sent-again", |_| {}).await;
    let send = || async { bench.edit("sent-again", &titled(&draw, "Once"), &version(&draw)).await };
    assert_eq!(send().await, Edited::Changed(vec!["title"], draw.version + 1));
    let (stored, audit) = (bench.reload("sent-again").await, bench.audit_of("sent-again").await);
    assert_eq!(send().await, Edited::Unchanged(draw.version + 1));
    assert_eq!((bench.reload("sent-again").await, bench.audit_of("sent-again").await), (stored, audit));
}

async fn of_many_edits_of_one_version_one_is_done(bench: &Bench) {
    let draw = bench.draw("contended", |_| {}).await;
    let edits = (0..8).map(|at| {
        let (details, expected) = (titled(&draw, &format!("Title {at}")), version(&draw));
        async move { bench.edit("contended", &details, &expected).await }
    });
    let edited = futures_util::future::join_all(edits).await;
    let done = edited.iter().filter(|edited| matches!(edited, Edited::Changed(..))).count();
    let lost = edited.iter().filter(|edited| matches!(edited, Edited::Conflict(_))).count();
    assert_eq!((done, lost), (1, 7), "{edited:?}");
    assert_eq!(bench.reload("contended").await.version, draw.version + 1);
    assert_eq!(bench.audit_of("contended").await.len(), 2, "created, changed");
}

async fn an_edit_keeps_the_rules_that_were_applied_meanwhile(bench: &Bench) {
    let draw = bench.draw("two-sources", |_| {}).await;
    let mut spec = draw.spec.clone();
    spec.rules.countries = vec!["GB".to_owned()];
    spec.destinations = vec!["roster".to_owned()];
    bench.store.apply_draw(&spec, draw.state, &Actor::CommandLine).await.expect("applies");
    let edited = bench.edit("two-sources", &titled(&draw, "Mine"), &Expected::Any).await;
    assert_eq!(edited, Edited::Changed(vec!["title"], draw.version + 2));
    let stored = bench.reload("two-sources").await.spec;
    assert_eq!((stored.rules, stored.destinations), (spec.rules, spec.destinations));
}

async fn what_a_file_may_not_change_an_edit_may_not(bench: &Bench) {
    let draw = bench.draw("bounded", |_| {}).await;
    let batch: Vec<_> = (0..3).map(|at| bench.entry(&draw, &format!("p{at}"), None, None)).collect();
    assert_eq!(created(&bench.write(&draw, &batch).await), 3);
    let details = draw.spec.details();
    let refused = async |wanted: DrawDetails| match bench.edit("bounded", &wanted, &Expected::Any).await {
        Edited::Refused(fault) => Some(fault.key),
        _ => None,
    };
    assert_eq!(refused(DrawDetails { capacity: Some(2), ..details.clone() }).await, Some("capacity"));
    assert_eq!(refused(DrawDetails { capacity: Some(3), ..details.clone() }).await, None);
    bench.store.change_state("bounded", Action::Close, &Actor::CommandLine).await.expect("closes");
    let closes_at = details.closes_at + HOUR;
    assert_eq!(refused(DrawDetails { closes_at, ..details.clone() }).await, Some("closes_at"));
    let opens_at = details.opens_at - HOUR;
    assert_eq!(refused(DrawDetails { opens_at, ..details.clone() }).await, Some("opens_at"));
    assert_eq!(refused(titled(&draw, "Still told apart")).await, None);
    bench.store.change_state("bounded", Action::Cancel, &Actor::CommandLine).await.expect("cancels");
    assert_eq!(refused(titled(&draw, "Too late")).await, Some("state"));
    assert_eq!(bench.reload("bounded").await.spec.title, "Still told apart");
}

async fn an_edit_finds_the_draw_closed_whose_time_has_come(bench: &Bench) {
    let draw = bench.draw("overdue", |spec| spec.closes_at = spec.opens_at + 10).await;
    bench.clock.advance(10);
    let later = DrawDetails { closes_at: draw.spec.closes_at + HOUR, ..draw.spec.details() };
    let edited = bench.edit("overdue", &later, &version(&draw)).await;
    assert!(matches!(&edited, Edited::Conflict(stored) if stored.state.as_str() == "closed"), "{edited:?}");
    let refused = bench.edit("overdue", &later, &Expected::Any).await;
    assert!(matches!(&refused, Edited::Refused(fault) if fault.key == "closes_at"), "{refused:?}");
    let stored = bench.reload("overdue").await;
    assert_eq!((stored.state.as_str(), stored.spec.closes_at), ("closed", draw.spec.closes_at));
}
