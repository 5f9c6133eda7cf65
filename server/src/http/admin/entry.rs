//! One entry: what is known of it, and removing it.

use app::models::{Notice, Tone};
use app::pages::admin::models::{EntryPage, RemoveView};
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use shared::{DrawState, Problem, limits, text};
use uuid::Uuid;

use super::guard::{Organiser, SignedForm};
use super::{draw, see_other, views};
use crate::http::{Context, Failure, HttpResult, html};
use crate::state::App;
use crate::store::Draw;
use crate::store::entries::{Ended, Ending};
use crate::store::listing::{EntryDetails, EntryStatus, LiveEntry};

/// A draw and one of its entries, found by the last part of its address: instant and id.
async fn find(app: &App, slug: &str, entry: &str) -> HttpResult<(Draw, EntryDetails)> {
    let draw = draw(app, slug).await?;
    let (at, id) = entry.split_once('-').ok_or(Problem::NotFound)?;
    let at: i64 = at.parse().map_err(|_| Problem::NotFound)?;
    let id = Uuid::try_parse(id).map_err(|_| Problem::NotFound)?;
    let entry = app.store.entry(draw.id, at, id).await?.ok_or(Problem::NotFound)?;
    Ok((draw, entry))
}

fn href(draw: &Draw, entry: &EntryDetails) -> String {
    format!("/admin/draws/{}/entries/{}-{}", draw.spec.slug, entry.registered_at, entry.id)
}

/// Whether an organiser may still take entries out of a draw.
fn allows_removal(draw: &Draw) -> bool {
    matches!(draw.state, DrawState::Announced | DrawState::Closed)
}

