//! Recognises what commits in what a client sends to PostgreSQL: for links that lose the answers to that.

/// How batches of registrations are called, which commit by themselves, in the messages that prepare that.
const CALL: &[u8] = b"\0SELECT entered_at, created FROM enter_";

/// What names of prepared statements begin with.
const NAME: &[u8] = b"sqlx_s_";

/// One connection's words, in the pieces in which they come.
#[derive(Debug, Default)]
pub struct Commits {
    /// The names of prepared statements that call, each between two ends of strings as [Bind] has it for the unnamed
    /// portal.
    ///
    /// [Bind]: https://www.postgresql.org/docs/current/protocol-message-formats.html
    calls: Vec<Vec<u8>>,
}

impl Commits {
    /// Whether a piece asks for a commit: by that word, a short message of its own, or by calling what commits by
    /// itself, of which this is the first piece at least.
    pub fn are_in(&mut self, piece: &[u8]) -> bool {
        if let Some(at) = find(piece, CALL) {
            let name = piece[..at].windows(NAME.len()).rposition(|found| found == NAME).unwrap_or(at);
            self.calls.push([&[0], &piece[name..at], &[0]].concat());
            return false;
        }
        // Not "READ COMMITTED", which begins a transaction.
        find(piece, b"; COMMIT").is_some() || self.calls.iter().any(|call| find(piece, call).is_some())
    }
}

fn find(piece: &[u8], words: &[u8]) -> Option<usize> {
    piece.windows(words.len()).position(|found| found == words)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message: its kind, its length with that of the length, and what it says.
    fn message(kind: u8, says: &[u8]) -> Vec<u8> {
        let length = u32::try_from(says.len() + 4).expect("a short message");
        [&[kind][..], &length.to_be_bytes(), says].concat()
    }

    #[test]
    fn a_commit_and_a_call_are_recognised_and_nothing_else() {
        let mut commits = Commits::default();
        assert!(commits.are_in(&message(b'Q', b"SELECT 1; COMMIT\0")));
        assert!(!commits.are_in(&message(b'Q', b"BEGIN ISOLATION LEVEL READ COMMITTED\0")));
        let bind = |name: &str| message(b'B', format!("\0{name}\0\0\0").as_bytes());
        assert!(!commits.are_in(&bind("sqlx_s_3")), "nothing is prepared yet");
        let parse = [b"sqlx_s_3".as_slice(), CALL, b"$1)\0"].concat();
        assert!(!commits.are_in(&message(b'P', &parse)), "to prepare it is not to call it");
        let other = [b"sqlx_s_7".as_slice(), CALL, b"new_$1)\0"].concat();
        assert!(!commits.are_in(&message(b'P', &other)));
        assert!(commits.are_in(&bind("sqlx_s_3")), "whatever else was prepared since");
        assert!(commits.are_in(&bind("sqlx_s_7")));
        assert!(!commits.are_in(&bind("sqlx_s_33")));
    }
}
