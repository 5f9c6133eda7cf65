//! `/admin/draws/{slug}`: one draw, and changing its state.

use app::models::{Notice, Tone};
use app::pages::admin::models::{ChangeView, DrawPage};
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use shared::draw::Transition;
use shared::{Action, DrawState, Problem};

use super::guard::{Nothing, Organiser, SignedForm};
use super::{draw, read_again, see_other, views};
use crate::http::views::when;
use crate::http::{Context, HttpResult, html};
use crate::state::App;
use crate::store::draws::StateChange;
use crate::store::{Draw, Mode};

const ACTIONS: [Action; 3] = [Action::Announce, Action::Close, Action::Cancel];

/// The draw.
///
/// # Errors
/// `draw-not-found`.
pub async fn show(
    State(app): State<App>,
    Path(slug): Path<String>,
    RawQuery(query): RawQuery,
    organiser: Organiser,
    context: Context,
) -> HttpResult {
    let draw = draw(&app, &slug).await?;
    let now = app.ambient.now();
    let counts = app.store.live_counts(draw.id).await?;
    let page = DrawPage {
        draw: views::draw_ref(&draw, counts.taken, now),
        live: views::live(&draw, &counts, now),
        hours: views::hours(&draw, &counts),
        facts: facts(&draw),
        rules: draw.spec.rules.clone(),
        actions: ACTIONS.into_iter().filter(|&action| is_possible(&draw, action)).collect(),
        notice: query.and_then(|news| notice(&news, &draw)),
    };
    Ok(html(StatusCode::OK, app::admin_draw_page(&organiser.chrome(&app, &context), &page)))
}

fn is_possible(draw: &Draw, action: Action) -> bool {
    matches!(draw.state.after(action), Transition::To(_))
}

/// Asks whether a change is meant.
///
/// # Errors
/// `draw-not-found`; `not-found` for an unknown action.
pub async fn ask(
    State(app): State<App>,
    Path((slug, action)): Path<(String, String)>,
    organiser: Organiser,
    context: Context,
) -> HttpResult {
    let action = action_of(&action)?;
    let draw = draw(&app, &slug).await?;
    match draw.state.after(action) {
        Transition::To(_) => {}
        Transition::Already => return Ok(back(&slug, action, "already")),
        Transition::Refused => return Ok(back(&slug, action, "refused")),
    }
    let taken = app.store.taken(draw.id).await?;
    let view = ChangeView { draw: views::draw_ref(&draw, taken, app.ambient.now()), action, taken };
    Ok(html(StatusCode::OK, app::admin_change_page(&organiser.chrome(&app, &context), &view)))
}

/// Changes a draw's state. Asking twice changes it once.
///
/// # Errors
/// `draw-not-found`; `not-found` for an unknown action; `forbidden` from another site or session.
pub async fn change(
    State(app): State<App>,
    Path((slug, action)): Path<(String, String)>,
    form: SignedForm<Nothing>,
) -> HttpResult {
    let action = action_of(&action)?;
    let change = app.store.change_state(&slug, action, &form.organiser.actor()).await?;
    let outcome = match change {
        StateChange::Changed(_) => "done",
        StateChange::Already(_) => "already",
        StateChange::Refused(_) => "refused",
        StateChange::Unknown => return Err(Problem::DrawNotFound.into()),
    };
    read_again(&app, &slug).await;
    Ok(back(&slug, action, outcome))
}

fn action_of(name: &str) -> HttpResult<Action> {
    Ok(ACTIONS.into_iter().find(|action| action.as_str() == name).ok_or(Problem::NotFound)?)
}

fn back(slug: &str, action: Action, outcome: &str) -> Response {
    see_other(&format!("/admin/draws/{slug}?{}-{outcome}", action.as_str()))
}

/// What came of a change, told on the draw's page; nothing that is not so, whatever the address says.
fn notice(news: &str, draw: &Draw) -> Option<Notice> {
    let (action, outcome) = news.split_once('-')?;
    if outcome.parse() == Ok(draw.version) {
        return saved(action);
    }
    let action = ACTIONS.into_iter().find(|candidate| candidate.as_str() == action)?;
    let (state, done, already) = match action {
        Action::Announce => (DrawState::Announced, "The draw is announced", "The draw was announced already"),
        Action::Close => (DrawState::Closed, "Registration is closed", "Registration was closed already"),
        Action::Cancel => (DrawState::Cancelled, "The draw is cancelled", "The draw was cancelled already"),
    };
    let (tone, title, detail) = match outcome {
        "done" if draw.state == state => (Tone::Success, done, ""),
        "already" if draw.state == state => (Tone::Info, already, "Nothing was changed."),
        "refused" if !is_possible(draw, action) && draw.state != state => (
            Tone::Problem,
            "That is not possible now",
            "The draw is past the state in which it could be done.",
        ),
        _ => return None,
    };
    Some(Notice { tone, title: title.to_owned(), detail: detail.to_owned() })
}

/// What came of an edit.
fn saved(news: &str) -> Option<Notice> {
    let (tone, title, detail) = match news {
        "saved" => (Tone::Success, "The draw is saved", "Entrants see it as it is below."),
        "same" => (Tone::Info, "The draw was so already", "Nothing was changed."),
        _ => return None,
    };
    Some(Notice { tone, title: title.to_owned(), detail: detail.to_owned() })
}

fn facts(draw: &Draw) -> Vec<(&'static str, String)> {
    let spec = &draw.spec;
    let repeated = match spec.mode {
        Mode::Lenient => "Lenient: the first request stands and is answered again",
        Mode::Strict => "Strict: a repeat with other answers is refused",
    };
    let mut facts =
        vec![("Opens", when(draw, spec.opens_at).text), ("Closes", when(draw, spec.closes_at).text)];
    facts.extend(spec.draws_at.map(|at| ("Winners drawn", when(draw, at).text)));
    facts.push(("Time zone", spec.timezone.clone()));
    let capacity = spec.capacity.map_or_else(
        || "None: everybody who registers in time takes part".to_owned(),
        |capacity| format!("{capacity} entries"),
    );
    facts.push(("Capacity", capacity));
    facts.push(("Repeats", repeated.to_owned()));
    facts.push(("Name in addresses", spec.slug.clone()));
    let given = [("Terms", &spec.terms_url), ("Privacy", &spec.privacy_url), ("Contact", &spec.contact)];
    facts.extend(given.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))));
    if !spec.destinations.is_empty() {
        facts.push(("Told of entries", spec.destinations.join(", ")));
    }
    facts
}
