//! The markup of the form's fields: made on the server, and never again. What changes about them in the
//! browser is written by [`super::page::show`], which knows them by their ids: `email` is the control,
//! `email-error` the complaint about it, and the `.field` around both is hidden where it does not matter.

use leptos::prelude::*;
use shared::FieldError;
use shared::rules::{Asked, Category, DrawRules};

use super::checks::is_asked;
use crate::countries;
use crate::models::FormView;

/// All fields, in the order of [`shared::entry::FIELDS`].
pub fn fields(form: &FormView) -> String {
    let rules = &form.rules;
    let row = |name: &str, field: fn(&FormView) -> AnyView| is_asked(name, rules).then(|| field(form));
    let view = view! {
        {about_you(form)}
        {row("category", category_field)}
        {row("member_id", member_field)}
        {row("session", session_field)}
        {row("party_size", party_field)}
        {terms_field(form)}
    };
    view.to_html()
}

fn about_you(form: &FormView) -> impl IntoView + use<> {
    let DrawRules { phone, date_of_birth, country, postcode, .. } = form.rules;
    let text = |name, label, hint, kind, autocomplete, asked| {
        let is_optional = asked != Asked::Required;
        let field = TextField { name, label, hint, kind, autocomplete, is_optional };
        is_asked(name, &form.rules).then(|| text_field(form, field))
    };
    view! {
        {text("full_name", "Full name", "", "text", "name", Asked::Required)}
        {text("email", "Email", "", "email", "email", Asked::Required)}
        {text("phone", "Phone", "With the country code, like +44 1632 960961.", "tel", "tel", phone)}
        {text("date_of_birth", "Date of birth", "", "date", "bday", date_of_birth)}
        {text("guardian_name", "Parent or guardian", "Full name. Needed from those who are under 18 when the draw \
            closes.", "text", "section-guardian name", Asked::Required)}
        {is_asked("country", &form.rules).then(|| country_field(form, country != Asked::Required))}
        {text("postcode", "Postcode", "", "text", "postal-code", postcode)}
    }
}

/// A field with a line of text.
struct TextField {
    name: &'static str,
    label: &'static str,
    /// Empty for none.
    hint: &'static str,
    /// `type` of the input.
    kind: &'static str,
    /// Empty where the browser has nothing to offer. Not "off": that would also keep it from restoring what
    /// was typed when one comes Back.
    autocomplete: &'static str,
    is_optional: bool,
}

fn text_field(form: &FormView, field: TextField) -> impl IntoView + use<> {
    let TextField { name, label, hint, kind, autocomplete, is_optional } = field;
    let is_number = name == "party_size";
    // Hidden, once the browser can tell that they do not matter.
    let is_conditional = matches!(name, "guardian_name" | "member_id");
    view! {
        <div class="field" data-conditional=is_conditional.then_some("")>
            {label_of(name, label, is_optional)}
            {(!hint.is_empty()).then(|| view! { <p class="field__hint" id=format!("{name}-hint")>{hint}</p> })}
            {complaint_of(form, name)}
            <input id=name name=name type=kind value=form.values.text(name).to_owned()
                autocomplete=(!autocomplete.is_empty()).then_some(autocomplete)
                class=is_number.then_some("short")
                inputmode=is_number.then_some("numeric")
                spellcheck=(kind != "text").then_some("false")
                aria-required=(!is_optional && !is_conditional).then_some("true")
                aria-describedby=described_by(name, !hint.is_empty())
                aria-invalid=is_wrong(form, name)/>
        </div>
    }
}

fn country_field(form: &FormView, is_optional: bool) -> impl IntoView + use<> {
    let name = "country";
    view! {
        <div class="field">
            {label_of(name, "Country", is_optional)}
            {complaint_of(form, name)}
            <select id=name name=name autocomplete="country" aria-required=(!is_optional).then_some("true")
                aria-describedby=described_by(name, false) aria-invalid=is_wrong(form, name)
                inner_html=countries::options(&form.rules.countries, &form.values.country)></select>
        </div>
    }
}

fn member_field(form: &FormView) -> AnyView {
    let hint = "Needed in categories for members. Leave it empty in the others.";
    let label = "Membership number";
    let field =
        TextField { name: "member_id", label, hint, kind: "text", autocomplete: "", is_optional: false };
    text_field(form, field).into_any()
}

fn party_field(form: &FormView) -> AnyView {
    let (label, hint) = ("How many people", "Yourself included.");
    let field =
        TextField { name: "party_size", label, hint, kind: "text", autocomplete: "", is_optional: false };
    text_field(form, field).into_any()
}

