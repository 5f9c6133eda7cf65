//! What a request to register can end in, which layer decides, and the problems a client may be told.

use serde::{Deserialize, Serialize};

/// How one HTTP request to register ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A new entry is committed.
    Created,
    /// The original receipt, again.
    Replayed,
    /// The person, or another claim, is taken.
    AlreadyRegistered,
    /// The key was used for something else.
    Mismatch,
    /// The same key is still being worked on.
    InProgress,
    /// The rules, or the body's form, were not kept.
    Invalid,
    /// The token cannot be read or is not genuine.
    TokenInvalid,
    /// The token is older than 24 hours.
    TokenExpired,
    /// Before opening.
    NotOpen,
    /// After closing.
    Closed,
    /// At capacity.
    Full,
    /// Too many requests.
    RateLimited,
    /// Refused early: more is queued than can be served.
    Shed,
    /// A part is away.
    Unavailable,
    /// A fault of ours.
    Error,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 15] = [
        Self::Created,
        Self::Replayed,
        Self::AlreadyRegistered,
        Self::Mismatch,
        Self::InProgress,
        Self::Invalid,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::NotOpen,
        Self::Closed,
        Self::Full,
        Self::RateLimited,
        Self::Shed,
        Self::Unavailable,
        Self::Error,
    ];

    /// The label in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replayed => "replayed",
            Self::AlreadyRegistered => "already_registered",
            Self::Mismatch => "mismatch",
            Self::InProgress => "in_progress",
            Self::Invalid => "invalid",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::NotOpen => "not_open",
            Self::Closed => "closed",
            Self::Full => "full",
            Self::RateLimited => "rate_limited",
            Self::Shed => "shed",
            Self::Unavailable => "unavailable",
            Self::Error => "error",
        }
    }
}

/// Which defence decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Size, content type, routing: before anything of ours.
    Edge,
    /// The limits per address and per person.
    Limiter,
    /// The rules of the draw.
    Rules,
    /// The page token.
    Token,
    /// This process: a remembered outcome, or the same attempt in flight.
    Memory,
    /// The outcome shared by all servers.
    Cache,
    /// The lease: another request holds this key.
    Lock,
    /// The database.
    Constraint,
}

impl Layer {
    /// Every layer, outermost first.
    pub const ALL: [Self; 8] = [
        Self::Edge,
        Self::Limiter,
        Self::Rules,
        Self::Token,
        Self::Memory,
        Self::Cache,
        Self::Lock,
        Self::Constraint,
    ];

    /// The label in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Limiter => "limiter",
            Self::Rules => "rules",
            Self::Token => "token",
            Self::Memory => "memory",
            Self::Cache => "cache",
            Self::Lock => "lock",
            Self::Constraint => "constraint",
        }
    }
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident $status:literal $code:literal $title:literal $detail:literal;)+) => {
        /// A problem type (RFC 9457): a stable code, its status, its title and what to do about it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Problem { $($(#[$doc])* $name,)+ }

        impl Problem {
            /// Every problem type.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The last part of `type`: what clients branch on.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// A short title, the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// What happened and what to do, for people.
            pub fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail,)+ }
            }
        }
    };
}

