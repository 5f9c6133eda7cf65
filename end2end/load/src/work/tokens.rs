//! Fetching page tokens.

use super::ledger::{TOKEN_CHARS, Token};
use super::{Verdict, Work, holds};
use crate::answer::Answer;
use crate::mix::Kind;

/// Asks for tokens and keeps them.
#[derive(Debug)]
pub(crate) struct Tokens {
    request: Vec<u8>,
    /// What came.
    pub tokens: Vec<Token>,
}

impl Tokens {
    /// Of a draw at a host.
    pub fn new(host: &str, slug: &str) -> Self {
        let request =
            format!("POST /api/v1/draws/{slug}/tokens HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        Self { request: request.into_bytes(), tokens: Vec::new() }
    }
}

impl Work for Tokens {
    type Job = ();

    fn next(&mut self, out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(&self.request);
        Some(())
    }

    fn kind(&self, (): &()) -> Kind {
        Kind::Token
    }

    fn judge(&mut self, (): (), answer: &Answer<'_>) -> Verdict {
        match token(answer.body) {
            Some(token) if answer.status == 201 && holds(answer.body, "\"expires_at\":\"") => {
                self.tokens.push(token);
                Verdict::Right
            }
            _ => Verdict::Wrong("201 with a token".to_owned()),
        }
    }

    fn lost(&mut self, (): ()) {}
}

/// The token in an answer.
fn token(body: &[u8]) -> Option<Token> {
    const FIELD: &[u8] = b"\"token\":\"";
    let from = memchr::memmem::find(body, FIELD)? + FIELD.len();
    let end = from + TOKEN_CHARS;
    (body.get(end) == Some(&b'"')).then(|| body[from..end].try_into().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found() {
        let text = "A".repeat(TOKEN_CHARS);
        let body = format!("{{\"token\":\"{text}\",\"expires_at\":\"2026-01-01T00:00:00.000Z\"}}");
        assert_eq!(token(body.as_bytes()).as_ref().map(<[u8; TOKEN_CHARS]>::as_slice), Some(text.as_bytes()));
        assert_eq!(token(format!("{{\"token\":\"{text}A\"}}").as_bytes()), None);
        assert_eq!(token(b"{\"token\":\"A\"}"), None);
        assert_eq!(token(b"{}"), None);
    }
}
