//! `/admin/draws/{slug}/edit`: changing what is edited often of a draw, under optimistic locking. The page's
//! ETag is the draw's version; saving names the version it follows, in a field or in `If-Match`. When another
//! is stored by then, nothing is changed and both versions are shown.

pub mod precondition;
pub mod texts;

use std::sync::LazyLock;

use app::pages::admin::models::edit::{Conflict, EditPage, EditValues, LatestChange, PARTS};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use shared::{FieldError, Problem};

use super::guard::{Organiser, SignedForm};
use super::{draw, read_again, see_other, views};
use crate::admission::ending::Refusal;
use crate::http::{Context, HttpResult, html};
use crate::state::App;
use crate::store::Draw;
use crate::store::draws::{Edited, Expected};
use crate::store::listing::Window;

/// Time zones to choose from: one a place, without the many older names.
static ZONES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let names = jiff::tz::db().available().map(|name| name.as_str().to_owned());
    let is_place = |name: &String| {
        const CONTINENTS: [&str; 10] = [
            "Africa/",
            "America/",
            "Antarctica/",
            "Arctic/",
            "Asia/",
            "Atlantic/",
            "Australia/",
            "Europe/",
            "Indian/",
            "Pacific/",
        ];
        name == "UTC" || CONTINENTS.iter().any(|continent| name.starts_with(continent))
    };
    let mut names: Vec<String> = names.filter(is_place).collect();
    names.sort_unstable();
    names.dedup();
    names
});

/// The form.
///
/// # Errors
/// `draw-not-found`.
pub async fn show(
    State(app): State<App>,
    Path(slug): Path<String>,
    organiser: Organiser,
    context: Context,
) -> HttpResult {
    let draw = draw(&app, &slug).await?;
    let sheet = Sheet { values: texts::of(&draw), ..Sheet::default() };
    page(&app, &organiser, &context, &draw, StatusCode::OK, sheet).await
}

/// What the form holds.
#[derive(Debug, Deserialize)]
pub struct Sent {
    /// The version it follows.
    pub version: Option<String>,
    /// What was typed.
    #[serde(flatten)]
    pub values: EditValues,
}

/// Saves. The same edit, sent again, is saved once.
///
/// # Errors
/// `draw-not-found`; `forbidden` from another site or session; `malformed-body` when a field or the version is
/// missing. For programs, `version-conflict` and `validation-failed`, which people see as the form.
pub async fn save(
    State(app): State<App>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    context: Context,
    form: SignedForm<Sent>,
) -> HttpResult {
    let SignedForm { organiser, fields: Sent { version, values } } = form;
    let expected = precondition::expected(&headers, version.as_deref())?;
    let draw = draw(&app, &slug).await?;
    let edited = match texts::read(&values, &draw) {
        Ok(details) => app.store.edit_draw(&slug, &details, &expected, &organiser.actor()).await?,
        Err(errors) if expected.allows(draw.version) => {
            return invalid(&app, &organiser, &context, &headers, (&draw, values, errors)).await;
        }
        // Versions only grow: the one this edit follows will not come back.
        Err(_) => Edited::Conflict(Box::new(draw.clone())),
    };
    match edited {
        Edited::Changed(_, version) => {
            read_again(&app, &slug).await;
            Ok(see_other(&format!("/admin/draws/{slug}?saved-{version}")))
        }
        Edited::Unchanged(version) => Ok(see_other(&format!("/admin/draws/{slug}?same-{version}"))),
        Edited::Refused(fault) => {
            let errors = vec![texts::told(&fault, "refused")];
            invalid(&app, &organiser, &context, &headers, (&draw, values, errors)).await
        }
        Edited::Conflict(stored) => {
            conflict(&app, &organiser, &context, &headers, (&stored, values, &expected)).await
        }
        Edited::Unknown => Err(Problem::DrawNotFound.into()),
    }
}

/// The form again, with what is wrong.
async fn invalid(
    app: &App,
    organiser: &Organiser,
    context: &Context,
    headers: &HeaderMap,
    (draw, values, errors): (&Draw, EditValues, Vec<FieldError>),
) -> HttpResult {
    if is_program(headers) {
        let detail = Some("Nothing was saved. Mend the parts named and send the form again.".to_owned());
        return Err(Refusal { errors, detail, ..Problem::ValidationFailed.into() }.into());
    }
    let sheet = Sheet { values, errors, ..Sheet::default() };
    page(app, organiser, context, draw, StatusCode::UNPROCESSABLE_ENTITY, sheet).await
}

/// Both versions.
async fn conflict(
    app: &App,
    organiser: &Organiser,
    context: &Context,
    headers: &HeaderMap,
    (stored, values, expected): (&Draw, EditValues, &Expected),
) -> HttpResult {
    tracing::info!(draw = stored.spec.slug, version = stored.version, ?expected, "an edit came too late");
    if is_program(headers) {
        let detail =
            format!("The draw is at version {} now. Load its edit page, then decide again.", stored.version);
        return Err(Refusal { detail: Some(detail), ..Problem::VersionConflict.into() }.into());
    }
    let both = Conflict { latest: latest(app, stored).await?, ..texts::compare(&texts::of(stored), &values) };
    let sheet = Sheet { values, conflict: Some(both), ..Sheet::default() };
    page(app, organiser, context, stored, StatusCode::CONFLICT, sheet).await
}

/// Who did what to a draw last, where that is among what organisers did lately.
async fn latest(app: &App, draw: &Draw) -> HttpResult<Option<LatestChange>> {
    let lines = app.store.audit_lines(&Window::First).await?.rows;
    let is_change = |action: &str| action.starts_with("draw ");
    let line = lines
        .into_iter()
        .find(|line| line.draw.as_deref() == Some(&draw.spec.slug) && is_change(&line.action));
    Ok(line.map(|line| LatestChange {
        at: views::moment(draw.zone(), line.at),
        actor: line.actor,
        what: line.detail.as_deref().map_or(line.action, parts),
    }))
}

/// The parts that an audit row names, as people read them; what has no place on this page keeps its key.
fn parts(detail: &str) -> String {
    detail
        .split(", ")
        .map(|key| PARTS.iter().find(|(part, _)| *part == key).map_or(key, |(_, label)| *label))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Whether JSON is asked for and not a page, as for every failure.
fn is_program(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepts.contains("json") && !accepts.contains("text/html")
}

/// What stands on the page beside the draw.
#[derive(Default)]
struct Sheet {
    values: EditValues,
    errors: Vec<FieldError>,
    conflict: Option<Conflict>,
}

async fn page(
    app: &App,
    organiser: &Organiser,
    context: &Context,
    draw: &Draw,
    status: StatusCode,
    Sheet { values, errors, conflict }: Sheet,
) -> HttpResult<Response> {
    let taken = app.store.taken(draw.id).await?;
    let fixed_window = draw.has_fixed_window().then(|| {
        let EditValues { opens_at, closes_at, .. } = texts::of(draw);
        (opens_at, closes_at)
    });
    let view = EditPage {
        draw: views::draw_ref(draw, taken, app.ambient.now()),
        version: draw.version,
        values,
        errors,
        fixed_window,
        zones: ZONES.clone(),
        conflict,
    };
    let mut response = html(status, app::admin_edit_page(&organiser.chrome(app, context), &view));
    if let Ok(tag) = HeaderValue::from_str(&precondition::etag(draw.version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}
