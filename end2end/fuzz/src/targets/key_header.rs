//! The header `Idempotency-Key`: a page token, or a key of an integrator's own.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use server::admission::attempt::Token;
use server::http::api::entries::key_of;
use server::store::integrators::Integrator;
use shared::Problem;
use shared::limits::{KEY_CHARS_MAX, KEY_CHARS_MIN};
use shared::token::idempotency_key;
use uuid::Uuid;

use crate::input::Input;
use crate::world::{DRAW, NOW, OTHER_DRAW, OURS};

/// One header names one key, however it is written; two name none.
pub fn run(bytes: &[u8]) {
    let headers = Input::new(bytes).header(HeaderName::from_static("idempotency-key"));
    let lines: Vec<&HeaderValue> = headers.get_all("idempotency-key").iter().collect();
    match (lines.as_slice(), key_of(&headers)) {
        ([], Err(Problem::KeyMissing)) | ([_], Err(Problem::KeyInvalid)) => {}
        ([_], Ok(key)) => one_key(&key),
        (lines, Err(Problem::KeyInvalid)) => assert!(lines.len() > 1),
        (lines, read) => panic!("{lines:?} was read as {read:?}"),
    }
    for line in lines {
        // What stands in a form's hidden field goes the same way.
        let text = line.to_str().ok();
        let same = key_of(&single(line)).ok();
        assert_eq!(text.and_then(idempotency_key), same);
    }
}

fn single(line: &HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static("idempotency-key"), line.clone())])
}

fn one_key(key: &str) {
    assert!((KEY_CHARS_MIN..=KEY_CHARS_MAX).contains(&key.len()));
    assert!(key.bytes().all(|byte| (0x21..=0x7e).contains(&byte)), "{key:?}");
    let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
    let mut ways = vec![quoted.clone(), format!(" \t{quoted}\t ")];
    if !key.starts_with('"') {
        ways.extend([key.to_owned(), format!("\t {key} ")]);
    }
    for way in ways {
        assert_eq!(idempotency_key(&way).as_deref(), Some(key), "{way:?} is the same key");
    }
    assert_eq!(idempotency_key(&format!("{quoted};a=1")), None, "a parameter is no part of a key");
    // As a page token it is one or none, as an integrator's key it always is one.
    if let Err(problem) = Token::read(key, &OURS, DRAW, NOW) {
        assert!(matches!(problem, Problem::KeyInvalid | Problem::TokenInvalid), "{problem:?}");
    }
    let claim = |key: &str, id, draw| {
        let integrator = Arc::new(Integrator { id: Uuid::from_u128(id), name: "partner".to_owned() });
        Token::of_integrator(key, integrator, &OURS, draw).claim
    };
    let own = claim(key, 1, DRAW);
    assert_eq!(claim(key, 1, DRAW), own);
    for other in [claim(key, 2, DRAW), claim(key, 1, OTHER_DRAW), claim(&key[1..], 1, DRAW)] {
        assert_ne!(other, own, "a key is of one integrator and one draw");
    }
}
