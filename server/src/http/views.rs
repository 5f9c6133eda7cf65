//! From what is stored to what pages and the API show.

use app::models::{DrawCard, DrawView, FormView, ReceiptState, ReceiptView, When};
use serde::Serialize;
use shared::rules::DrawRules;
use shared::{Entry, Phase};

use crate::admission::attempt::Token;
use crate::receipt::rfc3339;
use crate::state::App;
use crate::store::Draw;
use crate::store::entries::{ReceiptRow, ReceiptStatus};

/// An instant in a draw's time zone.
pub fn when(draw: &Draw, at: i64) -> When {
    let instant = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    let local = instant.to_zoned(draw.zone());
    When { ms: at, iso: instant.to_string(), text: local.strftime("%A %-d %B %Y, %H:%M %Z").to_string() }
}

/// A draw in the list.
pub fn card(draw: &Draw, now: i64) -> DrawCard {
    DrawCard {
        slug: draw.spec.slug.clone(),
        title: draw.spec.title.clone(),
        description: draw.spec.description.clone(),
        phase: draw.phase(now),
        opens: when(draw, draw.spec.opens_at),
        closes: when(draw, draw.spec.closes_at),
    }
}

/// A draw on its page.
pub fn draw_view(draw: &Draw, is_full: bool, now: i64) -> DrawView {
    let spec = &draw.spec;
    DrawView {
        slug: spec.slug.clone(),
        title: spec.title.clone(),
        description: spec.description.clone(),
        phase: draw.phase(now),
        is_full,
        capacity: spec.capacity,
        opens: when(draw, spec.opens_at),
        closes: when(draw, spec.closes_at),
        draws: spec.draws_at.map(|at| when(draw, at)),
        terms_url: spec.terms_url.clone(),
        privacy_url: spec.privacy_url.clone(),
        contact: spec.contact.clone(),
        rules: spec.rules.clone(),
        server_time: now,
    }
}

/// An empty form with a fresh token.
pub fn form_view(app: &App, draw: &Draw, now: i64) -> FormView {
    let (token, token_expires_at) = Token::issue(&app.ambient, &app.keys, draw.id);
    FormView { token, token_expires_at, ..empty_form(draw, now) }
}

/// An empty form without a token.
pub fn empty_form(draw: &Draw, now: i64) -> FormView {
    let dates = draw.dates(now);
    FormView {
        slug: draw.spec.slug.clone(),
        rules: draw.spec.rules.clone(),
        today: dates.today.to_string(),
        closing_date: dates.closing.to_string(),
        capped: draw.spec.capacity.is_some(),
        server_time: now,
        terms_url: draw.spec.terms_url.clone(),
        privacy_url: draw.spec.privacy_url.clone(),
        ..FormView::default()
    }
}

/// A receipt's page: whoever has the link sees it, so personal data is masked.
pub fn receipt_view(code: &str, row: &ReceiptRow, now: i64) -> ReceiptView {
    let draw = &row.draw;
    let entry = match &row.status {
        ReceiptStatus::Registered(entry) => Some(&**entry),
        ReceiptStatus::Withdrawn | ReceiptStatus::Removed => None,
    };
    let phase = draw.phase(now);
    ReceiptView {
        code: code.to_owned(),
        state: state_of(&row.status),
        registered: when(draw, row.registered_at),
        name: entry.map(|entry| masked_name(&entry.full_name)),
        email: entry.map(|entry| masked_email(&entry.email.typed)),
        category: entry.and_then(|entry| category_label(draw, entry)),
        session: entry.and_then(|entry| session_label(draw, entry)),
        party_size: entry.map(|entry| entry.party_size),
        draw_title: draw.spec.title.clone(),
        draw_slug: draw.spec.slug.clone(),
        draw_phase: phase,
        closes: when(draw, draw.spec.closes_at),
        draws: draw.spec.draws_at.map(|at| when(draw, at)),
        contact: draw.spec.contact.clone(),
        can_withdraw: entry.is_some() && matches!(phase, Phase::Announced | Phase::Open),
        notice: None,
    }
}

