//! Reading answers off the wire: HTTP/1.1 responses with a length or in chunks, from a buffer that is used again.

use std::mem::MaybeUninit;

use httparse::{ParserConfig, Status};

/// Most headers an answer may have.
const HEADERS: usize = 48;
/// Most bytes an answer's body may have: more than any page or asset of ours.
pub const BODY_BYTES: usize = 16 * 1024 * 1024;

/// A whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// Status line and headers as they came, the empty line included.
    pub head: &'a [u8],
    /// The body, chunks joined.
    pub body: &'a [u8],
    /// `Retry-After` in seconds.
    pub retry_after: Option<u32>,
    /// Whether `Idempotent-Replayed: true` is there.
    pub is_replayed: bool,
    /// Whether the body is said to be `application/problem+json`.
    pub is_problem: bool,
    /// Whether the server ends the connection after it.
    pub closes: bool,
}

/// Why bytes are no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The status line or a header cannot be read.
    #[error("the answer's head cannot be read")]
    Head,
    /// Neither `Content-Length` nor chunks, so that nobody knows where it ends.
    #[error("the answer does not say where it ends")]
    Endless,
    /// A chunk's size or end cannot be read.
    #[error("a chunk cannot be read")]
    Chunk,
    /// Above [`BODY_BYTES`].
    #[error("the answer is too large")]
    TooLarge,
}

/// How the end of a body is known.
enum Framing {
    Length(usize),
    Chunks,
    Unknown,
}

/// Reads the first answer in `bytes`: it and how many bytes it took, or `None` when it is not whole yet. Chunks are
/// joined in `scratch`.
///
/// # Errors
/// [`Malformed`].
pub fn parse<'a>(
    bytes: &'a [u8],
    scratch: &'a mut Vec<u8>,
) -> Result<Option<(Answer<'a>, usize)>, Malformed> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let read = ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, &mut headers);
    let length = match read {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(Malformed::Head),
    };
    let mut answer = Answer {
        status: response.code.unwrap_or_default(),
        head: &bytes[..length],
        body: &[],
        retry_after: None,
        is_replayed: false,
        is_problem: false,
        closes: response.version == Some(0),
    };
    let mut framing = match answer.status {
        204 | 304 => Framing::Length(0),
        _ => Framing::Unknown,
    };
    for header in response.headers.iter() {
        note(&mut answer, &mut framing, header.name, header.value)?;
    }
    match framing {
        Framing::Unknown => Err(Malformed::Endless),
        Framing::Length(body) if body > BODY_BYTES => Err(Malformed::TooLarge),
        Framing::Length(body) => {
            let Some(body) = bytes.get(length..length + body) else { return Ok(None) };
            Ok(Some((Answer { body, ..answer }, length + body.len())))
        }
        Framing::Chunks => {
            let Some(taken) = join(&bytes[length..], scratch)? else { return Ok(None) };
            Ok(Some((Answer { body: scratch, ..answer }, length + taken)))
        }
    }
}

/// Notes a header that matters here. Names are told apart by their lengths first.
fn note(answer: &mut Answer<'_>, framing: &mut Framing, name: &str, value: &[u8]) -> Result<(), Malformed> {
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
    match name.len() {
        // Chunks go before a length, and these two never have a body.
        14 if matches!(framing, Framing::Chunks) || matches!(answer.status, 204 | 304) => {}
        14 if is("content-length") => *framing = Framing::Length(number(value).ok_or(Malformed::Head)?),
        17 if is("transfer-encoding") => *framing = Framing::Chunks,
        12 if is("content-type") => {
            answer.is_problem =
                value.get(..24).is_some_and(|it| it.eq_ignore_ascii_case(b"application/problem+json"));
        }
        11 if is("retry-after") => {
            answer.retry_after = number(value).and_then(|seconds| seconds.try_into().ok());
        }
        19 if is("idempotent-replayed") => answer.is_replayed = value == b"true",
        10 if is("connection") => answer.closes |= value.eq_ignore_ascii_case(b"close"),
        _ => {}
    }
    Ok(())
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.trim().parse().ok()
}

