//! Rules that need more than one field. Each is a schema rule of [`EntryForm`]; its code says which
//! field the complaint belongs to.

use validator::ValidationError;

use crate::entry::{EntryForm, Judge, fault};
use crate::limits;
use crate::rules::{self, DrawRules};

/// The field a combination complains about, and the code people are given: the rule's own code names both.
pub(crate) fn field_and_code(rule: &str) -> (&'static str, &'static str) {
    match rule {
        "category-required" => ("category", "required"),
        "category" => ("category", "category"),
        "session-required" => ("session", "required"),
        "session" => ("session", "session"),
        "session-excludes" => ("session", "session-excludes"),
        "party-size-required" => ("party_size", "required"),
        "party-size" => ("party_size", "party-size"),
        "guardian-required" => ("guardian_name", "required"),
        "member-id-required" => ("member_id", "required"),
        "member-id-not-asked" => ("member_id", "not-asked"),
        _ => ("member_id", "member-id"),
    }
}

/// The category is one of the draw's.
pub(crate) fn category(form: &EntryForm, judge: &Judge<'_>) -> Result<(), ValidationError> {
    let typed = form.category.trim();
    let draw = judge.rules;
    if typed.is_empty() && !draw.categories.is_empty() {
        return Err(fault("category-required", "Choose a category"));
    }
    if !typed.is_empty() && draw.category(typed).is_none() {
        return Err(fault("category", "Choose one of the categories of this draw"));
    }
    Ok(())
}

/// The session is one of the draw's and takes this category.
pub(crate) fn session(form: &EntryForm, judge: &Judge<'_>) -> Result<(), ValidationError> {
    let typed = form.session.trim();
    let draw = judge.rules;
    if typed.is_empty() {
        return if draw.sessions.is_empty() {
            Ok(())
        } else {
            Err(fault("session-required", "Choose a session"))
        };
    }
    let Some(session) = draw.session(typed) else {
        return Err(fault("session", "Choose one of the sessions of this draw"));
    };
    let category = form.category.trim();
    if session.excludes.iter().any(|excluded| excluded == category) {
        let label = draw.category(category).map_or(category, |category| &category.label);
        return Err(fault(
            "session-excludes",
            format!("{} is not open to {label}. Choose another session", session.label),
        ));
    }
    Ok(())
}

/// How many people an entry stands for that does not say: the category's fewest, which is the only size of a
/// category that leaves nothing to choose.
pub(crate) fn default_party_size(form: &EntryForm, draw: &DrawRules) -> u32 {
    draw.category(form.category.trim()).map_or(1, |category| category.min_party)
}

/// The party fits the category. Its size may be absent where there is nothing to choose.
pub(crate) fn party(form: &EntryForm, judge: &Judge<'_>) -> Result<(), ValidationError> {
    let draw = judge.rules;
    let (min, max) = match draw.category(form.category.trim()) {
        Some(category) => (category.min_party, category.max_party),
        // The category itself is complained about elsewhere; any size of the draw will do until then.
        None => {
            draw.categories.iter().fold((1, 1), |(min, max), category| (min, max.max(category.max_party)))
        }
    };
    match form.party_size {
        None if min == max || draw.category(form.category.trim()).is_none() => Ok(()),
        None => Err(fault("party-size-required", format!("Enter how many people: {min} to {max}"))),
        Some(size) => match u32::try_from(size) {
            Ok(size) if (min..=max).contains(&size) => Ok(()),
            _ if min == max => {
                Err(fault("party-size", format!("Enter {min}: this category takes no other number")))
            }
            _ => Err(fault("party-size", format!("Enter a number of people from {min} to {max}"))),
        },
    }
}

/// Who is under 18 when the draw closes names a guardian.
pub(crate) fn guardian(form: &EntryForm, judge: &Judge<'_>) -> Result<(), ValidationError> {
    let Some(born) = rules::parse_date(form.date_of_birth.trim()) else {
        return Ok(()); // Absent or wrong: complained about there, where the draw asks for it.
    };
    if judge.rules.date_of_birth == rules::Asked::Off || born > judge.dates.today {
        return Ok(()); // Complained about there as well.
    }
    let is_minor = judge.dates.age_at_closing(born) < limits::ADULT_AGE;
    if is_minor && form.guardian_name.trim().is_empty() {
        return Err(fault(
            "guardian-required",
            "Enter the full name of your parent or guardian: you are under 18 when this draw closes",
        ));
    }
    Ok(())
}

/// A membership number is there exactly where the category needs one, and fits.
pub(crate) fn member(form: &EntryForm, judge: &Judge<'_>) -> Result<(), ValidationError> {
    let draw = judge.rules;
    let typed = form.member_id.trim();
    let category = draw.category(form.category.trim());
    if category.is_none() && !draw.categories.is_empty() {
        return Ok(()); // Which number belongs here, only the category tells; it is complained about itself.
    }
    let pattern = category.and_then(|category| category.member_id.as_deref());
    match (pattern, typed.is_empty()) {
        (None, true) => Ok(()),
        (None, false) => {
            Err(fault("member-id-not-asked", "Leave the membership number empty for this category"))
        }
        (Some(_), true) => Err(fault("member-id-required", "Enter your membership number")),
        (Some(pattern), false) if rules::member_number(pattern, typed).is_none() => {
            Err(fault("member-id", format!("Enter a membership number like {}", example(pattern))))
        }
        (Some(_), false) => Ok(()),
    }
}

/// A number that fits a pattern, to show what is meant.
fn example(pattern: &str) -> String {
    let digits = pattern.chars().enumerate().map(|(at, c)| match c {
        '#' => char::from_digit((at as u32 + 1) % 10, 10).unwrap_or('0'),
        '@' => 'A',
        literal => literal.to_ascii_uppercase(),
    });
    digits.collect()
}
