//! Cookies under our mark.
//!
//! The entrant cookie proves, after a reload, that a request comes from the browser that registered. It is
//! 16 random bytes and a MAC; what is stored with the entry is another MAC of it.

use axum::http::{HeaderMap, header};
use axum_extra::extract::cookie::{Cookie, SameSite};
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

/// What a request's cookie of that name holds; of several, the last. Names and values count as they are written: to
/// browsers `%5F%5FHost-` is no prefix, so whoever unescapes it takes for ours what a neighbour could set.
pub fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.rfind(|(written, _)| written.trim() == name).map(|(_, value)| value.trim())
}

/// The genuine entrant cookie of a request, if there is one.
pub fn entrant(keys: &Keys, public_url: &Origin, headers: &HeaderMap) -> Option<[u8; 16]> {
    let value = value(headers, &name(public_url, "drawbridge_entrant"))?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_counts_under_its_name_as_it_is_written() {
        let headers = |lines: &[&'static str]| -> HeaderMap {
            let value = |line: &&'static str| (header::COOKIE, header::HeaderValue::from_static(line));
            lines.iter().map(value).collect()
        };
        for (lines, wanted) in [
            (&["a=b; __Host-x=1"] as &[&str], Some("1")),
            (&["__Host-x=1;__Host-x = 2 "], Some("2")),
            (&["__Host-x=1", "a=b"], Some("1")),
            (&["__Host-x=a=b"], Some("a=b")),
            (&["__Host-x=%31"], Some("%31")),
            (&["%5F%5FHost-x=1"], None),
            (&["__host-x=1; x=1; __Host-x"], None),
            (&[], None),
        ] {
            assert_eq!(value(&headers(lines), "__Host-x"), wanted, "{lines:?}");
        }
    }
}
