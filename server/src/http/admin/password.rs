//! `/admin/password`: another password.

use app::models::{Notice, Tone};
use app::pages::admin::models::PasswordView;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use shared::Problem;

use super::guard::{Organiser, SignedForm};
use super::sign_in::{NAME_RATE, Verdict, enter, try_again_in, turn, verify};
use crate::http::{Context, Failure, HttpResult, html};
use crate::passwords::{Password, PasswordError};
use crate::state::App;

/// The form.
pub async fn show(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    organiser: Organiser,
    context: Context,
) -> Response {
    let notice = (query.as_deref() == Some("changed")).then(|| Notice {
        tone: Tone::Success,
        title: "Your password is changed".to_owned(),
        detail: "Other browsers are signed out.".to_owned(),
    });
    page(&app, &context, &organiser, StatusCode::OK, &PasswordView { notice, ..PasswordView::default() })
}

fn page(
    app: &App,
    context: &Context,
    organiser: &Organiser,
    status: StatusCode,
    view: &PasswordView,
) -> Response {
    html(status, app::admin_password_page(&organiser.chrome(app, context), view))
}

/// What the form holds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    current: String,
    new: String,
    repeated: String,
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(..)")
    }
}

/// Changes the password, ends every sign-in of the organiser and signs this browser in anew.
///
/// # Errors
/// `forbidden` from another site or session; when the store fails.
pub async fn change(State(app): State<App>, context: Context, form: SignedForm<Typed>) -> HttpResult {
    let SignedForm { organiser, fields: Typed { current, new, repeated } } = form;
    let again = |status, view: PasswordView| Ok(page(&app, &context, &organiser, status, &view));
    let (password, view) = judge(&new, &repeated);
    let Some(password) = password else {
        return again(StatusCode::UNPROCESSABLE_ENTITY, view);
    };
    // A session left open is no way to find out the password.
    let key = app.keys.cached_outcome(&[b"password-of", organiser.id.as_bytes()]);
    if let Some(seconds) = turn(&app, key, NAME_RATE).await {
        return wait(again(StatusCode::TOO_MANY_REQUESTS, news("Too many tries", seconds)), seconds);
    }
    let stored = app.store.credentials_of(organiser.id).await?.map(|credentials| credentials.password_hash);
    let verdict = match Password::typed(&current) {
        Some(current) => verify(&app, current, stored).await?,
        None => Verdict::Wrong,
    };
    match verdict {
        Verdict::Right => {}
        Verdict::Busy => {
            return wait(again(StatusCode::SERVICE_UNAVAILABLE, news("The server is busy", 5)), 5);
        }
        Verdict::Wrong => {
            let current = Some("This is not your present password".to_owned());
            return again(
                StatusCode::UNPROCESSABLE_ENTITY,
                PasswordView { current, ..PasswordView::default() },
            );
        }
    }
    let hash = match app.passwords.hash(password).await {
        Ok(hash) => hash,
        Err(PasswordError::Busy) => {
            return wait(again(StatusCode::SERVICE_UNAVAILABLE, news("The server is busy", 5)), 5);
        }
        Err(error) => {
            tracing::error!(%error, "a password could not be hashed");
            return Err(Failure::from(Problem::Internal));
        }
    };
    if !app.store.change_password(organiser.id, &hash, &organiser.actor()).await? {
        return Err(Problem::NotSignedIn.into());
    }
    enter(&app, organiser.account(), Some(&organiser.token), "/admin/password?changed").await
}

/// The new password, or what is wrong with it.
fn judge(new: &str, repeated: &str) -> (Option<Password>, PasswordView) {
    match Password::choose(new) {
        Err(fault) => (None, PasswordView { new: Some(fault.to_string()), ..PasswordView::default() }),
        Ok(_) if new != repeated => {
            let repeated = Some("This is not the same as above".to_owned());
            (None, PasswordView { repeated, ..PasswordView::default() })
        }
        Ok(password) => (Some(password), PasswordView::default()),
    }
}

fn news(title: &str, seconds: u32) -> PasswordView {
    let notice = Notice { tone: Tone::Problem, title: title.to_owned(), detail: try_again_in(seconds) };
    PasswordView { notice: Some(notice), ..PasswordView::default() }
}

fn wait(response: HttpResult, seconds: u32) -> HttpResult {
    let mut response = response?;
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    Ok(response)
}
