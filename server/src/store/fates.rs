//! Why an entry lost: what committed winners mean for it, the same in every dialect.

use super::entries::{ClaimKind, NewEntry, Stored, Written};
use crate::admission::protocol;

/// What committed entries hold of what one entry wanted, as [`super::writing`] looked it up.
#[derive(Debug, Default)]
pub(in crate::store) struct Winners {
    /// The entry that used its token.
    pub token: Option<Stored>,
    /// The entry that used its source and sequence.
    pub source: Option<Stored>,
    /// The live entry of its person.
    pub person: Option<Stored>,
    /// Which of [`NewEntry::told_claims`] others hold.
    pub taken: Vec<ClaimKind>,
}

impl Winners {
    /// The fate of an entry that the constraints refused: the token's entry first, then that of its source and
    /// sequence, then the person's.
    pub(in crate::store) fn fate(self) -> Written {
        match self {
            Self { token: Some(stored), .. } => Written::TokenKnown(stored),
            Self { source: Some(stored), .. } => Written::SourceKnown(stored),
            Self { person: Some(stored), .. } => Written::PersonKnown(stored),
            Self { taken, .. } if !taken.is_empty() => Written::ClaimsTaken(taken),
            _ => Written::Again,
        }
    }

    /// The fate of an entry that the constraints did not judge, because the draw takes nobody: a known retry is
    /// still one.
    pub(in crate::store) fn fate_when_shut(self, entry: &NewEntry, otherwise: Written) -> Written {
        match self.fate() {
            known @ (Written::TokenKnown(_) | Written::SourceKnown(_)) => known,
            Written::PersonKnown(stored) if protocol::is_same_browser(&stored.identity, &entry.identity) => {
                Written::PersonKnown(stored)
            }
            _ => otherwise,
        }
    }
}
