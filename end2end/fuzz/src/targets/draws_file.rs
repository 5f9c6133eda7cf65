//! The file of an organiser's draws: TOML.

use server::draws::{Standing, Step, check, file};
use server::http::admin::edit::texts;
use server::http::views::{DrawJson, card, draw_view};
use server::store::{Draw, DrawSpec};
use shared::{DrawRules, DrawState, EntryForm};
use uuid::Uuid;

use crate::input::Input;
use crate::promises;
use crate::world::NOW;

/// A draw that is right but for what follows.
const BEGINNING: &str = "[[draw]]\nslug = \"summer\"\ntitle = \"Summer\"\ntimezone = \"Europe/London\"\n";
const WINDOW: &str = "opens_at = 2026-06-01T09:00:00Z\ncloses_at = 2026-06-08T10:00:00+01:00\n";

/// What is accepted keeps every promise about draws, can be shown at any instant, stored and read again, and is the
/// same draw when it is applied again or saved unchanged on the web.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let beginning = input.choose(&[["", ""], [BEGINNING, ""], [BEGINNING, WINDOW]]).concat();
    let Some(rest) = input.text() else { return };
    match file::parse(&(beginning + rest)) {
        Ok(draws) => {
            assert!(!draws.is_empty());
            for (at, (spec, state)) in draws.iter().enumerate() {
                assert!(
                    draws[..at].iter().all(|(other, _)| other.slug != spec.slug),
                    "a slug names one draw"
                );
                right(spec);
                usable(&Draw { id: Uuid::from_u128(1), spec: spec.clone(), state: *state, version: 1 });
            }
        }
        Err(error) => assert!(!error.0.trim().is_empty(), "a file is refused for a reason"),
    }
}

fn right(spec: &DrawSpec) {
    assert_eq!(check::slug(&spec.slug), Ok(()));
    assert_eq!(check::details(&spec.details()), []);
    assert_eq!(check::rules(&spec.rules), Ok(()));
    assert_eq!(check::destinations(&spec.destinations), Ok(()));
    let stored = serde_json::to_string(&spec.rules).expect("rules are JSON");
    assert_eq!(serde_json::from_str::<DrawRules>(&stored).expect("rules"), spec.rules, "as they are stored");
}

fn usable(draw: &Draw) {
    let spec = &draw.spec;
    promises::of_form(&EntryForm::default(), draw);
    // No clock shows the last two.
    for now in [spec.opens_at - 1, spec.opens_at, NOW, spec.closes_at, i64::MIN, i64::MAX] {
        card(draw, now);
        draw_view(draw, false, now);
        assert!(serde_json::to_string(&DrawJson::new(draw, now)).is_ok());
        let dates = draw.dates(now);
        let is_shown_by_clocks = now != i64::MIN && now < spec.closes_at;
        assert!(!is_shown_by_clocks || dates.today <= dates.closing, "{dates:?}");
    }
    let shown = texts::read(&texts::of(draw), draw);
    assert_eq!(shown, Ok(spec.details()), "a form that is not touched changes nothing");
    let standing = Standing { taken: 0, entered: true };
    for state in [DrawState::Draft, DrawState::Announced] {
        match Step::of_file(draw, spec, state, standing) {
            Step::Leave => {}
            Step::Store { parts, .. } => {
                assert_eq!(
                    (parts, draw.state, state),
                    (vec!["state"], DrawState::Draft, DrawState::Announced)
                );
            }
            other => panic!("applied again: {other:?}"),
        }
    }
}
