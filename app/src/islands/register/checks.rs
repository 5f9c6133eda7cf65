//! Which fields are asked at present, and which complaints are shown. Pure.

use shared::entry::FIELDS;
use shared::rules::{Asked, Dates, DrawRules, parse_date};
use shared::{Entry, EntryForm, FieldError, limits};

use crate::models::FormValues;

/// A set of fields, one bit for each of [`FIELDS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u16);

impl FieldSet {
    /// Every field.
    pub const ALL: Self = Self(u16::MAX);

    /// With one field more; an unknown name adds nothing.
    pub fn with(self, field: &str) -> Self {
        Self(self.0 | bit(field))
    }

    /// Whether the field is among them.
    pub fn has(self, field: &str) -> bool {
        self.0 & bit(field) != 0
    }
}

fn bit(field: &str) -> u16 {
    FIELDS.iter().position(|known| *known == field).map_or(0, |at| 1 << at)
}

/// Whether the form has the field at all for this draw.
pub fn is_asked(field: &str, rules: &DrawRules) -> bool {
    match field {
        "phone" => rules.phone != Asked::Off,
        // Only a date of birth can show that a guardian is needed.
        "date_of_birth" | "guardian_name" => rules.date_of_birth != Asked::Off,
        "country" => rules.country != Asked::Off,
        "postcode" => rules.postcode != Asked::Off,
        "category" => !rules.categories.is_empty(),
        "session" => !rules.sessions.is_empty(),
        "member_id" => rules.asks_member_id(),
        "party_size" => rules.asks_party_size(),
        _ => true,
    }
}

/// Whether the field matters to these answers. Those that do not are hidden, and not sent.
pub fn is_needed(field: &str, values: &FormValues, rules: &DrawRules, dates: Dates) -> bool {
    let category = rules.category(values.category.trim());
    match field {
        "guardian_name" => parse_date(values.date_of_birth.trim())
            .is_some_and(|born| dates.age_at_closing(born) < limits::ADULT_AGE),
        "member_id" => category.is_some_and(|category| category.member_id.is_some()),
        "party_size" => category.is_none_or(|category| category.min_party < category.max_party),
        _ => true,
    }
}

/// What is sent: the answers, less those that do not matter.
pub fn payload(values: &FormValues, rules: &DrawRules, dates: Dates) -> EntryForm {
    let mut form = values.to_entry_form();
    if !is_needed("guardian_name", values, rules, dates) {
        form.guardian_name.clear();
    }
    if !is_needed("member_id", values, rules, dates) {
        form.member_id.clear();
    }
    if !is_needed("party_size", values, rules, dates) {
        form.party_size = None;
    }
    form
}

/// The complaints to show, in the order of the form: those of the rules about `touched` fields, and where
/// the rules have none, what the server said.
pub fn complaints(
    form: &EntryForm,
    rules: &DrawRules,
    dates: Dates,
    touched: FieldSet,
    rejected: &[FieldError],
) -> Vec<FieldError> {
    let found = Entry::parse(form, rules, dates).err().unwrap_or_default();
    let complaint = |field: &str| {
        let of_field = |error: &&FieldError| error.field == field;
        let ours = found.iter().find(of_field).filter(|_| touched.has(field));
        ours.or_else(|| rejected.iter().find(of_field)).cloned()
    };
    FIELDS.into_iter().filter_map(complaint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Category;

    fn dates() -> Dates {
        let date = |text| parse_date(text).expect("a date");
        Dates { today: date("2026-05-01"), closing: date("2026-06-08") }
    }

    fn rules() -> DrawRules {
        let category = |id: &str, max_party, member_id: Option<&str>| Category {
            id: id.to_owned(),
            label: id.to_owned(),
            min_party: 1,
            max_party,
            member_id: member_id.map(str::to_owned),
        };
        let categories = vec![category("general", 4, None), category("member", 1, Some("M###"))];
        DrawRules { categories, ..DrawRules::default() }
    }

    fn ada() -> FormValues {
        FormValues {
            full_name: "Ada Lovelace".to_owned(),
            email: "ada@example.org".to_owned(),
            category: "general".to_owned(),
            party_size: "2".to_owned(),
            accept_terms: true,
            ..FormValues::default()
        }
    }

    #[test]
    fn a_membership_number_of_another_category_is_not_sent() {
        let mut values = FormValues { member_id: "M123".to_owned(), ..ada() };
        assert_eq!(payload(&values, &rules(), dates()).member_id, "");
        values.category = "member".to_owned();
        let form = payload(&values, &rules(), dates());
        assert_eq!((form.member_id.as_str(), form.party_size), ("M123", None));
    }

    #[test]
    fn a_guardian_is_needed_below_18_at_closing() {
        let needed = |born: &str| {
            let values = FormValues { date_of_birth: born.to_owned(), ..ada() };
            is_needed("guardian_name", &values, &rules(), dates())
        };
        assert!(needed("2008-06-09") && !needed("2008-06-08") && !needed(""));
    }

    #[test]
    fn only_touched_fields_are_complained_about() {
        let form = FormValues::default().to_entry_form();
        let shown = |touched| complaints(&form, &rules(), dates(), touched, &[]);
        assert!(shown(FieldSet::default()).is_empty());
        assert_eq!(shown(FieldSet::default().with("email")).len(), 1);
        assert!(shown(FieldSet::ALL).len() > 3);
    }

    #[test]
    fn what_the_server_said_is_shown_in_its_place() {
        let taken = FieldError { field: "email".into(), code: "taken".into(), message: "Taken".into() };
        let form = FormValues { accept_terms: false, ..ada() }.to_entry_form();
        let shown = complaints(&form, &rules(), dates(), FieldSet::ALL, &[taken]);
        let fields: Vec<&str> = shown.iter().map(|error| error.field.as_ref()).collect();
        assert_eq!(fields, ["email", "accept_terms"]);
    }

    #[test]
    fn a_party_that_is_no_number_is_complained_about() {
        let form = FormValues { party_size: "two".to_owned(), ..ada() }.to_entry_form();
        let shown = complaints(&form, &rules(), dates(), FieldSet::ALL, &[]);
        assert_eq!(shown[0].code, "party-size");
    }
}
