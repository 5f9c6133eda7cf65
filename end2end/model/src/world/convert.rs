//! Between the model's small values and those that the server's decisions take.

use server::store::entries::{ClaimKind, Stored, Written};
use uuid::Uuid;

use super::World;
use super::state::{Body, Fate, Id};

/// The id that the server's decisions see.
pub fn uuid(id: Id) -> Uuid {
    Uuid::from_u128(u128::from(id.press) << 8 | u128::from(id.nth))
}

/// A committed entry, as the server's decisions see it.
pub fn stored(world: &World, body: Body) -> Stored {
    let identity = world.press(body.id.press).identity();
    Stored { id: uuid(body.id), receipt: String::new(), registered_at: body.at.into(), identity }
}

/// The receipt of a committed entry.
pub fn body_of(stored: &Stored) -> Body {
    let [.., press, nth] = stored.id.into_bytes();
    Body { id: Id { press, nth }, at: u8::try_from(stored.registered_at).unwrap_or(u8::MAX) }
}

/// A fate, as the server's decisions see it.
pub fn written(world: &World, fate: Fate) -> Written {
    match fate {
        Fate::Created(at) => Written::Created { registered_at: at.into() },
        Fate::TokenKnown(body) => Written::TokenKnown(stored(world, body)),
        Fate::SourceKnown(body) => Written::SourceKnown(stored(world, body)),
        Fate::PersonKnown(body) => Written::PersonKnown(stored(world, body)),
        Fate::ClaimsTaken => Written::ClaimsTaken(vec![ClaimKind::Phone]),
        Fate::NotOpen => Written::NotOpen(1, 0),
        Fate::Closed => Written::Closed,
        Fate::Full => Written::Full,
        Fate::Again => Written::Again,
    }
}

/// What a server's decision says of a fate.
pub fn fate(written: &Written) -> Fate {
    match written {
        Written::Created { registered_at } => Fate::Created(u8::try_from(*registered_at).unwrap_or(u8::MAX)),
        Written::TokenKnown(stored) => Fate::TokenKnown(body_of(stored)),
        Written::SourceKnown(stored) => Fate::SourceKnown(body_of(stored)),
        Written::PersonKnown(stored) => Fate::PersonKnown(body_of(stored)),
        Written::ClaimsTaken(_) => Fate::ClaimsTaken,
        Written::NotOpen(..) => Fate::NotOpen,
        Written::Closed => Fate::Closed,
        Written::Full => Fate::Full,
        // Drafts are not edited here and no row is refused, so nothing is judged anew.
        Written::Again | Written::DrawChanged | Written::Refused(_) => Fate::Again,
    }
}
