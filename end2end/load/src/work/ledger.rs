//! What was acknowledged, so that it can be asked for again and looked for in the database.

use shared::token::TOKEN_BYTES;

/// Characters of a page token.
pub const TOKEN_CHARS: usize = TOKEN_BYTES.div_ceil(3) * 4;

/// A page token.
pub type Token = [u8; TOKEN_CHARS];

/// A registration that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Who: the number their form is made from.
    pub person: u32,
    /// Its key.
    pub token: Token,
    /// The entry its receipt names.
    pub entry: [u8; 16],
    /// Hash of the receipt's bytes.
    pub body: u64,
}

/// What became of registrations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Known to be in, in no order.
    pub acknowledged: Vec<Acknowledged>,
    /// People of whom nobody knows whether they are in: the answer was lost, or did not say.
    pub unknown: Vec<u32>,
}

impl Ledger {
    /// Adds another's.
    pub fn merge(&mut self, mut other: Self) {
        self.acknowledged.append(&mut other.acknowledged);
        self.unknown.append(&mut other.unknown);
    }
}
