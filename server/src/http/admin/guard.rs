//! Who may come in: organisers who are signed in, and, for what changes something, forms from pages of ours.

use std::time::Duration;

use app::models::{Chrome, OrganiserView};
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shared::Problem;
use uuid::Uuid;

use super::see_other;
use super::session::Token;
use crate::admission::ending::Refusal;
use crate::http::{Context, Failure, body};
use crate::state::App;
use crate::store::draws::Actor;
use crate::store::organisers;

/// Bytes of an organiser's form: a draw's description of the longest kind, every byte of it escaped, and the
/// rest of the draw.
const FORM_BYTES: usize = 64 * 1024;
/// A client that takes longer for them is not sending.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// Where organisers begin.
pub const HOME: &str = "/admin";

/// Somebody who is signed in. As an extractor it sends everybody else away: programs with 401
/// `not-signed-in`, people to the sign-in page, from where they come back.
#[derive(Clone, Debug)]
pub struct Organiser {
    /// Id.
    pub id: Uuid,
    /// Email address.
    pub email: String,
    /// The session's token.
    pub token: Token,
}

impl Organiser {
    /// As whom they act.
    pub fn actor(&self) -> Actor {
        Actor::Organiser(self.email.clone())
    }

    /// What surrounds their pages.
    pub fn chrome(&self, app: &App, context: &Context) -> Chrome {
        let organiser = OrganiserView { email: self.email.clone(), csrf: self.token.csrf(&app.keys) };
        Chrome { organiser: Some(organiser), ..app.chrome(context) }
    }

    /// The account.
    pub fn account(&self) -> organisers::Organiser {
        organisers::Organiser { id: self.id, email: self.email.clone() }
    }

    /// Who is signed in, if anybody is.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_request(app: &App, headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let Some(token) = Token::of_request(&app.public_url, headers) else {
            return Ok(None);
        };
        let account = app.store.signed_in(&token.hash()).await?;
        Ok(account.map(|organisers::Organiser { id, email }| Self { id, email, token }))
    }
}

impl FromRequestParts<App> for Organiser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match Self::of_request(app, &parts.headers).await {
            Ok(Some(organiser)) => Ok(organiser),
            Ok(None) => Err(away(parts)),
            Err(failure) => Err(failure.into_response()),
        }
    }
}

fn away(parts: &Parts) -> Response {
    let path = parts.uri.path();
    if path.starts_with("/api/") || path.ends_with(".json") {
        return Failure::from(Problem::NotSignedIn).into_response();
    }
    // Only a page can be come back to.
    let wanted = parts.uri.path_and_query().filter(|_| parts.method == Method::GET);
    let next = wanted.map_or(HOME, |wanted| wanted.as_str());
    match serde_urlencoded::to_string([("next", next)]) {
        Ok(query) => see_other(&format!("{HOME}/sign-in?{query}")),
        Err(_) => see_other("/admin/sign-in"),
    }
}

/// A path that signing in may lead to: one of ours below [`HOME`]; [`HOME`] for anything else, so that no
/// link can use the sign-in page to lead elsewhere.
pub fn local(next: &str) -> &str {
    let rest = next.strip_prefix(HOME);
    let is_ours = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let is_plain = next.len() <= 2000 && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    // A segment of dots would leave what the prefix promises.
    let path = next.split(['?', '#']).next().unwrap_or_default();
    let has_dots = path.split('/').any(|segment| matches!(segment, "." | "..")) || path.contains('%');
    if is_ours && is_plain && !has_dots && !next.contains("//") { next } else { HOME }
}

/// Proof that a request comes from a page of this site: browsers say where a form stands.
#[derive(Clone, Copy, Debug)]
pub struct SameOrigin;

impl SameOrigin {
    fn check(app: &App, headers: &HeaderMap) -> Result<Self, Failure> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        if let (Some(origin), None) = (origins.next(), origins.next())
            && origin.as_bytes() == app.public_url.as_str().as_bytes()
        {
            return Ok(Self);
        }
        let detail = format!(
            "Forms have to be sent from a page of {0}. Open {0}{HOME} and try again.",
            app.public_url
        );
        Err(Refusal { detail: Some(detail), ..Problem::Forbidden.into() }.into())
    }
}

impl FromRequestParts<App> for SameOrigin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        Self::check(app, &parts.headers)
    }
}

