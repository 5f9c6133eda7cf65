//! The same request again and again.

use super::{Verdict, Work, shed};
use crate::answer::Answer;
use crate::mix::Kind;

/// A request that never changes, and what has to come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    request: Vec<u8>,
    status: u16,
    body: Option<Vec<u8>>,
    expect_shed: bool,
}

impl Fixed {
    /// `GET` of a path from a host; 200 is expected.
    pub fn get(host: &str, path: &str) -> Self {
        Self::of(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes(), 200)
    }

    /// `POST` of a body to a path of a host; 200 is expected.
    pub fn post(host: &str, path: &str, content_type: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
        );
        Self::of([head.as_bytes(), body].concat(), 200)
    }

    fn of(request: Vec<u8>, status: u16) -> Self {
        Self { request, status, body: None, expect_shed: false }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        // The head's first line ends where headers may begin.
        let at = memchr::memmem::find(&self.request, b"\r\n").map_or(0, |line| line + 2);
        self.request.splice(at..at, format!("{name}: {value}\r\n").into_bytes());
        self
    }

    /// Expecting another status.
    #[must_use]
    pub fn expecting(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Expecting exactly this body.
    #[must_use]
    pub fn expecting_body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }

    /// Taking 429 and 503 with `Retry-After` for refusals.
    pub(crate) fn expecting_shed(mut self, is_expected: bool) -> Self {
        self.expect_shed = is_expected;
        self
    }
}

impl Work for Fixed {
    type Job = ();

    fn next(&mut self, out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(&self.request);
        Some(())
    }

    fn kind(&self, (): &()) -> Kind {
        Kind::Fixed
    }

    fn judge(&mut self, (): (), answer: &Answer<'_>) -> Verdict {
        if let Some(verdict) = shed(answer, self.expect_shed && self.status != answer.status) {
            return verdict;
        }
        match &self.body {
            _ if answer.status != self.status => Verdict::Wrong(self.status.to_string()),
            Some(body) if body != answer.body => Verdict::Wrong(String::from_utf8_lossy(body).into_owned()),
            _ => Verdict::Right,
        }
    }

    fn lost(&mut self, (): ()) {}
}
