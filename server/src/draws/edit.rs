//! What of a draw may still be changed, and what an edit changes.

use shared::{DrawRules, DrawState};

use crate::store::{Draw, DrawSpec};

/// Why an edit is refused, as a sentence; `None` when it may be done. `taken` counts live entries, `entered`
/// says whether anybody ever entered.
pub fn refusal(stored: &Draw, wanted: &DrawSpec, taken: i64, entered: bool) -> Option<String> {
    let now = &stored.spec;
    let slug = &now.slug;
    if stored.state == DrawState::Cancelled && now != wanted {
        return Some(format!("{slug} is cancelled and cannot be changed."));
    }
    let is_frozen = !matches!(stored.state, DrawState::Draft | DrawState::Announced);
    if is_frozen && (now.opens_at, now.closes_at) != (wanted.opens_at, wanted.closes_at) {
        return Some(format!(
            "{slug} is {}: opens_at and closes_at cannot be changed.",
            stored.state.as_str()
        ));
    }
    if entered && now.rules.one_per_phone != wanted.rules.one_per_phone {
        return Some(format!(
            "{slug} has entries: one_per_phone cannot be changed, it decides which claims they hold."
        ));
    }
    if entered && let Some(why) = breaks_entries(&now.rules, &wanted.rules) {
        return Some(format!("{slug} has entries: {why}"));
    }
    if let Some(capacity) = wanted.capacity
        && i64::from(capacity) < taken
    {
        return Some(format!("{slug} has {taken} entries: capacity cannot be {capacity}."));
    }
    None
}

/// What of a draw's rules cannot change once entries go by them: which claims they hold, and how many people
/// an entry stands for that does not say.
fn breaks_entries(now: &DrawRules, wanted: &DrawRules) -> Option<String> {
    for category in &now.categories {
        let id = &category.id;
        let Some(then) = wanted.category(id) else {
            return Some(format!("category {id:?} cannot be taken away."));
        };
        if then.member_id != category.member_id {
            return Some(format!(
                "member_id of category {id:?} cannot be changed, it is a claim of its entries."
            ));
        }
        if then.min_party != category.min_party {
            return Some(format!("min_party of category {id:?} cannot be changed, entries may rely on it."));
        }
    }
    if now.categories.is_empty() != wanted.categories.is_empty() {
        return Some("categories cannot be introduced, its entries have none.".to_owned());
    }
    if now.sessions.is_empty() != wanted.sessions.is_empty() {
        return Some("sessions cannot be introduced, its entries have none.".to_owned());
    }
    let gone = now.sessions.iter().find(|session| wanted.session(&session.id).is_none());
    gone.map(|session| format!("session {:?} cannot be taken away.", session.id))
}

/// The names, as in the file, of what an edit changes.
pub fn differences(stored: &DrawSpec, wanted: &DrawSpec) -> Vec<&'static str> {
    let (now, then) = (stored, wanted);
    let parts = [
        ("title", now.title != then.title),
        ("description", now.description != then.description),
        ("timezone", now.timezone != then.timezone),
        ("opens_at", now.opens_at != then.opens_at),
        ("closes_at", now.closes_at != then.closes_at),
        ("draws_at", now.draws_at != then.draws_at),
        ("mode", now.mode != then.mode),
        ("capacity", now.capacity != then.capacity),
        ("terms_url", now.terms_url != then.terms_url),
        ("privacy_url", now.privacy_url != then.privacy_url),
        ("contact", now.contact != then.contact),
        ("min_age", now.rules.min_age != then.rules.min_age),
        ("countries", now.rules.countries != then.rules.countries),
        ("country", now.rules.country != then.rules.country),
        ("postcode", now.rules.postcode != then.rules.postcode),
        ("phone", now.rules.phone != then.rules.phone),
        ("date_of_birth", now.rules.date_of_birth != then.rules.date_of_birth),
        ("one_per_phone", now.rules.one_per_phone != then.rules.one_per_phone),
        ("categories", now.rules.categories != then.rules.categories),
        ("sessions", now.rules.sessions != then.rules.sessions),
        ("destinations", now.destinations != then.destinations),
    ];
    parts.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
}
