//! The header `Authorization`: an integrator's API key.

use axum::http::{HeaderValue, header};
use server::http::bearer::credentials;
use server::integrators::{ApiKey, Credentials};

use crate::input::Input;

/// 32 bytes of 0x55, as an API key is written.
const KEY: &str = "dbk_VVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVU";

/// A key is what was printed, whole and alone; a header that tries to show one and does not is no anonymous one.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let headers = match input.byte() % 2 {
        0 => input.header(header::AUTHORIZATION),
        _ => {
            let spoilt = input.spoil(format!("Bearer {KEY}").as_bytes());
            Input::new(&spoilt).header(header::AUTHORIZATION)
        }
    };
    let shown: Vec<&[u8]> = headers.get_all(header::AUTHORIZATION).iter().filter_map(after_scheme).collect();
    match (credentials(&headers), shown.as_slice()) {
        (Credentials::Anonymous, []) => {}
        (Credentials::Malformed, [one]) => {
            assert_eq!(std::str::from_utf8(one).ok().and_then(ApiKey::parse), None);
        }
        (Credentials::Malformed, [_, _, ..]) => {}
        (Credentials::ApiKey(key), [one]) => {
            assert_eq!(key.reveal().as_bytes(), *one, "a key is written in one way");
            let is_known = ApiKey::parse(KEY).is_some_and(|known| known.hash() == key.hash());
            assert_eq!(is_known, *one == KEY.as_bytes());
        }
        (read, shown) => panic!("{shown:?} was read as {read:?}"),
    }
}

/// What stands after the scheme, where that is Bearer.
fn after_scheme(line: &HeaderValue) -> Option<&[u8]> {
    let line = line.as_bytes();
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    line[..end].eq_ignore_ascii_case(b"Bearer").then(|| line[end..].trim_ascii())
}