problems! {
    /// No `Idempotency-Key`.
    KeyMissing 400 "idempotency-key-missing" "The request has no Idempotency-Key"
        "Send the page token in an Idempotency-Key header. Reload the page to get one. With an API key, send a key of your own.";
    /// An `Idempotency-Key` that cannot be read.
    KeyInvalid 400 "idempotency-key-invalid" "The Idempotency-Key cannot be read"
        "Send exactly one Idempotency-Key header that holds the page token as it was issued or, with an API key, 16 to 255 visible ASCII characters.";
    /// A body that cannot be read.
    MalformedBody 400 "malformed-body" "The request body cannot be read"
        "Send one object with the known fields, each once and of the right type.";
    /// No session.
    NotSignedIn 401 "not-signed-in" "You are not signed in"
        "Sign in as an organiser and try again.";
    /// A token that is not genuine.
    TokenInvalid 403 "token-invalid" "The page token is not genuine"
        "This token was not issued for this draw. Reload the page and send the form again.";
    /// A token past its life.
    TokenExpired 403 "token-expired" "The page token has expired"
        "The page was open for more than 24 hours. Get a new token and send the form again; nothing was registered.";
    /// Signed in, but not allowed, or the request came from another site.
    Forbidden 403 "forbidden" "This is not allowed"
        "The request came from another site or is not yours to make.";
    /// No such draw, or not public.
    DrawNotFound 404 "draw-not-found" "There is no such draw"
        "Check the address. The draw may not be public yet.";
    /// No such receipt.
    ReceiptNotFound 404 "receipt-not-found" "There is no such receipt"
        "Check the address: a receipt's code has to be complete.";
    /// No such page or job.
    NotFound 404 "not-found" "There is nothing here"
        "Check the address.";
    /// A method the resource does not know.
    MethodNotAllowed 405 "method-not-allowed" "This method is not allowed here"
        "Use one of the methods named in the Allow header.";
    /// The same key is still being worked on.
    InProgress 409 "in-progress" "Your request is still being worked on"
        "The same request was received before and has not ended. Send it again, with the same key, after the time given in Retry-After.";
    /// The key belongs to another request.
    KeyReused 409 "idempotency-key-reused" "This key was used for something else"
        "The key already belongs to another request. Get a new token and send the form again.";
    /// The person, or a claim, is taken.
    AlreadyRegistered 409 "already-registered" "Already registered in this draw"
        "This person, or something only one entrant may use, is registered in this draw already. If it was you, the receipt you got then is valid.";
    /// Before opening.
    NotOpen 409 "draw-not-open" "The draw is not open yet"
        "Registration has not begun. Try again when the draw opens.";
    /// After closing.
    Closed 409 "draw-closed" "The draw is closed"
        "Registration has ended. Who has a receipt takes part.";
    /// At capacity.
    Full 409 "draw-full" "The draw is full"
        "Every place on the list is taken.";
    /// An edit of something that changed meanwhile.
    VersionConflict 409 "version-conflict" "Someone else changed this meanwhile"
        "Look at the present version, then decide again.";
    /// A body above 16 KiB.
    BodyTooLarge 413 "body-too-large" "The request body is too large"
        "A registration has at most 16 KiB.";
    /// A body of another type.
    UnsupportedMediaType 415 "unsupported-media-type" "The request body has the wrong type"
        "Send application/json.";
    /// Rules not kept.
    ValidationFailed 422 "validation-failed" "Some answers need another look"
        "Nothing was registered and your token is still good. Mend the fields named and send the form again.";
    /// Too many requests.
    RateLimited 429 "rate-limited" "Too many requests"
        "Wait for the time given in Retry-After, then send the same request again, with the same key.";
    /// A fault of ours.
    Internal 500 "internal-error" "Something went wrong on our side"
        "Send the same request again, with the same key. If it keeps happening, tell the organiser the request id.";
    /// More is queued than can be served.
    Overloaded 503 "overloaded" "Very many people are registering right now"
        "Nothing was lost. Send the same request again, with the same key, after the time given in Retry-After.";
    /// The database is away.
    StorageUnavailable 503 "storage-unavailable" "Registration is briefly interrupted"
        "It is not known yet whether you are registered. Send the same request again, with the same key, after the time given in Retry-After.";
}

impl Problem {
    /// The problem of that code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|problem| problem.code() == code)
    }

    /// Whether sending the same request again, unchanged, is the right thing to do.
    pub fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::InProgress
                | Self::RateLimited
                | Self::Internal
                | Self::Overloaded
                | Self::StorageUnavailable
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_found_by_its_code_and_no_code_is_used_twice() {
        for &problem in Problem::ALL {
            assert_eq!(Problem::from_code(problem.code()), Some(problem));
        }
    }

    #[test]
    fn only_conflicts_limits_and_our_own_faults_are_worth_repeating() {
        for problem in Problem::ALL.iter().filter(|problem| problem.is_temporary()) {
            assert!([409, 429, 500, 503].contains(&problem.status()), "{problem:?}");
        }
    }
}
