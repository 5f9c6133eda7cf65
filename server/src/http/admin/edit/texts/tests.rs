use shared::{DrawRules, DrawState};
use uuid::Uuid;

use super::*;
use crate::store::DrawSpec;

/// 2026-06-01T09:00:00Z: ten o'clock in London.
const OPENING: i64 = 1_780_304_400_000;
const HOUR: i64 = 3_600_000;

fn summer() -> Draw {
    let details = DrawDetails {
        title: "Summer".to_owned(),
        description: "One.\n\nTwo.".to_owned(),
        timezone: "Europe/London".to_owned(),
        opens_at: OPENING,
        closes_at: OPENING + 48 * HOUR,
        draws_at: None,
        mode: Mode::Strict,
        capacity: Some(400),
        terms_url: Some("https://example.org/terms".to_owned()),
        privacy_url: None,
        contact: Some("ada@example.org".to_owned()),
    };
    let spec = DrawSpec::new("summer".to_owned(), details, DrawRules::default(), Vec::new());
    Draw { id: Uuid::from_u128(1), spec, state: DrawState::Announced, version: 3 }
}

fn with(change: impl FnOnce(&mut DrawSpec)) -> Draw {
    let mut draw = summer();
    change(&mut draw.spec);
    draw
}

fn faults(draw: &Draw, change: impl FnOnce(&mut EditValues)) -> Vec<String> {
    let mut values = of(draw);
    change(&mut values);
    let errors = read(&values, draw).err().unwrap_or_default();
    errors.into_iter().map(|error| error.message.into_owned()).collect()
}

#[test]
fn the_texts_of_a_draw_mean_that_draw_whatever_its_instants() {
    // 2026-10-25: London's clocks go back at 01:00 UTC, so that half past one comes twice.
    let fold = 1_792_888_200_000;
    for draw in [
        summer(),
        with(|spec| spec.opens_at += 1),
        with(|spec| spec.opens_at += 59_000),
        with(|spec| (spec.opens_at, spec.closes_at) = (fold, fold + HOUR)),
        with(|spec| spec.draws_at = Some(spec.closes_at)),
        with(|spec| spec.timezone = "America/St_Johns".to_owned()),
        with(|spec| (spec.capacity, spec.description) = (None, String::new())),
    ] {
        let values = of(&draw);
        assert_eq!(read(&values, &draw), Ok(draw.spec.details()), "{values:?}");
        let as_sent = EditValues { description: values.description.replace('\n', "\r\n"), ..values };
        assert_eq!(read(&as_sent, &draw), Ok(draw.spec.details()), "as browsers send it");
    }
    assert_eq!(of(&summer()).opens_at, "2026-06-01T10:00");
    assert_eq!(of(&with(|spec| spec.opens_at += 1_001)).opens_at, "2026-06-01T10:00:01.001");
}

#[test]
fn times_are_local_to_the_zone_that_was_typed() {
    let draw = summer();
    let paris = EditValues { timezone: " europe/PARIS ".to_owned(), ..of(&draw) };
    let details = read(&paris, &draw).expect("is right");
    assert_eq!((details.opens_at, &*details.timezone), (OPENING - HOUR, "Europe/Paris"));
    // What is fixed stays, whatever the clocks of another zone say at that instant.
    let closed = Draw { state: DrawState::Closed, ..summer() };
    let details = read(&paris, &closed).expect("is right");
    assert_eq!((details.opens_at, details.closes_at), (OPENING, OPENING + 48 * HOUR));
    let spaced = EditValues { opens_at: "2026-06-01 10:00:30".to_owned(), ..of(&draw) };
    assert_eq!(read(&spaced, &draw).expect("is right").opens_at, OPENING + 30_000);
}

#[test]
fn a_time_that_is_none_or_two_is_refused() {
    let draw = with(|spec| spec.closes_at = OPENING + 365 * 24 * HOUR);
    let closing = |text: &str| faults(&draw, |values| values.closes_at = text.to_owned());
    assert_eq!(closing("2027-03-28T01:30").len(), 1);
    assert!(closing("2027-03-28T01:30")[0].contains("clocks go forward"));
    assert!(closing("2026-10-25T01:30")[0].contains("clocks go back"));
    assert_eq!(closing("2026-10-25T00:59"), Vec::<String>::new());
    for text in [
        "",
        "tomorrow",
        "2026-06-31T10:00",
        "2026-06-03",
        "2026-06-03T25:00",
        "2026-06-03T10:00Z",
        "2026-06-03T10:00+01:00",
        "2026-06-03T10:00-05:00",
        "2026-06-03T10:00[Europe/Paris]",
    ] {
        assert_eq!(
            closing(text),
            ["Closing time has to be a date and a time, like 2026-06-01T10:00"],
            "{text}"
        );
    }
    assert_eq!(closing("2026-06-01T10:00"), ["Closing time has to come after the opening time"]);
}

#[test]
fn every_fault_is_told_once_in_the_order_of_the_form() {
    let draw = summer();
    let told = faults(&draw, |values| {
        values.title = " ".to_owned();
        values.description = "a\0b".to_owned();
        values.opens_at = "soon".to_owned();
        values.closes_at = "2020-01-01T00:00".to_owned();
        values.draws_at = "later".to_owned();
        values.timezone = "Europe/Atlantis".to_owned();
        values.capacity = "1,000".to_owned();
        values.mode = "none".to_owned();
        values.terms_url = "javascript:alert(1)".to_owned();
        values.privacy_url = "example.org".to_owned();
        values.contact = "ask me".to_owned();
    });
    let begins = [
        "Title has",
        "Description has",
        "Opening time has",
        "Drawing time has",
        "Time zone \"Europe/Atlantis\" is",
        "Capacity has",
        "Repeats has",
        "Link to the terms has",
        "Link to the privacy notice has",
        "Contact has",
    ];
    assert_eq!(told.len(), begins.len(), "{told:?}");
    for (message, begin) in told.iter().zip(begins) {
        assert!(message.starts_with(begin), "{message}");
    }
    for capacity in ["0", "-1", "4294967296", "1.5", "\u{661}"] {
        let told = faults(&draw, |values| values.capacity = capacity.to_owned());
        assert!(told.len() == 1 && told[0].starts_with("Capacity has to be"), "{capacity}: {told:?}");
    }
}

#[test]
fn what_differs_is_beside_what_does_not() {
    let (stored, typed) = (of(&summer()), EditValues { title: "Summer Ball".to_owned(), ..of(&summer()) });
    let sent = EditValues { description: "One.\r\n\r\nTwo. ".to_owned(), capacity: String::new(), ..typed };
    let both = compare(&stored, &sent);
    let labels: Vec<&str> = both.differing.iter().map(|difference| difference.label).collect();
    assert_eq!(labels, ["Title", "Capacity"]);
    assert_eq!(both.differing[1].typed, Marked::default());
    assert_eq!(both.same.len(), 9);
    assert!(both.same.contains(&("Opening time", "Monday 1 June 2026, 10:00".to_owned())));
    assert!(both.same.contains(&("Repeats", "The repeat is refused".to_owned())));
    assert!(both.same.contains(&("Drawing time", "None".to_owned())));
}
