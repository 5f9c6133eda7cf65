//! `/admin/sign-in` and `/admin/sign-out`.
//!
//! Nothing about an answer, neither its words nor its time, tells whether a name exists.

use std::net::IpAddr;

use app::models::{Notice, Tone};
use app::pages::admin::models::SignInView;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use shared::contact::Email;
use shared::{Problem, text};

use super::guard::{Nothing, Organiser, SameOrigin, SignedForm, form, local, malformed};
use super::see_other;
use super::session::{self, Token};
use crate::coordination::{Key, Rate, Take};
use crate::http::{ClientAddress, Context, Failure, HttpResult, html};
use crate::passwords::{Password, PasswordError};
use crate::state::App;
use crate::store::organisers;

/// Tries of one name: a person mistypes, a program guesses.
pub const NAME_RATE: Rate = Rate { per_minute: 10, burst: 5 };
/// Tries from one network.
const ADDRESS_RATE: Rate = Rate { per_minute: 30, burst: 10 };

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    next: String,
    out: Option<String>,
}

/// The form. Who is signed in already goes where they wanted.
///
/// # Errors
/// When the store fails.
pub async fn show(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    context: Context,
    headers: HeaderMap,
) -> HttpResult {
    let wanted: Wanted = serde_urlencoded::from_str(&query.unwrap_or_default()).unwrap_or_default();
    let next = local(&wanted.next);
    if Organiser::of_request(&app, &headers).await?.is_some() {
        return Ok(see_other(next));
    }
    let notice = wanted.out.map(|_| Notice {
        tone: Tone::Success,
        title: "You have signed out".to_owned(),
        detail: String::new(),
    });
    let view = SignInView { next: next.to_owned(), notice, ..SignInView::default() };
    Ok(html(StatusCode::OK, app::admin_sign_in_page(&app.chrome(&context), &view)))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Typed {
    email: String,
    password: String,
    next: String,
}

/// Signs in, under a new token, and leads on.
///
/// # Errors
/// `forbidden` from another site; what cannot be read as a form; when the store fails.
pub async fn submit(
    State(app): State<App>,
    _: SameOrigin,
    ClientAddress(address): ClientAddress,
    context: Context,
    request: Request,
) -> HttpResult {
    let (parts, payload) = request.into_parts();
    let bytes = form(&parts.headers, payload).await?;
    let typed: Typed = serde_urlencoded::from_bytes(&bytes).map_err(|error| malformed(&error))?;
    let again = |refusal: Refused| again(&app, &context, &typed, refusal);
    // An address that is none has no account, and is told the same as one that has none.
    let email = Email::parse(&typed.email).map(|email| email.canonical);
    let name = email.clone().unwrap_or_else(|_| text::tidy(&typed.email).to_lowercase());
    if let Some(seconds) = throttle(&app, address, &name).await {
        return Ok(again(Refused::TooOften(seconds)));
    }
    let Some(password) = Password::typed(&typed.password) else {
        return Ok(again(Refused::Wrong));
    };
    let credentials = match &email {
        Ok(email) => app.store.credentials(email).await?,
        Err(_) => None,
    };
    let stored = credentials.as_ref().map(|credentials| credentials.password_hash.clone());
    let organiser = match (verify(&app, password, stored).await?, credentials) {
        (Verdict::Right, Some(credentials)) => credentials.organiser,
        (Verdict::Busy, _) => return Ok(again(Refused::Busy)),
        _ => return Ok(again(Refused::Wrong)),
    };
    let replaces = Token::of_request(&app.public_url, &parts.headers);
    enter(&app, organiser, replaces.as_ref(), local(&typed.next)).await
}

/// Leads on with a new token.
///
/// # Errors
/// When the store fails.
pub async fn enter(
    app: &App,
    organiser: organisers::Organiser,
    replaces: Option<&Token>,
    next: &str,
) -> HttpResult {
    let cookie = session::begin(app, organiser, replaces).await?;
    Ok(with_cookie(see_other(next), &cookie.to_string()))
}

/// Signs out, here.
///
/// # Errors
/// When the store fails: then one is still signed in.
pub async fn out(State(app): State<App>, form: SignedForm<Nothing>) -> HttpResult {
    app.store.end_sign_in(&form.organiser.token.hash()).await?;
    Ok(with_cookie(see_other("/admin/sign-in?out=1"), &session::forget(&app).to_string()))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    match HeaderValue::from_str(cookie) {
        Ok(cookie) => {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Err(error) => tracing::error!(%error, "a cookie could not be set"),
    }
    response
}

/// What checking a password came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one.
    Right,
    /// It is not, or there is none.
    Wrong,
    /// Nobody knows: too many are being checked.
    Busy,
}

/// Checks a password, with the same work whether or not there is one to compare with.
///
/// # Errors
/// `internal-error` when hashing fails.
pub async fn verify(app: &App, password: Password, stored: Option<String>) -> HttpResult<Verdict> {
    match app.passwords.verify(password, stored).await {
        Ok(true) => Ok(Verdict::Right),
        Ok(false) => Ok(Verdict::Wrong),
        Err(PasswordError::Busy) => Ok(Verdict::Busy),
        Err(error @ PasswordError::Failed(_)) => {
            tracing::error!(%error, "a password could not be checked");
            Err(Failure::from(Problem::Internal))
        }
    }
}

/// Why the form is back.
#[derive(Clone, Copy)]
enum Refused {
    Wrong,
    Busy,
    TooOften(u32),
}

fn again(app: &App, context: &Context, typed: &Typed, refused: Refused) -> Response {
    let (status, title, detail, retry_after) = match refused {
        Refused::Wrong => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "That did not work",
            "Check the email address and the password, then try again.".to_owned(),
            None,
        ),
        Refused::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many people are signing in",
            "Try again in a few seconds.".to_owned(),
            Some(5),
        ),
        Refused::TooOften(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, "Too many tries", try_again_in(seconds), Some(seconds))
        }
    };
    let notice = Notice { tone: Tone::Problem, title: title.to_owned(), detail };
    let view =
        SignInView { next: local(&typed.next).to_owned(), email: typed.email.clone(), notice: Some(notice) };
    let mut response = html(status, app::admin_sign_in_page(&app.chrome(context), &view));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// "Try again in 6 seconds."
pub fn try_again_in(seconds: u32) -> String {
    let unit = if seconds == 1 { "second" } else { "seconds" };
    format!("Try again in {seconds} {unit}.")
}

/// Seconds to wait, when the network or the name has been tried too often.
async fn throttle(app: &App, address: IpAddr, name: &str) -> Option<u32> {
    let network = match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        // One subscriber of IPv6 has at least a /64.
        IpAddr::V6(address) => address.octets()[..8].to_vec(),
    };
    let by_address = app.keys.cached_outcome(&[b"sign-in-address", &network]);
    let by_name = app.keys.cached_outcome(&[b"sign-in-name", name.as_bytes()]);
    match turn(app, by_address, ADDRESS_RATE).await {
        Some(seconds) => Some(seconds),
        None => turn(app, by_name, NAME_RATE).await,
    }
}

/// Seconds to wait for a turn; `None` when it was granted. A limiter that fails limits nothing.
pub async fn turn(app: &App, key: Key, rate: Rate) -> Option<u32> {
    match app.shared.take(&key, rate, 1).await {
        Ok(Take::Granted) => None,
        Ok(Take::Refused { retry_after }) => {
            Some(u32::try_from((retry_after.max(1) + 999) / 1000).unwrap_or(u32::MAX))
        }
        Err(error) => {
            tracing::warn!(%error, "sign-ins are not limited");
            None
        }
    }
}
