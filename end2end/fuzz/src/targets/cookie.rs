//! The header `Cookie`: the entrant's cookie, and an organiser's session.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use server::http::admin::session::Token;
use server::http::cookies;

use crate::input::Input;
use crate::world::{ORIGINS, OURS, ROTATED, THEIRS};

const ID: [u8; 16] = [0xa5; 16];
const SESSION: [u8; 32] = [0x5a; 32];

/// Only a cookie this service marked names an entrant, and on https only under the name no neighbour can set.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mode = input.byte();
    let is_http = usize::from(mode & 1);
    let prefix = ["__Host-", ""][is_http];
    let headers = match mode >> 1 & 3 {
        0 => input.header(header::COOKIE),
        1 => {
            let [entrant, session] = genuine();
            let line =
                format!("a=b; {prefix}drawbridge_entrant={entrant}; {prefix}drawbridge_session={session}");
            let spoilt = input.spoil(line.as_bytes());
            Input::new(&spoilt).header(header::COOKIE)
        }
        // Genuine values, under a name of the fuzzer's.
        2 => {
            let name = input.rest();
            let lines = genuine().map(|value| [name, b"=", value.as_bytes()].concat());
            Input::new(&lines.join(&b'\n')).header(header::COOKIE)
        }
        _ => return csrf(input),
    };
    names(&headers, is_http, prefix);
}

fn genuine() -> [String; 2] {
    let entrant = [ID, OURS.sign_cookie("entrant", &ID)].concat();
    [BASE64_URL_SAFE_NO_PAD.encode(entrant), BASE64_URL_SAFE_NO_PAD.encode(SESSION)]
}

fn names(headers: &HeaderMap, is_http: usize, prefix: &str) {
    let origin = &ORIGINS[is_http];
    let holds = |text: &str| {
        let mut lines = headers.get_all(header::COOKIE).iter();
        lines.any(|line| line.to_str().is_ok_and(|line| line.contains(text)))
    };
    let entrant = cookies::entrant(&OURS, origin, headers);
    if let Some(id) = entrant {
        assert_eq!(id, ID, "nobody else marks cookies");
        assert!(holds(&format!("{prefix}drawbridge_entrant")), "a name counts as it is written");
        assert!(holds(&genuine()[0]), "and so does a value");
    }
    assert_eq!(cookies::entrant(&ROTATED, origin, headers), entrant, "a previous secret is honoured");
    assert_eq!(cookies::entrant(&THEIRS, origin, headers), None, "another service's is not");
    if let Some(token) = Token::of_request(origin, headers) {
        assert!(holds(&format!("{prefix}drawbridge_session")), "a name counts as it is written");
        assert!(token.is_csrf(&OURS, &token.csrf(&OURS)));
        assert!(!token.is_csrf(&OURS, &token.csrf(&THEIRS)));
    }
}

/// The mark in a form: of this session, or none.
fn csrf(input: Input<'_>) {
    let line = format!("drawbridge_session={}", genuine()[1]);
    let headers = Input::new(line.as_bytes()).header(header::COOKIE);
    let token = Token::of_request(&ORIGINS[1], &headers).expect("a token");
    let mark = token.csrf(&OURS);
    for sent in [input.spoil(mark.as_bytes()), input.rest().to_vec()] {
        if let Ok(sent) = String::from_utf8(sent) {
            assert_eq!(token.is_csrf(&OURS, &sent), sent == mark, "{sent}");
        }
    }
}
