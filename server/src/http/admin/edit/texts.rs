//! The form's texts: of what is stored, and read as what they mean.

use app::pages::admin::models::edit::{Conflict, Difference, EditValues, Marked, PARTS, label};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use shared::FieldError;

use crate::draws::{Fault, check};
use crate::store::draws::DrawDetails;
use crate::store::{Draw, Mode};

/// The texts of what is stored.
pub fn of(draw: &Draw) -> EditValues {
    let spec = &draw.spec;
    let zone = draw.zone();
    EditValues {
        title: spec.title.clone(),
        description: spec.description.clone(),
        timezone: spec.timezone.clone(),
        opens_at: local(&zone, spec.opens_at),
        closes_at: local(&zone, spec.closes_at),
        draws_at: spec.draws_at.map(|at| local(&zone, at)).unwrap_or_default(),
        mode: spec.mode.as_str().to_owned(),
        capacity: spec.capacity.map(|capacity| capacity.to_string()).unwrap_or_default(),
        terms_url: spec.terms_url.clone().unwrap_or_default(),
        privacy_url: spec.privacy_url.clone().unwrap_or_default(),
        contact: spec.contact.clone().unwrap_or_default(),
    }
}

/// An instant as `datetime-local` has it, as exact as it is stored: "2026-06-01T10:00".
fn local(zone: &TimeZone, at: i64) -> String {
    let time = Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(zone.clone()).datetime();
    let format = match (time.millisecond(), time.second()) {
        (0, 0) => "%Y-%m-%dT%H:%M",
        (0, _) => "%Y-%m-%dT%H:%M:%S",
        _ => "%Y-%m-%dT%H:%M:%S%.3f",
    };
    time.strftime(format).to_string()
}

/// A text without what browsers and fingers add.
fn tidy(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

/// What the texts mean.
///
/// # Errors
/// What is wrong with them, at most one a field, in the order of the form.
pub fn read(values: &EditValues, draw: &Draw) -> Result<DrawDetails, Vec<FieldError>> {
    let mut faults = Vec::new();
    let zone = TimeZone::get(values.timezone.trim());
    // Names are found in any case; what is stored is spelled as it should be.
    let timezone = zone.as_ref().ok().and_then(|zone| zone.iana_name()).unwrap_or(values.timezone.trim());
    let clock = Clock {
        keeps: draw.has_fixed_window() || timezone == draw.spec.timezone,
        stored_zone: draw.zone(),
        zone: zone.clone().unwrap_or(TimeZone::UTC),
    };
    let spec = &draw.spec;
    let (opens_at, closes_at, draws_at) = (
        clock.instant("opens_at", &values.opens_at, Some(spec.opens_at)),
        clock.instant("closes_at", &values.closes_at, Some(spec.closes_at)),
        match values.draws_at.trim() {
            "" => Ok(None),
            text => clock.instant("draws_at", text, spec.draws_at).map(Some),
        },
    );
    let has_times = opens_at.is_ok() && closes_at.is_ok();
    let mut or =
        |read: Result<i64, Fault>, stored| read.unwrap_or_else(|fault| (faults.push(fault), stored).1);
    let details = DrawDetails {
        title: values.title.trim().to_owned(),
        description: tidy(&values.description),
        timezone: timezone.to_owned(),
        opens_at: or(opens_at, spec.opens_at),
        closes_at: or(closes_at, spec.closes_at),
        draws_at: draws_at.unwrap_or_else(|fault| (faults.push(fault), None).1),
        mode: mode(&values.mode).unwrap_or_else(|fault| (faults.push(fault), spec.mode).1),
        capacity: capacity(&values.capacity).unwrap_or_else(|fault| (faults.push(fault), None).1),
        terms_url: optional(&values.terms_url),
        privacy_url: optional(&values.privacy_url),
        contact: optional(&values.contact),
    };
    // Where a time cannot be read, there is nothing to say about what it has to do with others.
    let counts = |fault: &Fault| has_times || !matches!(fault.key, "closes_at" | "draws_at");
    faults.extend(check::details(&details).into_iter().filter(counts));
    if faults.is_empty() { Ok(details) } else { Err(in_order(&faults)) }
}

/// Faults as they are told beside the fields.
fn in_order(faults: &[Fault]) -> Vec<FieldError> {
    let of_part = |part: &str| faults.iter().find(|fault| fault.key == part);
    PARTS.iter().filter_map(|(part, _)| of_part(part)).map(|fault| told(fault, "invalid")).collect()
}

/// A fault as it is told beside its field.
pub fn told(fault: &Fault, code: &'static str) -> FieldError {
    let message = format!("{} {}", label(fault.key), fault.why);
    FieldError { field: fault.key.into(), code: code.into(), message: message.into() }
}

/// Reads local times.
struct Clock {
    zone: TimeZone,
    stored_zone: TimeZone,
    /// Whether a text that stands for what is stored means just that: twice an autumn one text stands for two
    /// instants, and a window that is fixed stays where it is in any zone.
    keeps: bool,
}

impl Clock {
    fn instant(&self, key: &'static str, text: &str, stored: Option<i64>) -> Result<i64, Fault> {
        let text = text.trim();
        if let Some(at) = stored.filter(|&at| self.keeps && local(&self.stored_zone, at) == text) {
            return Ok(at);
        }
        let fault = |why: &str| Fault::new(key, why);
        let no_time = || fault("has to be a date and a time, like 2026-06-01T10:00");
        let time = parse(text).ok_or_else(no_time)?;
        let offset = match self.zone.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { .. } => {
                return Err(fault("does not exist on that day: the clocks go forward over it"));
            }
            AmbiguousOffset::Fold { .. } => {
                return Err(fault("comes twice on that day, because the clocks go back: choose another"));
            }
        };
        offset.to_timestamp(time).map(|at| at.as_millisecond()).map_err(|_| no_time())
    }
}

