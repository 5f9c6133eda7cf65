//! Input that has to be refused, each kind with its own problem.

use super::form;
use super::ledger::{TOKEN_CHARS, Token};
use super::{Verdict, is_problem};
use crate::answer::Answer;

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadInput {
    /// The body breaks off.
    MalformedJson,
    /// An email without a domain.
    BrokenRule,
    /// No `Idempotency-Key`.
    NoKey,
    /// A token nobody issued.
    ForgedToken,
    /// A slug of no draw.
    UnknownDraw,
    /// A form where JSON is wanted.
    WrongContentType,
}

impl BadInput {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::MalformedJson,
        Self::BrokenRule,
        Self::NoKey,
        Self::ForgedToken,
        Self::UnknownDraw,
        Self::WrongContentType,
    ];

    /// Status and code of the problem it has to be told.
    pub fn problem(self) -> (u16, &'static str) {
        match self {
            Self::MalformedJson => (400, "malformed-body"),
            Self::BrokenRule => (422, "validation-failed"),
            Self::NoKey => (400, "idempotency-key-missing"),
            Self::ForgedToken => (403, "token-invalid"),
            Self::UnknownDraw => (404, "draw-not-found"),
            Self::WrongContentType => (415, "unsupported-media-type"),
        }
    }

    /// Judges an answer to it.
    pub fn judge(self, answer: &Answer<'_>) -> Verdict {
        let (status, code) = self.problem();
        if is_problem(answer, status, code) {
            return Verdict::Right;
        }
        Verdict::Wrong(format!("{status} as application/problem+json of type /problems/{code} ({self:?})"))
    }

    /// The request, with a hole where a genuine token goes.
    fn request(self, host: &str, slug: &str) -> (Vec<u8>, Option<usize>) {
        let hole = "!".repeat(TOKEN_CHARS);
        // A forged token that can be read: 39 bytes that nobody signed.
        let forged = "A".repeat(TOKEN_CHARS);
        let typed = form::entry_form("nobody", 0);
        let json = serde_json::to_string(&typed).unwrap_or_default();
        let kind = "application/json";
        let request = match self {
            Self::MalformedJson => form::request(host, slug, Some(&hole), kind, &json[..json.len() - 1]),
            Self::BrokenRule => {
                let broken = json.replace(&typed.email, "nobody.nowhere");
                form::request(host, slug, Some(&hole), kind, &broken)
            }
            Self::NoKey => form::request(host, slug, None, kind, &json),
            Self::ForgedToken => form::request(host, slug, Some(&forged), kind, &json),
            Self::UnknownDraw => form::request(host, "there-is-no-such-draw", Some(&hole), kind, &json),
            Self::WrongContentType => {
                form::request(host, slug, Some(&hole), "application/x-www-form-urlencoded", &json)
            }
        };
        let at = memchr::memmem::find(&request, hole.as_bytes());
        (request, at)
    }
}

/// Requests of all kinds in turn.
#[derive(Clone, Debug)]
pub(crate) struct BadInputs {
    requests: Vec<(Vec<u8>, Option<usize>)>,
    /// Genuine tokens that no entry has used: a failed validation burns none, so each serves many times. There are
    /// several, so that requests that have nothing in common but their badness do not wait for each other.
    tokens: Vec<Token>,
    sent: usize,
}

impl BadInputs {
    /// For a draw at a host, with tokens that nothing else uses.
    pub fn new(host: &str, slug: &str, tokens: Vec<Token>) -> Self {
        let requests = BadInput::ALL.map(|kind| kind.request(host, slug)).to_vec();
        Self { requests, tokens, sent: 0 }
    }

    /// The next request.
    pub fn next(&mut self, out: &mut Vec<u8>) -> BadInput {
        let kind = self.sent % BadInput::ALL.len();
        let (request, hole) = &self.requests[kind];
        let start = out.len();
        out.extend_from_slice(request);
        if let (Some(at), false) = (hole, self.tokens.is_empty()) {
            let token = &self.tokens[self.sent % self.tokens.len()];
            out[start + at..start + at + TOKEN_CHARS].copy_from_slice(token);
        }
        self.sent += 1;
        BadInput::ALL[kind]
    }

    /// Gives the tokens back.
    pub fn into_tokens(self) -> Vec<Token> {
        self.tokens
    }
}
