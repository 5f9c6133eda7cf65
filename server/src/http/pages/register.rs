//! `GET /draws/{slug}`: the form, or why there is none. `POST /draws/{slug}`: the form without JavaScript.

use std::time::Instant;

use app::models::{FormView, Notice, Tone};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use shared::token::idempotency_key;
use shared::{Phase, Problem};

use super::shells::Visitor;
use crate::admission::Sent;
use crate::admission::attempt::Token;
use crate::admission::ending::{Answer, Refusal};
use crate::admission::sender::Sender;
use crate::http::api::entries::Press;
use crate::http::api::recent_public_draw;
use crate::http::body::PostedForm;
use crate::http::failure::{status_of, with_retry_after};
use crate::http::{ClientAddress, Context, HttpResult, NO_STORE, body, cookies, html, origin, views};
use crate::integrators::Credentials;
use crate::state::App;
use crate::store::Draw;

/// The page of a draw. Gives the browser its entrant cookie.
///
/// # Errors
/// `draw-not-found`.
pub async fn show(
    State(app): State<App>,
    Path(slug): Path<String>,
    context: Context,
    headers: HeaderMap,
) -> HttpResult {
    let draw = recent_public_draw(&app, &slug).await?;
    let now = app.ambient.now();
    let is_full = is_full(&app, &draw).await?;
    let mut response = if draw.phase(now) == Phase::Open && !is_full {
        html(StatusCode::OK, open_page(&app, &context, &draw, now))
    } else {
        page(&app, &context, &draw, is_full, None, StatusCode::OK)
    };
    give_cookie(&app, &headers, &mut response);
    Ok(response)
}

/// Registers from a form; on success the receipt is the next page, else the form is back with every text that
/// was typed.
///
/// # Errors
/// `draw-not-found`, `forbidden` for a form on another site, and what cannot be read as a form.
pub async fn submit(
    State(app): State<App>,
    Path(slug): Path<String>,
    ClientAddress(address): ClientAddress,
    context: Context,
    request: Request,
) -> HttpResult {
    let (parts, payload) = request.into_parts();
    let began = Instant::now();
    // Read before anything else: the page that comes back repeats it.
    let posted = match origin::check(&app, &parts.headers, origin::Null::Refused) {
        Ok(()) => body::entry_form(&parts.headers, payload).await,
        Err(failure) => Err(failure.0),
    };
    let token = posted.as_ref().map(|form| form.token.trim().to_owned()).unwrap_or_default();
    let form = posted.as_ref().map(|form| form.values.to_entry_form()).map_err(Clone::clone);
    let press = Press {
        slug,
        sender: Sender {
            address,
            cookie: cookies::entrant(&app.keys, &app.public_url, &parts.headers),
            credentials: Credentials::Anonymous,
            has_turn: false,
        },
        // What cannot be read as a form has no key that could be missing.
        key: match (token.as_str(), &form) {
            (_, Err(refusal)) => Err(refusal.problem),
            ("", Ok(_)) => Err(Problem::KeyMissing),
            (token, Ok(_)) => idempotency_key(token).ok_or(Problem::KeyInvalid),
        },
        attempt: None,
        began,
    };
    let (ending, draw) = press
        .admit(&app, &context, async { form.map(|form| Sent { registration: form.into(), press: None }) })
        .await;
    match (ending.answer, draw, posted) {
        (Answer::Receipt(receipt), ..) => to_receipt(&receipt),
        (Answer::Problem(refusal), Some(draw), Ok(posted)) => {
            again(&app, &context, &draw, posted, &refusal).await
        }
        (Answer::Problem(_), Some(_), Err(refusal)) | (Answer::Problem(refusal), None, _) => {
            Err(refusal.into())
        }
    }
}

#[derive(Deserialize)]
struct Code {
    receipt: String,
}

fn to_receipt(receipt: &[u8]) -> HttpResult {
    let code: Code = serde_json::from_slice(receipt).map_err(|_| Problem::Internal)?;
    let to = HeaderValue::from_str(&format!("/receipts/{}", code.receipt)).map_err(|_| Problem::Internal)?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to), NO_STORE]).into_response())
}

/// The page again, with what was typed, what is wrong, and the same status as the API's.
async fn again(
    app: &App,
    context: &Context,
    draw: &Draw,
    posted: PostedForm,
    refusal: &Refusal,
) -> HttpResult {
    let now = app.ambient.now();
    // Where even this cannot be read, the form stays: losing what was typed would be worse.
    let is_full = refusal.problem == Problem::Full || is_full(app, draw).await.unwrap_or(false);
    let has_form = draw.phase(now) == Phase::Open && !is_full;
    let form = has_form.then(|| {
        let fresh = views::form_view(app, draw, now);
        let is_spent = matches!(
            refusal.problem,
            Problem::KeyReused
                | Problem::TokenExpired
                | Problem::TokenInvalid
                | Problem::KeyInvalid
                | Problem::KeyMissing
        );
        let token = if is_spent { fresh.token.clone() } else { posted.token };
        let notice = (refusal.problem != Problem::ValidationFailed).then(|| notice(refusal));
        FormView { token, values: posted.values, errors: refusal.errors.clone(), notice, ..fresh }
    });
    let response = page(app, context, draw, is_full, form, status_of(refusal.problem));
    Ok(with_retry_after(response, refusal))
}

fn notice(refusal: &Refusal) -> Notice {
    let detail = match refusal.problem {
        Problem::KeyReused => {
            "A registration was sent from this page before. If you want to register this person as well, check the form and press Register once more."
        }
        Problem::TokenExpired | Problem::TokenInvalid | Problem::KeyInvalid | Problem::KeyMissing => {
            "This page was out of date. Nothing was registered and nothing you typed is lost: press Register once more."
        }
        problem if problem.is_temporary() => {
            "Nothing you typed is lost. Press Register again in a few seconds: if your entry arrived already, you will see its receipt."
        }
        _ => refusal.detail(),
    };
    Notice { tone: Tone::Problem, title: refusal.problem.title().to_owned(), detail: detail.to_owned() }
}

/// The page of a draw that takes entries, with an empty form and a fresh token.
fn open_page(app: &App, context: &Context, draw: &Draw, now: i64) -> String {
    let (token, token_expires_at) = Token::issue(&app.ambient, &app.keys, draw.id);
    let nonce = context.nonce.as_deref().unwrap_or_default();
    app.shells.page(app, draw, &Visitor { nonce, token: &token, token_expires_at, server_time: now })
}

fn page(
    app: &App,
    context: &Context,
    draw: &Draw,
    is_full: bool,
    form: Option<FormView>,
    status: StatusCode,
) -> Response {
    let view = views::draw_view(draw, is_full, app.ambient.now());
    html(status, app::register_page(&app.chrome(context), &view, form))
}

/// Whether a draw with a capacity has reached it.
async fn is_full(app: &App, draw: &Draw) -> HttpResult<bool> {
    match draw.spec.capacity {
        Some(capacity) => Ok(app.store.taken(draw.id).await? >= i64::from(capacity)),
        None => Ok(false),
    }
}

fn give_cookie(app: &App, headers: &HeaderMap, response: &mut Response) {
    if cookies::entrant(&app.keys, &app.public_url, headers).is_some() {
        return;
    }
    match HeaderValue::from_str(&cookies::new_entrant(app).to_string()) {
        Ok(cookie) => {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Err(error) => tracing::error!(%error, "the entrant cookie could not be set"),
    }
}
