//! What an integrator's program sends: the form everybody sends, and, if it likes, the number that the entry
//! has in its own books.
//!
//! A [`Sequence`] names an entry within its source. It stands beside the form's fields in the JSON body, is not
//! one of them, and never reaches rules, fingerprints or browsers.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer as _, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::{EntryForm, limits};

/// The name of the member that holds the sequence.
pub const SEQUENCE: &str = "sequence";

/// What names an entry within its source: 1 to 64 visible ASCII characters, or a whole number, which is the
/// same as its decimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sequence(String);

impl Sequence {
    /// Reads a text. `None` when it is empty, too long, or holds anything but visible ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=limits::SEQUENCE_CHARS).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Sequence {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(SequenceVisitor)
    }
}

struct SequenceVisitor;

impl Visitor<'_> for SequenceVisitor {
    type Value = Sequence;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a sequence of 1 to {} visible ASCII characters, or a whole number from 0 to {}",
            limits::SEQUENCE_CHARS,
            limits::SEQUENCE_NUMBER_MAX
        )
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Sequence, E> {
        Sequence::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Other("another text"), &self))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Sequence, E> {
        if number > limits::SEQUENCE_NUMBER_MAX {
            return Err(E::invalid_value(Unexpected::Unsigned(number), &self));
        }
        Ok(Sequence(number.to_string()))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Sequence, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }
}

/// A request's body, read: the form, and the sequence where an integrator sent one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// What there is to be judged.
    pub form: EntryForm,
    /// Names the entry in the books of its source.
    pub sequence: Option<Sequence>,
}

impl From<EntryForm> for Registration {
    fn from(form: EntryForm) -> Self {
        Self { form, sequence: None }
    }
}

/// As strict as [`EntryForm`] by itself: unknown and repeated members are refused.
impl<'de> Deserialize<'de> for Registration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(RegistrationVisitor)
    }
}

struct RegistrationVisitor;

impl<'de> Visitor<'de> for RegistrationVisitor {
    type Value = Registration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a registration's fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Registration, A::Error> {
        let mut sequence = Seen::No;
        let fields = WithoutSequence { members, sequence: &mut sequence };
        let form = EntryForm::deserialize(MapAccessDeserializer::new(fields))?;
        let sequence = match sequence {
            Seen::No => None,
            Seen::Yes(sequence) => sequence,
        };
        Ok(Registration { form, sequence })
    }
}

/// Whether the sequence's member was there; it may have been null.
enum Seen {
    No,
    Yes(Option<Sequence>),
}

/// An object's members, less the sequence, which is put aside when it comes along.
struct WithoutSequence<'a, A> {
    members: A,
    sequence: &'a mut Seen,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutSequence<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.members.next_key::<String>()? {
            if name != SEQUENCE {
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
            if matches!(self.sequence, Seen::Yes(_)) {
                return Err(A::Error::duplicate_field(SEQUENCE));
            }
            *self.sequence = Seen::Yes(self.members.next_value()?);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.members.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Registration, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn sequence(json: &str) -> Option<String> {
        let read = read(&format!("{{\"email\": \"a@b.c\", \"sequence\": {json}}}")).ok()?;
        assert_eq!(read.form.email, "a@b.c");
        read.sequence.map(|sequence| sequence.as_str().to_owned())
    }

    #[test]
    fn a_number_and_its_digits_are_the_same_sequence() {
        assert_eq!(sequence("7").as_deref(), Some("7"));
        assert_eq!(sequence("\"7\"").as_deref(), Some("7"));
        assert_eq!(sequence("\"007\"").as_deref(), Some("007"));
        assert_eq!(sequence("0").as_deref(), Some("0"));
        assert_eq!(sequence("9007199254740991").as_deref(), Some("9007199254740991"));
        assert_eq!(sequence("\"order/1:2\\\"x\"").as_deref(), Some("order/1:2\"x"));
        assert_eq!(sequence(&format!("\"{}\"", "s".repeat(64))), Some("s".repeat(64)));
        assert_eq!(read("{\"sequence\": null}").map(|read| read.sequence), Ok(None));
        assert_eq!(read("{}").map(|read| read.sequence), Ok(None));
    }

    #[test]
    fn what_is_no_sequence_is_refused() {
        let long = format!("\"{}\"", "s".repeat(65));
        for wrong in [
            "\"\"",
            "\" 7\"",
            "\"a b\"",
            "\"\\u0000\"",
            "\"\u{e9}\"",
            "\"\\u007f\"",
            "-1",
            "1.0",
            "1e3",
            "9007199254740992",
            "18446744073709551616",
            "true",
            "[7]",
            "{}",
            &long,
        ] {
            assert!(read(&format!("{{\"sequence\": {wrong}}}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn unknown_and_repeated_members_are_refused_as_ever() {
        for (json, why) in [
            ("{\"sequence\": 1, \"sequence\": 1}", "duplicate field `sequence`"),
            ("{\"sequence\": null, \"sequence\": 1}", "duplicate field `sequence`"),
            ("{\"email\": \"a\", \"sequence\": 1, \"email\": \"a\"}", "duplicate field `email`"),
            ("{\"sequence\": 1, \"sequences\": 1}", "unknown field `sequences`"),
            ("[]", "invalid type"),
            ("{\"sequence\": 1} {}", "trailing characters"),
        ] {
            let error = read(json).expect_err(json);
            assert!(error.contains(why), "{json}: {error}");
        }
        let by_itself = serde_json::from_str::<EntryForm>("{\"sequence\": 1}");
        assert!(by_itself.is_err(), "a form by itself has no such field");
    }
}
