//! From what is stored to what organisers' pages show.

use app::models::When;
use app::pages::admin::models::{CaughtView, DrawRef, EntryLineView, HourView, LiveView, grouped};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use shared::{Layer, Phase};

use crate::store::Draw;
use crate::store::listing::{Caught, EntryLine, LiveCounts, RECENT_MAX};

const HOUR: i64 = 3_600_000;

/// The layers that catch duplicates, outermost first: shown even when they have caught none.
const CATCHING: [Layer; 4] = [Layer::Memory, Layer::Cache, Layer::Lock, Layer::Constraint];

/// An instant to the second: "1 Jun 2026, 10:00:05 BST".
pub fn moment(zone: TimeZone, at: i64) -> When {
    let instant = Timestamp::from_millisecond(at).unwrap_or_default();
    let text = instant.to_zoned(zone).strftime("%-d %b %Y, %H:%M:%S %Z").to_string();
    When { ms: at, iso: instant.to_string(), text }
}

/// The time of day: "10:00:05 UTC".
pub fn clock(at: i64) -> String {
    Timestamp::from_millisecond(at).unwrap_or_default().strftime("%H:%M:%S UTC").to_string()
}

/// What names a draw.
pub fn draw_ref(draw: &Draw, taken: i64, now: i64) -> DrawRef {
    let phase = draw.phase(now);
    let is_full =
        phase == Phase::Open && draw.spec.capacity.is_some_and(|capacity| taken >= i64::from(capacity));
    DrawRef { slug: draw.spec.slug.clone(), title: draw.spec.title.clone(), phase, is_full }
}

/// A draw's counts.
pub fn live(draw: &Draw, counts: &LiveCounts, now: i64) -> LiveView {
    let begun = now - now.rem_euclid(HOUR);
    let caught = layers(&counts.caught).into_iter().map(|layer| {
        let of_layer = || counts.caught.iter().filter(|caught| caught.layer == layer);
        CaughtView {
            this_hour: of_layer().filter(|caught| caught.hour == begun).map(|caught| caught.count).sum(),
            last_day: of_layer().map(|caught| caught.count).sum(),
            layer,
        }
    });
    LiveView {
        slug: draw.spec.slug.clone(),
        taken: counts.taken,
        capacity: draw.spec.capacity,
        last_hour: recent(counts.last_hour),
        last_minute: recent(counts.last_minute),
        caught: caught.collect(),
    }
}

/// How many entries there are of late, or that they are more than are counted.
fn recent(count: i64) -> String {
    if count > RECENT_MAX { format!("over {}", grouped(RECENT_MAX)) } else { grouped(count) }
}

/// The hours in which anything was caught, latest first, with the counts of the layers of [`live`].
pub fn hours(draw: &Draw, counts: &LiveCounts) -> Vec<HourView> {
    let layers = layers(&counts.caught);
    let mut hours: Vec<i64> = counts.caught.iter().map(|caught| caught.hour).collect();
    hours.sort_unstable_by(|a, b| b.cmp(a));
    hours.dedup();
    let row = |hour: i64| {
        let count = |layer: &String| {
            let found = counts.caught.iter().find(|caught| caught.hour == hour && caught.layer == *layer);
            found.map_or(0, |caught| caught.count)
        };
        let start = Timestamp::from_millisecond(hour).unwrap_or_default().to_zoned(draw.zone());
        HourView {
            hour: start.strftime("%a %H:%M %Z").to_string(),
            counts: layers.iter().map(count).collect(),
        }
    };
    hours.into_iter().map(row).collect()
}

/// The layers with a row of their own.
fn layers(caught: &[Caught]) -> Vec<String> {
    let mut layers: Vec<String> = CATCHING.map(|layer| layer.as_str().to_owned()).into();
    for Caught { layer, .. } in caught {
        if !layers.contains(layer) {
            layers.push(layer.clone());
        }
    }
    layers
}

/// The label of a category's id.
pub fn category(draw: &Draw, id: Option<&str>) -> Option<String> {
    id.map(|id| draw.spec.rules.category(id).map_or(id, |category| &category.label).to_owned())
}

/// The label of a session's id.
pub fn session(draw: &Draw, id: Option<&str>) -> Option<String> {
    id.map(|id| draw.spec.rules.session(id).map_or(id, |session| &session.label).to_owned())
}

/// One entry in a list.
pub fn line(draw: &Draw, line: EntryLine) -> EntryLineView {
    let EntryLine { id, state, registered_at, person, category: category_id, session: session_id } = line;
    EntryLineView {
        href: format!("/admin/draws/{}/entries/{registered_at}-{id}", draw.spec.slug),
        category: category(draw, category_id.as_deref()),
        session: session(draw, session_id.as_deref()),
        party_size: person.as_ref().map(|person| person.party_size),
        retries: person.as_ref().map(|person| person.retries),
        email: person.as_ref().map(|person| person.email.clone()),
        name: person.map(|person| person.full_name),
        registered: moment(draw.zone(), registered_at),
        state: state.as_str(),
    }
}

/// Milliseconds in words: "2 min 5 s".
pub fn duration(ms: i64) -> String {
    if ms < 1000 {
        return "less than a second".to_owned();
    }
    let seconds = ms / 1000;
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (size, unit) in units {
        if left / size > 0 {
            parts.push(format!("{} {unit}", left / size));
        }
        left %= size;
    }
    // Two units say enough.
    parts.truncate(2);
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_counted_to_its_end_says_so() {
        assert_eq!([0, RECENT_MAX].map(recent), ["0", "100,000"]);
        assert_eq!(recent(RECENT_MAX + 1), "over 100,000");
    }

    #[test]
    fn durations_are_told_in_two_units() {
        assert_eq!(
            [0, 999, 1000, 65_000, 3_600_000, 3_661_000, 90_061_000].map(duration),
            ["less than a second", "less than a second", "1 s", "1 min 5 s", "1 h", "1 h 1 min", "1 d 1 h"]
        );
    }
}
