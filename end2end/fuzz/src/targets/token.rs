//! Page tokens: what stands in `Idempotency-Key` or in a form's hidden field.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use server::admission::attempt::Token;
use shared::Problem;
use shared::limits::TOKEN_SKEW_MS;
use shared::token::{TOKEN_BYTES, TokenParts};

use crate::input::Input;
use crate::world::{DRAW, NOW, OTHER_DRAW, OURS, ROTATED, THEIRS};

/// A token is genuine exactly when its mark is the one this service makes for that draw.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.byte() % 3 {
        0 => {
            if let Some(text) = input.text() {
                any_text(text);
            }
        }
        1 => {
            let genuine = text_of(&signed(NOW, [7; 16]));
            if let Ok(text) = String::from_utf8(input.spoil(genuine.as_bytes())) {
                assert_eq!(any_text(&text), text == genuine, "a spoilt token counts for nothing: {text}");
            }
        }
        // Seven bytes of time, as in a token.
        _ => genuine(&signed(input.number() & ((1 << 56) - 1), input.array())),
    }
}

fn signed(issued_at: i64, nonce: [u8; 16]) -> TokenParts {
    let parts = TokenParts { issued_at, nonce, mac: [0; 16] };
    TokenParts { mac: OURS.sign_token(DRAW, &parts.signed_bytes()), ..parts }
}

fn text_of(parts: &TokenParts) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(parts.to_bytes())
}

/// Whether the text is a token that can be used.
fn any_text(text: &str) -> bool {
    let is_symbol = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let has_form = text.len() == TOKEN_BYTES * 4 / 3 && text.bytes().all(is_symbol);
    match Token::read(text, &OURS, DRAW, NOW) {
        Err(Problem::KeyInvalid) => assert!(!has_form, "every text of the right form is a token: {text}"),
        Err(Problem::TokenInvalid) => assert!(has_form),
        Err(other) => panic!("{other:?} is not for tokens"),
        Ok(_) => {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).expect("it was read");
            let parts = TokenParts::from_bytes(&bytes).expect("it was read");
            assert_eq!(
                parts.mac,
                OURS.sign_token(DRAW, &parts.signed_bytes()),
                "nobody else signs our tokens"
            );
            genuine(&parts);
            return true;
        }
    }
    false
}

fn genuine(parts: &TokenParts) {
    let text = text_of(parts);
    assert_eq!(TokenParts::from_bytes(&parts.to_bytes()), Some(*parts));
    let read = |keys, draw| Token::read(&text, keys, draw, NOW).map(|token| token.claim);
    assert_eq!(read(&OURS, OTHER_DRAW), Err(Problem::TokenInvalid), "of another draw");
    assert_eq!(read(&THEIRS, DRAW), Err(Problem::TokenInvalid), "of another service");
    let is_early = parts.issued_at > NOW + TOKEN_SKEW_MS;
    match read(&OURS, DRAW) {
        Err(problem) => assert!(problem == Problem::TokenInvalid && is_early, "{problem:?}"),
        Ok(_) => {
            assert!(!is_early, "from the future");
            assert_eq!(read(&ROTATED, DRAW).err(), None, "a previous secret is honoured");
            let mac = ROTATED.sign_token(DRAW, &parts.signed_bytes());
            let resigned = text_of(&TokenParts { mac, ..*parts });
            assert_eq!(
                Token::read(&resigned, &OURS, DRAW, NOW).err(),
                Some(Problem::TokenInvalid),
                "a secret to come"
            );
            assert_eq!(Token::read(&resigned, &ROTATED, DRAW, NOW).err(), None);
        }
    }
}
