//! Cookies under our mark.
//!
//! The entrant cookie proves, after a reload, that a request comes from the browser that registered. It is
//! 16 random bytes and a MAC; what is stored with the entry is another MAC of it.

use axum::http::HeaderMap;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::config::Origin;
use crate::secrets::Keys;
use crate::state::App;

/// How long a browser keeps the entrant cookie: the longest browsers allow.
const ENTRANT_LIFE: time::Duration = time::Duration::days(400);

/// A cookie's name: with the `__Host-` prefix on https, so that no neighbour can set it.
pub fn name(public_url: &Origin, base: &str) -> String {
    if public_url.is_https() { format!("__Host-{base}") } else { base.to_owned() }
}

/// A cookie no script can read, sent to this site only.
pub fn sealed(app: &App, base: &str, value: String) -> Cookie<'static> {
    Cookie::build((name(&app.public_url, base), value))
        .path("/")
        .http_only(true)
        .secure(app.public_url.is_https())
        .same_site(SameSite::Lax)
        .build()
}

/// The genuine entrant cookie of a request, if there is one.
pub fn entrant(keys: &Keys, public_url: &Origin, headers: &HeaderMap) -> Option<[u8; 16]> {
    let jar = CookieJar::from_headers(headers);
    let value = jar.get(&name(public_url, "drawbridge_entrant"))?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(value.value()).ok()?;
    let (id, mac) = bytes.split_first_chunk::<16>()?;
    keys.is_cookie("entrant", id, mac).then_some(*id)
}

/// A new entrant cookie.
pub fn new_entrant(app: &App) -> Cookie<'static> {
    let id: [u8; 16] = app.ambient.random();
    let mac = app.keys.sign_cookie("entrant", &id);
    let value = BASE64_URL_SAFE_NO_PAD.encode([id, mac].concat());
    let mut cookie = sealed(app, "drawbridge_entrant", value);
    cookie.set_max_age(ENTRANT_LIFE);
    cookie
}