/// The label of an entry's category.
pub fn category_label(draw: &Draw, entry: &Entry) -> Option<String> {
    let id = entry.category.as_deref()?;
    Some(draw.spec.rules.category(id).map_or(id, |category| &category.label).to_owned())
}

/// The label of an entry's session.
pub fn session_label(draw: &Draw, entry: &Entry) -> Option<String> {
    let id = entry.session.as_deref()?;
    Some(draw.spec.rules.session(id).map_or(id, |session| &session.label).to_owned())
}

fn state_of(status: &ReceiptStatus) -> ReceiptState {
    match status {
        ReceiptStatus::Registered(_) => ReceiptState::Registered,
        ReceiptStatus::Withdrawn => ReceiptState::Withdrawn,
        ReceiptStatus::Removed => ReceiptState::Removed,
    }
}

/// The initials.
fn masked_name(name: &str) -> String {
    let initials: Vec<String> =
        name.split_whitespace().filter_map(|word| word.chars().next()).map(|c| format!("{c}.")).collect();
    initials.join(" ")
}

/// The first character before the `@`, the first of the domain, and the last label.
fn masked_email(email: &str) -> String {
    let (local, domain) = email.split_once('@').unwrap_or((email, ""));
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    let last = domain.rsplit('.').next().unwrap_or_default();
    format!("{}•••@{}•••.{last}", first(local), first(domain))
}

/// A draw in the API.
#[derive(Debug, Serialize)]
pub struct DrawJson<'a> {
    slug: &'a str,
    title: &'a str,
    description: &'a str,
    state: Phase,
    opens_at: String,
    closes_at: String,
    draws_at: Option<String>,
    timezone: &'a str,
    mode: &'static str,
    capacity: Option<u32>,
    terms_url: Option<&'a str>,
    privacy_url: Option<&'a str>,
    contact: Option<&'a str>,
    rules: &'a DrawRules,
    server_time: String,
}

impl<'a> DrawJson<'a> {
    /// A draw as seen at an instant.
    pub fn new(draw: &'a Draw, now: i64) -> Self {
        let spec = &draw.spec;
        Self {
            slug: &spec.slug,
            title: &spec.title,
            description: &spec.description,
            state: draw.phase(now),
            opens_at: rfc3339(spec.opens_at),
            closes_at: rfc3339(spec.closes_at),
            draws_at: spec.draws_at.map(rfc3339),
            timezone: &spec.timezone,
            mode: spec.mode.as_str(),
            capacity: spec.capacity,
            terms_url: spec.terms_url.as_deref(),
            privacy_url: spec.privacy_url.as_deref(),
            contact: spec.contact.as_deref(),
            rules: &spec.rules,
            server_time: rfc3339(now),
        }
    }
}

/// A receipt in the API: its current state, personal data masked.
#[derive(Debug, Serialize)]
pub struct ReceiptJson<'a> {
    receipt: &'a str,
    draw: &'a str,
    entry_id: uuid::Uuid,
    state: ReceiptState,
    registered_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    party_size: Option<u32>,
}

impl<'a> ReceiptJson<'a> {
    /// What a code leads to.
    pub fn new(code: &'a str, row: &'a ReceiptRow) -> Self {
        let entry = match &row.status {
            ReceiptStatus::Registered(entry) => Some(entry),
            ReceiptStatus::Withdrawn | ReceiptStatus::Removed => None,
        };
        Self {
            receipt: code,
            draw: &row.draw.spec.slug,
            entry_id: row.entry_id,
            state: state_of(&row.status),
            registered_at: rfc3339(row.registered_at),
            full_name: entry.map(|entry| masked_name(&entry.full_name)),
            email: entry.map(|entry| masked_email(&entry.email.typed)),
            category: entry.and_then(|entry| entry.category.as_deref()),
            session: entry.and_then(|entry| entry.session.as_deref()),
            party_size: entry.map(|entry| entry.party_size),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_show_no_more_than_the_owner_needs() {
        assert_eq!(masked_name("Ada Augusta  Lovelace"), "A. A. L.");
        assert_eq!(masked_email("ada@example.org"), "a•••@e•••.org");
    }
}
