//! Whether what was told can be explained: by some order of the things that happened together, in which the
//! reference, doing one after the other, tells each the same.

use bytes::Bytes;
use model::reference::Reference;
use model::reference::values::{Attempt, End, Ended, Expected};
use shared::Problem;

/// Seconds to wait for who found too many others under the same key.
const AFTER_A_CROWD: u32 = 1;
/// Seconds to wait for what was sent in time with a token that is too old now.
const WHILE_TOKENS_SETTLE: u32 = 5;

/// One of the things that happened together.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A request to register; whether its server, when it was sent, believed that a postcode is required.
    Register(Attempt, bool),
    End(usize, End),
    Close,
    RequirePostcode(bool),
}

/// What one of them was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A receipt for a new entry.
    Created(Bytes),
    /// A receipt for an entry that was there.
    Replayed(Bytes),
    /// A problem, the fields it names with their codes, and seconds to wait.
    Refused(Problem, Vec<(String, String)>, Option<u32>),
    /// How ending an entry went.
    Ended(Ended),
    /// That it is done.
    Done,
}

impl Told {
    /// Whether it was told to come again, because too many others were being served under its key.
    pub fn is_put_off(&self) -> bool {
        matches!(self, Self::Refused(Problem::InProgress, _, Some(AFTER_A_CROWD)))
    }
}

/// An order that explains everything.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// How things stand afterwards.
    pub reference: Reference,
    /// The body of each entry's receipt.
    pub bodies: Vec<Bytes>,
    /// Which operation made each entry that is new.
    pub makers: Vec<usize>,
    /// The order, by place.
    pub order: Vec<usize>,
}

impl Explanation {
    /// That nothing has happened yet.
    pub fn start(reference: &Reference, bodies: &[Bytes]) -> Self {
        Self { reference: reference.clone(), bodies: bodies.to_vec(), makers: Vec::new(), order: Vec::new() }
    }

    /// Looks for an order, trying the first to be sent first. `left` names operations by their places.
    pub fn find(self, operations: &[(Operation, Told)], left: &[usize]) -> Option<Self> {
        if left.is_empty() {
            return Some(self);
        }
        left.iter().enumerate().find_map(|(at, next)| {
            let (operation, told) = &operations[*next];
            let mut then = self.clone();
            if !then.takes(*next, operation, told) {
                return None;
            }
            let mut left = left.to_vec();
            left.remove(at);
            then.find(operations, &left)
        })
    }

    /// Does one operation; whether the reference tells it the same.
    fn takes(&mut self, place: usize, operation: &Operation, told: &Told) -> bool {
        self.order.push(place);
        match operation {
            Operation::Register(attempt, believed) => {
                let earlier = self.reference.submit_by_earlier_rules(attempt, *believed);
                let expected = self.reference.submit(attempt);
                let fits = self.fits(&expected, told);
                if let (Expected::Created(_), Told::Created(body), true) = (&expected, told, fits) {
                    self.bodies.push(body.clone());
                    self.makers.push(place);
                }
                match earlier {
                    Some((reference, expected)) if !fits && self.fits(&expected, told) => {
                        self.reference = reference;
                        true
                    }
                    _ => fits,
                }
            }
            Operation::End(entry, end) => *told == Told::Ended(self.reference.end(*entry, *end)),
            Operation::Close => {
                self.reference.close();
                *told == Told::Done
            }
            Operation::RequirePostcode(is_required) => {
                self.reference.require_postcode(*is_required);
                *told == Told::Done
            }
        }
    }

    /// Whether what was told is what the reference expects: bodies by the byte.
    fn fits(&self, expected: &Expected, told: &Told) -> bool {
        match (expected, told) {
            (Expected::Created(entry), Told::Created(body)) => {
                *entry == self.bodies.len() && !self.bodies.contains(body)
            }
            (Expected::Replay(entry, _), Told::Replayed(body)) => self.bodies.get(*entry) == Some(body),
            (expected, Told::Refused(problem, fields, retry_after)) => {
                refusal(expected).is_some_and(|(expected, wait)| expected == *problem && wait == *retry_after)
                    && fields_fit(expected, fields)
            }
            _ => false,
        }
    }
}

/// The problem that the API has for an answer, and the seconds to wait.
fn refusal(expected: &Expected) -> Option<(Problem, Option<u32>)> {
    let problem = match expected {
        Expected::Created(_) | Expected::Replay(..) => return None,
        Expected::KeyReused(_) => Problem::KeyReused,
        Expected::AlreadyRegistered | Expected::Taken(_) => Problem::AlreadyRegistered,
        Expected::Invalid => Problem::ValidationFailed,
        Expected::TokenSettles => return Some((Problem::InProgress, Some(WHILE_TOKENS_SETTLE))),
        Expected::TokenExpired => Problem::TokenExpired,
        Expected::TokenInvalid => Problem::TokenInvalid,
        Expected::NotOpen { wait } => {
            return Some((Problem::NotOpen, u32::try_from((wait + 999) / 1000).ok()));
        }
        Expected::Closed => Problem::Closed,
        Expected::Full => Problem::Full,
    };
    Some((problem, None))
}

/// Taken fields are named, and no others; a form that is refused is told why; nobody else is told of fields.
fn fields_fit(expected: &Expected, told: &[(String, String)]) -> bool {
    match expected {
        Expected::Taken(fields) => {
            let taken = fields.iter().map(|field| (field.as_str().to_owned(), "taken".to_owned()));
            taken.eq(told.iter().cloned())
        }
        Expected::Invalid => !told.is_empty(),
        _ => told.is_empty(),
    }
}