/// One of a few: what is sent, what people read, what it implies.
type Choice = (String, String, String);

fn category_field(form: &FormView) -> AnyView {
    let choice = |category: &Category| (category.id.clone(), category.label.clone(), category_hint(category));
    choice_field(form, "category", "Category", form.rules.categories.iter().map(choice).collect()).into_any()
}

fn session_field(form: &FormView) -> AnyView {
    let hint = |excludes: &[String]| {
        let labels: Vec<&str> = excludes
            .iter()
            .filter_map(|id| form.rules.category(id))
            .map(|category| category.label.as_str())
            .collect();
        if labels.is_empty() { String::new() } else { format!("Not open to {}", labels.join(", ")) }
    };
    let sessions = form.rules.sessions.iter();
    let choices =
        sessions.map(|session| (session.id.clone(), session.label.clone(), hint(&session.excludes)));
    choice_field(form, "session", "Session", choices.collect()).into_any()
}

fn category_hint(category: &Category) -> String {
    let party = match (category.min_party, category.max_party) {
        (1, 1) => "1 person".to_owned(),
        (min, max) if min == max => format!("{min} people"),
        (min, max) => format!("{min} to {max} people"),
    };
    if category.member_id.is_some() { format!("{party}, with a membership number") } else { party }
}

/// A group of radio buttons. A single choice is chosen already.
fn choice_field(
    form: &FormView,
    name: &'static str,
    legend: &'static str,
    choices: Vec<Choice>,
) -> impl IntoView + use<> {
    let chosen = form.values.text(name);
    let is_single = choices.len() == 1;
    let options = choices.into_iter().map(|(id, label, hint)| {
        let is_checked = is_single || id == chosen;
        view! {
            <label class="choice">
                <input type="radio" name=name value=id checked=is_checked/>
                <span class="choice__text">{label}{(!hint.is_empty()).then(|| view! { <small>{hint}</small> })}</span>
            </label>
        }
    });
    view! {
        <fieldset class="field" id=name role="radiogroup" aria-required="true"
            aria-describedby=described_by(name, false) aria-invalid=is_wrong(form, name)>
            <legend>{legend}</legend>
            {complaint_of(form, name)}
            <div class="choices">{options.collect_view()}</div>
        </fieldset>
    }
}

fn terms_field(form: &FormView) -> impl IntoView + use<> {
    let name = "accept_terms";
    let terms = match form.terms_url.clone() {
        Some(url) => link_beside(url, "terms of this draw").into_any(),
        None => "terms of this draw".into_any(),
    };
    let privacy = form.privacy_url.clone().map(|url| {
        view! { <p class="field__hint">"How your data is used: " {link_beside(url, "privacy notice")} "."</p> }
    });
    view! {
        <div class="field">
            {complaint_of(form, name)}
            <label class="choice choice--plain">
                <input type="checkbox" id=name name=name value="true" checked=form.values.accept_terms
                    aria-required="true" aria-describedby=described_by(name, false) aria-invalid=is_wrong(form, name)/>
                <span class="choice__text"><span>"I accept the " {terms}</span></span>
            </label>
            {privacy}
        </div>
    }
}

/// A link that opens beside the form, so that nothing typed is lost.
fn link_beside(url: String, text: &'static str) -> impl IntoView {
    view! {
        <a href=url target="_blank" rel="noopener">{text}<span class="visually-hidden">" (opens in a new tab)"</span></a>
    }
}

fn label_of(name: &'static str, label: &'static str, is_optional: bool) -> impl IntoView {
    view! {
        <label for=name>{label}{is_optional.then(|| view! { <span class="field__optional">" (optional)"</span> })}</label>
    }
}

fn complaint_of(form: &FormView, name: &'static str) -> impl IntoView + use<> {
    let complaint =
        form.errors.iter().find(|error| error.field == name).map(|error| error.message.to_string());
    view! { <p class="field__error" id=format!("{name}-error")>{complaint}</p> }
}

fn is_wrong(form: &FormView, name: &str) -> Option<&'static str> {
    form.errors.iter().any(|error| error.field == name).then_some("true")
}

fn described_by(name: &str, has_hint: bool) -> String {
    if has_hint { format!("{name}-hint {name}-error") } else { format!("{name}-error") }
}

/// The complaints as links to their fields, for the error summary.
pub fn error_links(form: &FormView) -> String {
    let link = |error: &FieldError| {
        view! { <li><a href=format!("#{}", error.field)>{error.message.to_string()}</a></li> }
    };
    form.errors.iter().map(link).collect_view().to_html()
}