fn parse(text: &str) -> Option<DateTime> {
    let text = text.trim().replacen(' ', "T", 1);
    let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f"];
    formats.into_iter().find_map(|format| DateTime::strptime(format, &text).ok())
}

fn mode(text: &str) -> Result<Mode, Fault> {
    match text {
        "lenient" => Ok(Mode::Lenient),
        "strict" => Ok(Mode::Strict),
        _ => Err(Fault::new("mode", "has to be one of the two")),
    }
}

fn capacity(text: &str) -> Result<Option<u32>, Fault> {
    match text.trim() {
        "" => Ok(None),
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().map(Some).map_err(|_| Fault::new("capacity", check::CAPACITY))
        }
        _ => Err(Fault::new("capacity", check::CAPACITY)),
    }
}

fn optional(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What is stored beside what was typed.
pub fn compare(stored: &EditValues, typed: &EditValues) -> Conflict {
    let mut conflict = Conflict::default();
    for (part, label) in PARTS {
        let [stored, typed] = [stored, typed].map(|values| shown(part, values.text(part)));
        if stored == typed {
            let text = if stored.is_empty() { "None".to_owned() } else { stored };
            conflict.same.push((label, text));
        } else {
            let (stored, typed) = Marked::pair(&stored, &typed);
            conflict.differing.push(Difference { label, stored, typed });
        }
    }
    conflict
}

/// A part's text as people read it.
fn shown(part: &str, text: &str) -> String {
    match (part, tidy(text)) {
        ("opens_at" | "closes_at" | "draws_at", text) => match parse(&text) {
            Some(time) if time.second() == 0 => time.strftime("%A %-d %B %Y, %H:%M").to_string(),
            Some(time) => time.strftime("%A %-d %B %Y, %H:%M:%S%.f").to_string(),
            None => text,
        },
        ("mode", text) => match &*text {
            "lenient" => "The first stands".to_owned(),
            "strict" => "The repeat is refused".to_owned(),
            _ => text,
        },
        (_, text) => text,
    }
}

#[cfg(test)]
mod tests;
