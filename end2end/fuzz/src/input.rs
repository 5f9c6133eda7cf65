//! Taking an input apart. Nothing here fails: an input that has ended goes on with zeros, so that every input means
//! something and a small change of it means a small change.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Changes made to a genuine value at most: more leave nothing of it.
const CHANGES_MAX: usize = 8;

/// What is left of an input.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// Of all the fuzzer's bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_at(N.min(self.0.len()));
        self.0 = rest;
        let mut array = [0; N];
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// One of several, by the next byte.
    pub fn choose<'b, T>(&mut self, from: &'b [T]) -> &'b T {
        &from[usize::from(self.byte()) % from.len()]
    }

    /// A whole number, by the next eight bytes.
    pub fn number(&mut self) -> i64 {
        i64::from_be_bytes(self.array())
    }

    /// Everything that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Everything that is left, where it is text.
    pub fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }

    /// Everything that is left, as lines of one header; those that no header can hold are left out.
    pub fn header(self, name: HeaderName) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in self.0.split(|byte| *byte == b'\n').take(8) {
            if let Ok(value) = HeaderValue::from_bytes(line) {
                headers.append(name.clone(), value);
            }
        }
        headers
    }

    /// A genuine value, spoilt: three bytes a change, of what kind, where, and with which byte.
    pub fn spoil(self, genuine: &[u8]) -> Vec<u8> {
        let mut value = genuine.to_vec();
        for change in self.0.chunks_exact(3).take(CHANGES_MAX) {
            let at = usize::from(change[1]) % (value.len() + 1);
            match change[0] % 6 {
                0 => value.insert(at, change[2]),
                1 => value.truncate(at),
                2 => value.extend_from_within(at..),
                3 => {
                    if at < value.len() {
                        value.remove(at);
                    }
                }
                4 => {
                    if let Some(byte) = value.get_mut(at) {
                        *byte = change[2];
                    }
                }
                _ => {
                    if let Some(byte) = value.get_mut(at) {
                        *byte ^= change[2];
                    }
                }
            }
        }
        value
    }
}
