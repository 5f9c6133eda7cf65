//! What of a draw may still be changed, what an edit changes, and what comes of it. Nothing here reads or
//! writes: each database reads, asks [`Step`], and writes what it says, in one transaction.

use shared::{DrawRules, DrawState};

use super::Fault;
use crate::store::draws::{Applied, DrawDetails, Edited, Expected};
use crate::store::{Draw, DrawSpec};

/// What of a draw's past an edit may not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Live entries.
    pub taken: i64,
    /// Whether anybody ever entered, live or not.
    pub entered: bool,
}

/// What is to be done about a wish to change a draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Store this as the next version; these parts change, by name.
    Store {
        /// What the organiser decided.
        spec: Box<DrawSpec>,
        /// The state: announced, or as it is.
        state: DrawState,
        /// Names, as in the file, of what changes.
        parts: Vec<&'static str>,
    },
    /// All is as wished already.
    Leave,
    /// Nothing: it may not be done.
    Refuse(Fault),
    /// Nothing: the wish was made upon another version.
    Conflict,
}

impl Step {
    /// What a file that holds a stored draw comes to.
    pub fn of_file(stored: &Draw, wanted: &DrawSpec, state: DrawState, standing: Standing) -> Self {
        let is_announced = stored.state == DrawState::Draft && state == DrawState::Announced;
        let next = if is_announced { DrawState::Announced } else { stored.state };
        Self::to(stored, wanted.clone(), next, standing)
    }

    /// What a form that was filled in upon one of the expected versions comes to.
    pub fn of_form(stored: &Draw, wanted: &DrawDetails, expected: &Expected, standing: Standing) -> Self {
        // First: what is as wished already is so in every version.
        if stored.spec.details() == *wanted {
            return Self::Leave;
        }
        if !expected.allows(stored.version) {
            return Self::Conflict;
        }
        Self::to(stored, stored.spec.with(wanted.clone()), stored.state, standing)
    }

    fn to(stored: &Draw, spec: DrawSpec, state: DrawState, standing: Standing) -> Self {
        if let Some(fault) = refusal(stored, &spec, standing) {
            return Self::Refuse(fault);
        }
        let mut parts = differences(&stored.spec, &spec);
        if state != stored.state {
            parts.push("state");
        }
        if parts.is_empty() { Self::Leave } else { Self::Store { spec: Box::new(spec), state, parts } }
    }

    /// What whoever applied a file is told. `stored` is the draw before the step.
    pub fn applied(self, stored: &Draw) -> Applied {
        match self {
            Self::Store { parts, .. } => Applied::Changed(parts),
            Self::Leave => Applied::Unchanged,
            Self::Refuse(fault) => Applied::Refused(format!("{}: {fault}", stored.spec.slug)),
            Self::Conflict => Applied::Refused(format!("{}: it was changed meanwhile.", stored.spec.slug)),
        }
    }

    /// What whoever sent a form is told. `stored` is the draw before the step.
    pub fn edited(self, stored: Draw) -> Edited {
        match self {
            Self::Store { parts, .. } => Edited::Changed(parts, stored.version + 1),
            Self::Leave => Edited::Unchanged(stored.version),
            Self::Refuse(fault) => Edited::Refused(fault),
            Self::Conflict => Edited::Conflict(Box::new(stored)),
        }
    }
}

/// Why an edit may not be done; `None` when it may.
fn refusal(stored: &Draw, wanted: &DrawSpec, standing: Standing) -> Option<Fault> {
    let now = &stored.spec;
    if stored.state == DrawState::Cancelled && now != wanted {
        return Some(Fault::new("state", "is cancelled: nothing can be changed any more"));
    }
    if stored.has_fixed_window() {
        let cannot = |key| {
            let why = format!("cannot be changed any more: the draw is {}", stored.state.as_str());
            Some(Fault::new(key, why))
        };
        if now.opens_at != wanted.opens_at {
            return cannot("opens_at");
        }
        if now.closes_at != wanted.closes_at {
            return cannot("closes_at");
        }
    }
    if standing.entered && now.rules.one_per_phone != wanted.rules.one_per_phone {
        let why = "cannot be changed: the draw has entries, and it decides which claims they hold";
        return Some(Fault::new("one_per_phone", why));
    }
    if standing.entered
        && let Some(fault) = breaks_entries(&now.rules, &wanted.rules)
    {
        return Some(fault);
    }
    if let Some(capacity) = wanted.capacity
        && i64::from(capacity) < standing.taken
    {
        let taken = standing.taken;
        return Some(Fault::new("capacity", format!("cannot be {capacity}: the draw has {taken} entries")));
    }
    None
}

/// What of a draw's rules cannot change once entries go by them: which claims they hold, and how many people
/// an entry stands for that does not say.
fn breaks_entries(now: &DrawRules, wanted: &DrawRules) -> Option<Fault> {
    for category in &now.categories {
        let id = &category.id;
        let Some(then) = wanted.category(id) else {
            return Some(Fault::new("categories", format!("cannot lose {id:?}: the draw has entries")));
        };
        if then.member_id != category.member_id {
            let why = format!("cannot change member_id of {id:?}: it is a claim of the draw's entries");
            return Some(Fault::new("categories", why));
        }
        if then.min_party != category.min_party {
            let why = format!("cannot change min_party of {id:?}: the draw's entries may rely on it");
            return Some(Fault::new("categories", why));
        }
    }
    if now.categories.is_empty() != wanted.categories.is_empty() {
        return Some(Fault::new("categories", "cannot be introduced: the draw has entries without one"));
    }
    if now.sessions.is_empty() != wanted.sessions.is_empty() {
        return Some(Fault::new("sessions", "cannot be introduced: the draw has entries without one"));
    }
    let gone = now.sessions.iter().find(|session| wanted.session(&session.id).is_none());
    gone.map(|session| Fault::new("sessions", format!("cannot lose {:?}: the draw has entries", session.id)))
}

/// The names, as in the file, of what an edit changes.
fn differences(stored: &DrawSpec, wanted: &DrawSpec) -> Vec<&'static str> {
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