/// A form that an organiser sent from a page of their own session.
#[derive(Debug)]
pub struct SignedForm<T> {
    /// Who.
    pub organiser: Organiser,
    /// What the form holds.
    pub fields: T,
}

#[derive(Deserialize)]
struct Proof {
    #[serde(default)]
    csrf: String,
}

/// For forms that hold nothing but the proof.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

impl<T: DeserializeOwned> FromRequest<App> for SignedForm<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, payload) = request.into_parts();
        SameOrigin::check(app, &parts.headers).map_err(Failure::into_response)?;
        let organiser = Organiser::from_request_parts(&mut parts, app).await?;
        let bytes = long_form(&parts.headers, payload).await.map_err(Failure::into_response)?;
        let read = |error: serde_urlencoded::de::Error| malformed(&error).into_response();
        let proof: Proof = serde_urlencoded::from_bytes(&bytes).map_err(read)?;
        if !organiser.token.is_csrf(&app.keys, &proof.csrf) {
            let detail =
                "The form belongs to another session. Go back, reload the page and try again.".to_owned();
            let refusal = Refusal { detail: Some(detail), ..Problem::Forbidden.into() };
            return Err(Failure::from(refusal).into_response());
        }
        let fields = serde_urlencoded::from_bytes(&bytes).map_err(read)?;
        Ok(Self { organiser, fields })
    }
}

/// The bytes of a form of somebody who is signed in: more than a stranger may send.
///
/// # Errors
/// `unsupported-media-type`, `body-too-large`, `malformed-body`.
async fn long_form(headers: &HeaderMap, payload: Body) -> Result<Bytes, Failure> {
    demand_form(headers)?;
    let whole = tokio::time::timeout(READ_TIMEOUT, Limited::new(payload, FORM_BYTES).collect()).await;
    let refuse =
        |problem: Problem, detail: &str| Refusal { detail: Some(detail.to_owned()), ..problem.into() };
    let bytes = match whole {
        Ok(Ok(whole)) => whole.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err(refuse(Problem::BodyTooLarge, "A form of organisers has at most 64 KiB.").into());
        }
        Ok(Err(_)) | Err(_) => {
            return Err(refuse(Problem::MalformedBody, "The form did not arrive whole.").into());
        }
    };
    // Separators are ASCII, so the whole is UTF-8 exactly when every part is.
    if percent_encoding::percent_decode(&bytes).decode_utf8().is_err() {
        return Err(refuse(Problem::MalformedBody, "The form is not UTF-8.").into());
    }
    Ok(bytes)
}

fn demand_form(headers: &HeaderMap) -> Result<(), Failure> {
    if body::is_type(headers, "application/x-www-form-urlencoded") {
        return Ok(());
    }
    let detail = "Send the form as application/x-www-form-urlencoded.".to_owned();
    Err(Refusal { detail: Some(detail), ..Problem::UnsupportedMediaType.into() }.into())
}

/// A form's bytes.
///
/// # Errors
/// `unsupported-media-type`, `body-too-large`, `malformed-body`.
pub async fn form(headers: &HeaderMap, payload: Body) -> Result<Bytes, Failure> {
    demand_form(headers)?;
    Ok(body::read_form(headers, payload).await?)
}

/// What a form that cannot be read is answered with.
pub fn malformed(error: &serde_urlencoded::de::Error) -> Failure {
    let detail = format!("The form cannot be read: {error}.");
    Refusal { detail: Some(detail), ..Problem::MalformedBody.into() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_a_page_of_ours_and_nowhere_else() {
        for ours in ["/admin", "/admin?x=1", "/admin/audit", "/admin/draws/a/entries?q=x%20y&sort=name"] {
            assert_eq!(local(ours), ours);
        }
        for elsewhere in [
            "",
            "/",
            "/administrator",
            "//evil.example",
            "/admin//evil.example",
            "//admin",
            "https://evil.example/admin",
            "/\\evil.example",
            "/admin\\..\\..",
            "/admin/../draws/a",
            "/admin/%2e%2e/draws/a",
            "/admin/..#/draws/a",
            "/admin/a b",
            "/admin\r\nSet-Cookie: x=1",
            "/admin/\u{e9}",
            "javascript:alert(1)",
            " /admin",
        ] {
            assert_eq!(local(elsewhere), HOME, "{elsewhere:?}");
        }
        assert_eq!(local(&format!("/admin?{}", "x".repeat(3000))), HOME);
    }
}