/// The entry.
///
/// # Errors
/// `draw-not-found`, `not-found`.
pub async fn show(
    State(app): State<App>,
    Path((slug, entry)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    organiser: Organiser,
    context: Context,
) -> HttpResult {
    let (draw, entry) = find(&app, &slug, &entry).await?;
    let (title, state, fields) = match &entry.status {
        EntryStatus::Live(live) => (live.entry.full_name.clone(), "registered", live_fields(&draw, live)),
        EntryStatus::Ended { state, category, session, .. } => {
            let fields = [
                ("Category", views::category(&draw, category.as_deref())),
                ("Session", views::session(&draw, session.as_deref())),
                ("Personal data", Some("Deleted when the entry ended".to_owned())),
            ];
            ("An entry that ended".to_owned(), state.as_str(), present(fields))
        }
    };
    let page = EntryPage {
        draw: views::draw_ref(&draw, 0, app.ambient.now()),
        href: href(&draw, &entry),
        title,
        state,
        fields,
        history: history(&draw, &entry),
        can_remove: allows_removal(&draw) && matches!(entry.status, EntryStatus::Live(_)),
        notice: query.and_then(|news| notice(&news, &entry)),
    };
    Ok(html(StatusCode::OK, app::admin_entry_page(&organiser.chrome(&app, &context), &page)))
}

/// The rows that have a text.
fn present<const N: usize>(rows: [(&'static str, Option<String>); N]) -> Vec<(&'static str, String)> {
    rows.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}

fn live_fields(draw: &Draw, live: &LiveEntry) -> Vec<(&'static str, String)> {
    let entry = live.entry.clone();
    let canonical = (entry.email.typed != entry.email.canonical).then_some(entry.email.canonical);
    present([
        ("Name", Some(entry.full_name)),
        ("Email", Some(entry.email.typed)),
        ("Counts as", canonical),
        ("Phone", entry.phone),
        ("Date of birth", entry.date_of_birth.map(|date| date.to_string())),
        ("Guardian", entry.guardian_name),
        ("Country", entry.country),
        ("Postcode", entry.postcode),
        ("Category", views::category(draw, entry.category.as_deref())),
        ("Membership number", entry.member_id),
        ("Session", views::session(draw, entry.session.as_deref())),
        ("Party", Some(entry.party_size.to_string())),
    ])
}

fn history(draw: &Draw, entry: &EntryDetails) -> Vec<(&'static str, String)> {
    let moment = |at: i64| views::moment(draw.zone(), at).text;
    let mut rows = vec![("Registered", moment(entry.registered_at))];
    match &entry.status {
        EntryStatus::Live(live) => {
            let retries = match live.retries {
                0 => "None".to_owned(),
                1 => "1, answered with the original receipt".to_owned(),
                many => format!("{many}, answered with the original receipt"),
            };
            rows.extend(present([
                ("Page open for", live.token_age.map(views::duration)),
                ("Retries caught", Some(retries)),
                ("Last retry", live.last_retry_at.map(moment)),
                ("Terms accepted", Some(format!("Version {}", live.terms_version))),
            ]));
        }
        EntryStatus::Ended { ended_at, reason, .. } => {
            rows.extend(present([("Ended", Some(moment(*ended_at))), ("Reason", reason.clone())]));
        }
    }
    rows.push(("Receipt", entry.receipt.clone()));
    rows.push(("Entry id", entry.id.to_string()));
    rows
}

/// What came of a removal; nothing that is not so, whatever the address says.
fn notice(news: &str, entry: &EntryDetails) -> Option<Notice> {
    let has_ended = matches!(entry.status, EntryStatus::Ended { .. });
    let (tone, title, detail) = match news {
        "removed" if has_ended => (
            Tone::Success,
            "The entry is removed",
            "It no longer takes part and its personal data is deleted.",
        ),
        "already" if has_ended => (Tone::Info, "The entry had ended already", "Nothing was changed."),
        "too-late" if !has_ended => (
            Tone::Problem,
            "The entry cannot be removed any more",
            "The list of entries is committed to, or the draw is cancelled.",
        ),
        _ => return None,
    };
    Some(Notice { tone, title: title.to_owned(), detail: detail.to_owned() })
}

/// Asks whether, and why, the entry is to be removed.
///
/// # Errors
/// `draw-not-found`, `not-found`.
pub async fn ask(
    State(app): State<App>,
    Path((slug, entry)): Path<(String, String)>,
    organiser: Organiser,
    context: Context,
) -> HttpResult {
    let (draw, entry) = find(&app, &slug, &entry).await?;
    Ok(question(&app, &context, &organiser, (&draw, &entry), StatusCode::OK, String::new(), None))
}

fn question(
    app: &App,
    context: &Context,
    organiser: &Organiser,
    (draw, entry): (&Draw, &EntryDetails),
    status: StatusCode,
    reason: String,
    error: Option<String>,
) -> Response {
    let EntryStatus::Live(live) = &entry.status else {
        return see_other(&format!("{}?already", href(draw, entry)));
    };
    if !allows_removal(draw) {
        return see_other(&format!("{}?too-late", href(draw, entry)));
    }
    let view = RemoveView {
        draw: views::draw_ref(draw, 0, app.ambient.now()),
        href: href(draw, entry),
        name: live.entry.full_name.clone(),
        reason,
        error,
    };
    html(status, app::admin_remove_page(&organiser.chrome(app, context), &view)).into_response()
}

/// What the form of a removal holds.
#[derive(Debug, Deserialize)]
pub struct Why {
    #[serde(default)]
    reason: String,
}

/// Removes the entry. Asking twice removes it once.
///
/// # Errors
/// `draw-not-found`, `not-found`; `forbidden` from another site or session.
pub async fn remove(
    State(app): State<App>,
    Path((slug, entry)): Path<(String, String)>,
    context: Context,
    form: SignedForm<Why>,
) -> HttpResult {
    let (draw, entry) = find(&app, &slug, &entry).await?;
    let typed = form.fields.reason;
    let reason = match read_reason(&typed) {
        Ok(reason) => reason,
        Err(error) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let about = (&draw, &entry);
            return Ok(question(&app, &context, &form.organiser, about, status, typed, Some(error)));
        }
    };
    let ending = Ending::Removed { reason };
    let news = match app.store.end(&entry.receipt, &ending, &form.organiser.actor()).await? {
        Ended::Done => "removed",
        Ended::Already => "already",
        Ended::DrawClosed => "too-late",
        Ended::Unknown => return Err(Failure::from(Problem::NotFound)),
    };
    Ok(see_other(&format!("{}?{news}", href(&draw, &entry))))
}

/// A reason: some text of a bounded length that is shown as it was typed.
fn read_reason(typed: &str) -> Result<String, String> {
    let reason = text::tidy(&typed.replace("\r\n", "\n"));
    let characters = reason.chars().count();
    if reason.chars().all(text::is_invisible) {
        return Err("Enter a reason".to_owned());
    }
    if characters > limits::REASON_CHARS {
        return Err(format!("Use at most {} characters; these are {characters}", limits::REASON_CHARS));
    }
    if reason.chars().any(|c| c != '\n' && text::steers_display(c)) {
        return Err("Leave out control characters".to_owned());
    }
    Ok(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_some_text_of_at_most_500_characters() {
        assert_eq!(read_reason(" twice\r\nthe same "), Ok("twice\nthe same".to_owned()));
        assert!(read_reason(&"é".repeat(500)).is_ok());
        for wrong in ["", "  \n", "\u{200b}", "a\u{202e}b", "a\0b"] {
            assert!(read_reason(wrong).is_err(), "{wrong:?}");
        }
        assert!(read_reason(&"é".repeat(501)).is_err());
    }
}