/// Joins chunks; how many bytes they took with their end, or `None` when that is not there yet. What came before is
/// read again with every part that arrives: answers come in few.
fn join(bytes: &[u8], scratch: &mut Vec<u8>) -> Result<Option<usize>, Malformed> {
    scratch.clear();
    let mut at = 0;
    loop {
        let (taken, size) = match httparse::parse_chunk_size(&bytes[at..]) {
            Ok(Status::Complete(read)) => read,
            Ok(Status::Partial) => return Ok(None),
            Err(_) => return Err(Malformed::Chunk),
        };
        at += taken;
        let size = usize::try_from(size).map_err(|_| Malformed::TooLarge)?;
        if size == 0 {
            return Ok(trailers(&bytes[at..]).map(|taken| at + taken));
        }
        if size > BODY_BYTES - scratch.len() {
            return Err(Malformed::TooLarge);
        }
        let (Some(chunk), Some(end)) = (bytes.get(at..at + size), bytes.get(at + size..at + size + 2)) else {
            return Ok(None);
        };
        if end != b"\r\n" {
            return Err(Malformed::Chunk);
        }
        scratch.extend_from_slice(chunk);
        at += size + 2;
    }
}

/// Bytes of the lines after the last chunk, the empty one included.
fn trailers(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = memchr::memmem::find(&bytes[at..], b"\r\n")?;
        at += line + 2;
        if line == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIPT: &[u8] =
        b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nIdempotent-Replayed: true\r\n\
        Content-Length: 9\r\n\r\n{\"a\":\"b\"}";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4;x=y\r\nWiki\r\n6\r\npedia \r\n\
        C\r\nin \r\nchunks.\r\n0\r\nsum: 1\r\n\r\n";
    const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n\
        Retry-After: 3\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";

    /// Every part of the bytes is an answer that is not whole yet, and the whole is one.
    fn whole(bytes: &[u8]) -> (u16, Vec<u8>) {
        let mut scratch = Vec::new();
        for end in 0..bytes.len() {
            let read = parse(&bytes[..end], &mut scratch).unwrap();
            assert!(read.is_none(), "whole after {end} of {} bytes", bytes.len());
        }
        let (answer, taken) = parse(bytes, &mut scratch).unwrap().unwrap();
        assert_eq!(taken, bytes.len());
        (answer.status, answer.body.to_vec())
    }

    #[test]
    fn an_answer_may_be_split_at_every_byte() {
        assert_eq!(whole(RECEIPT), (201, b"{\"a\":\"b\"}".to_vec()));
        assert_eq!(whole(CHUNKED), (200, b"Wikipedia in \r\nchunks.".to_vec()));
        assert_eq!(whole(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), (200, Vec::new()));
        assert_eq!(whole(b"HTTP/1.1 204 No Content\r\n\r\n"), (204, Vec::new()));
        assert_eq!(
            whole(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            (200, Vec::new())
        );
    }

    #[test]
    fn of_two_answers_the_first_is_read_and_then_the_second() {
        for (first, second) in [(RECEIPT, CHUNKED), (CHUNKED, BUSY), (BUSY, RECEIPT)] {
            let both = [first, second].concat();
            let (mut one, mut two) = (Vec::new(), Vec::new());
            let (_, taken) = parse(&both, &mut one).unwrap().unwrap();
            assert_eq!(taken, first.len());
            let (_, taken) = parse(&both[taken..], &mut two).unwrap().unwrap();
            assert_eq!(taken, second.len());
        }
    }

    #[test]
    fn headers_that_matter_are_noted() {
        let mut scratch = Vec::new();
        let (receipt, _) = parse(RECEIPT, &mut scratch).unwrap().unwrap();
        assert!(receipt.is_replayed && !receipt.is_problem && !receipt.closes);
        assert_eq!(receipt.retry_after, None);
        let mut scratch = Vec::new();
        let (busy, _) = parse(BUSY, &mut scratch).unwrap().unwrap();
        assert!(!busy.is_replayed && busy.is_problem && busy.closes);
        assert_eq!(busy.retry_after, Some(3));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let refused = |bytes: &[u8]| parse(bytes, &mut Vec::new()).map(drop).unwrap_err();
        assert_eq!(refused(b"SSH-2.0-OpenSSH\r\n\r\n"), Malformed::Head);
        assert_eq!(refused(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), Malformed::Head);
        assert_eq!(refused(b"HTTP/1.1 200 OK\r\n\r\nuntil the end"), Malformed::Endless);
        assert_eq!(refused(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"), Malformed::TooLarge);
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(refused(format!("{chunked}nonsense\r\n").as_bytes()), Malformed::Chunk);
        assert_eq!(refused(format!("{chunked}1\r\nab\r\n").as_bytes()), Malformed::Chunk);
        assert_eq!(refused(format!("{chunked}FFFFFFFFFF\r\n").as_bytes()), Malformed::TooLarge);
    }
}
