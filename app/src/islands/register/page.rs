//! The form as it stands in the page: its data, its controls, and what is written beside them.
//!
//! The controls hold the values. What was typed before the island took over, or filled in by the browser, is
//! never overwritten by what the island believes.

use leptos::prelude::document;
use shared::entry::FIELDS;
use shared::rules::{Asked, Category, DrawRules, Session};
use shared::{EntryForm, FieldError};
use wasm_bindgen::JsCast as _;
use web_sys::{Element, FormData, HtmlFormElement, HtmlInputElement};

use super::checks::FieldSet;
use crate::islands::json::Json;
use crate::models::{FormValues, FormView, Notice, Tone};

/// Id of the form.
pub const FORM_ID: &str = "registration";
/// Id of the block of data that the server made the form of.
pub const DATA_ID: &str = "registration-data";

fn element(id: &str) -> Option<Element> {
    document().get_element_by_id(id)
}

/// What the server made the form of, less what is typed: that is in the controls.
pub fn form_view() -> FormView {
    let json = Json::parse(&element(DATA_ID).and_then(|block| block.text_content()).unwrap_or_default());
    let notice = json.member("notice");
    FormView {
        slug: json.text("slug"),
        rules: rules(&json.member("rules")),
        today: json.text("today"),
        closing_date: json.text("closing_date"),
        capped: json.flag("capped"),
        token: json.text("token"),
        token_expires_at: json.number("token_expires_at"),
        server_time: json.number("server_time"),
        errors: errors(&json),
        notice: json.flag("notice").then(|| Notice {
            tone: if notice.text("tone") == "Problem" { Tone::Problem } else { Tone::Info },
            title: notice.text("title"),
            detail: notice.text("detail"),
        }),
        ..FormView::default()
    }
}

/// The member `errors` of a problem, or of the page's data.
pub fn errors(json: &Json) -> Vec<FieldError> {
    let error = |error: &Json| FieldError {
        field: error.text("field").into(),
        code: error.text("code").into(),
        message: error.text("message").into(),
    };
    json.list("errors").iter().map(error).collect()
}

fn rules(json: &Json) -> DrawRules {
    let asked = |name| match json.text(name).as_str() {
        "required" => Asked::Required,
        "off" => Asked::Off,
        _ => Asked::Optional,
    };
    let texts = |json: &Json, name| json.list(name).iter().filter_map(Json::as_text).collect();
    let small = |json: &Json, name| u32::try_from(json.number(name)).unwrap_or_default();
    DrawRules {
        min_age: u8::try_from(json.number("min_age")).ok().filter(|age| *age > 0),
        countries: texts(json, "countries"),
        country: asked("country"),
        postcode: asked("postcode"),
        phone: asked("phone"),
        date_of_birth: asked("date_of_birth"),
        one_per_phone: json.flag("one_per_phone"),
        categories: json
            .list("categories")
            .iter()
            .map(|category| Category {
                id: category.text("id"),
                label: category.text("label"),
                min_party: small(category, "min_party"),
                max_party: small(category, "max_party"),
                member_id: category.given("member_id"),
            })
            .collect(),
        sessions: json
            .list("sessions")
            .iter()
            .map(|session| Session {
                id: session.text("id"),
                label: session.text("label"),
                excludes: texts(session, "excludes"),
            })
            .collect(),
    }
}

/// An entry as the API takes it: what is not given is not there.
pub fn entry_json(form: &EntryForm) -> String {
    let json = Json::object();
    let texts = [
        ("full_name", &form.full_name),
        ("email", &form.email),
        ("phone", &form.phone),
        ("date_of_birth", &form.date_of_birth),
        ("country", &form.country),
        ("postcode", &form.postcode),
        ("category", &form.category),
        ("session", &form.session),
        ("guardian_name", &form.guardian_name),
        ("member_id", &form.member_id),
    ];
    for (field, text) in texts {
        if !text.is_empty() {
            json.put(field, text.as_str());
        }
    }
    if let Some(size) = form.party_size {
        json.put("party_size", size as f64);
    }
    json.put("accept_terms", form.accept_terms);
    json.to_text()
}

/// What the controls hold.
pub fn values() -> FormValues {
    let data = element(FORM_ID)
        .and_then(|form| FormData::new_with_form(form.unchecked_ref::<HtmlFormElement>()).ok());
    FormValues::collect(|field| {
        data.as_ref().and_then(|data| data.get(field).as_string()).unwrap_or_default()
    })
}

/// Puts values into the controls: into all, or only into those that are empty.
pub fn fill(saved: &FormValues, overwrite: bool) {
    let present = values();
    for field in FIELDS {
        if overwrite || present.text(field).is_empty() {
            set(field, saved.text(field));
        }
    }
}

fn set(field: &str, value: &str) {
    let selector = ["#", FORM_ID, " [name=", field, "]"].concat();
    let Ok(controls) = document().query_selector_all(&selector) else { return };
    for at in 0..controls.length() {
        // A select has the same `value`: only the name counts.
        let Some(control) = controls.get(at).map(|node| node.unchecked_into::<HtmlInputElement>()) else {
            return;
        };
        if matches!(control.type_().as_str(), "radio" | "checkbox") {
            control.set_checked(control.value() == value);
        } else {
            control.set_value(value);
        }
    }
}

/// Writes the complaints beside the fields and into the summary, and hides the fields that do not matter.
pub fn show(complaints: &[FieldError], needed: FieldSet) {
    for field in FIELDS {
        let Some(control) = element(field) else { continue };
        let complaint = complaints.iter().find(|error| error.field == field);
        let _ = control.set_attribute("aria-invalid", if complaint.is_some() { "true" } else { "false" });
        if let Some(text) = element(&[field, "-error"].concat()) {
            text.set_text_content(complaint.map(|error| error.message.as_ref()));
        }
        if let Some(row) = control.closest(".field").ok().flatten() {
            let _ = row.toggle_attribute_with_force("hidden", !needed.has(field));
        }
    }
    // Replacing a link would take the focus from it, so a list that says the same already is left alone.
    let said: String = complaints.iter().map(|error| error.message.as_ref()).collect();
    if let Some(list) = element("error-list")
        && list.text_content().as_deref() != Some(&*said)
    {
        list.set_text_content(None);
        for error in complaints {
            let _ = add_link(&list, error);
        }
    }
}

fn add_link(list: &Element, error: &FieldError) -> Option<()> {
    let (item, link) = (document().create_element("li").ok()?, document().create_element("a").ok()?);
    link.set_attribute("href", &["#", &error.field].concat()).ok()?;
    link.set_text_content(Some(&error.message));
    item.append_child(&link).ok()?;
    list.append_child(&item).ok()?;
    Some(())
}
