//! What the page for editing a draw shows.

use serde::Deserialize;
use shared::FieldError;

use super::DrawRef;
use crate::models::When;

/// The parts of a draw that are edited here, in the order of the form: the field's name, which is the key in
/// the draw's file, and what people read.
pub const PARTS: [(&str, &str); 11] = [
    ("title", "Title"),
    ("description", "Description"),
    ("opens_at", "Opening time"),
    ("closes_at", "Closing time"),
    ("draws_at", "Drawing time"),
    ("timezone", "Time zone"),
    ("capacity", "Capacity"),
    ("mode", "Repeats"),
    ("terms_url", "Link to the terms"),
    ("privacy_url", "Link to the privacy notice"),
    ("contact", "Contact"),
];

/// What people read for a part.
pub fn label(part: &str) -> &'static str {
    PARTS.iter().find(|(name, _)| *name == part).map_or("The draw", |(_, label)| label)
}

/// The texts of the form, as they were typed or as they stand for what is stored. Times are local to the time
/// zone: "2026-06-01T10:00". Only a form that has all of them is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct EditValues {
    /// Title.
    pub title: String,
    /// Paragraphs separated by empty lines.
    pub description: String,
    /// IANA name.
    pub timezone: String,
    /// Local time.
    pub opens_at: String,
    /// Local time.
    pub closes_at: String,
    /// Local time; empty for none.
    pub draws_at: String,
    /// `lenient` or `strict`.
    pub mode: String,
    /// A number; empty for no limit.
    pub capacity: String,
    /// Web address; empty for none.
    pub terms_url: String,
    /// Web address; empty for none.
    pub privacy_url: String,
    /// Email or web address; empty for none.
    pub contact: String,
}

impl EditValues {
    /// The text of a part.
    pub fn text(&self, part: &str) -> &str {
        match part {
            "title" => &self.title,
            "description" => &self.description,
            "timezone" => &self.timezone,
            "opens_at" => &self.opens_at,
            "closes_at" => &self.closes_at,
            "draws_at" => &self.draws_at,
            "mode" => &self.mode,
            "capacity" => &self.capacity,
            "terms_url" => &self.terms_url,
            "privacy_url" => &self.privacy_url,
            "contact" => &self.contact,
            _ => "",
        }
    }
}

/// The page for editing a draw.
#[derive(Clone, Debug)]
pub struct EditPage {
    /// What names the draw, as it is stored.
    pub draw: DrawRef,
    /// The version that saving follows.
    pub version: i64,
    /// What the form holds.
    pub values: EditValues,
    /// What is wrong with it; a field this page does not have is told at the top.
    pub errors: Vec<FieldError>,
    /// Opening and closing time as stored, where they cannot be changed any more.
    pub fixed_window: Option<(String, String)>,
    /// Names of time zones to choose from.
    pub zones: Vec<String>,
    /// The other version, when somebody stored one meanwhile.
    pub conflict: Option<Conflict>,
}

/// Two versions of a draw: the one that is stored and the one that was typed.
#[derive(Clone, Debug, Default)]
pub struct Conflict {
    /// Who changed what last.
    pub latest: Option<LatestChange>,
    /// The parts that differ, in the order of the form.
    pub differing: Vec<Difference>,
    /// Label and text of the parts that do not.
    pub same: Vec<(&'static str, String)>,
}

/// What was done to a draw last.
#[derive(Clone, Debug)]
pub struct LatestChange {
    /// When.
    pub at: When,
    /// Who.
    pub actor: String,
    /// What: "Title, Capacity", or "draw closed".
    pub what: String,
}

/// A part that differs.
#[derive(Clone, Debug)]
pub struct Difference {
    /// What people read for the part.
    pub label: &'static str,
    /// What is stored now.
    pub stored: Marked,
    /// What was typed.
    pub typed: Marked,
}

/// A text with the middle marked that is another in the other text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// What both begin with.
    pub before: String,
    /// What differs; empty where the other text only has more.
    pub differs: String,
    /// What both end with.
    pub after: String,
}

impl Marked {
    /// Two texts, each with the words marked that are not in the other.
    pub fn pair(one: &str, other: &str) -> (Self, Self) {
        let (ones, others) = (words(one), words(other));
        let before = ones.iter().zip(&others).take_while(|(a, b)| a == b).count();
        let left = ones.len().min(others.len()) - before;
        let after = ones.iter().rev().zip(others.iter().rev()).take(left).take_while(|(a, b)| a == b).count();
        let cut = |words: &[&str]| Self {
            before: words[..before].concat(),
            differs: words[before..words.len() - after].concat(),
            after: words[words.len() - after..].concat(),
        };
        (cut(&ones), cut(&others))
    }
}

/// A text in words, each with the space after it.
fn words(text: &str) -> Vec<&str> {
    text.split_inclusive(char::is_whitespace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_that_differ_are_marked_and_nothing_is_lost() {
        let marked = |before: &str, differs: &str, after: &str| Marked {
            before: before.to_owned(),
            differs: differs.to_owned(),
            after: after.to_owned(),
        };
        let cases = [
            ("Two evenings in June", "Two nights in June", ("Two ", "evenings ", "in June"), "nights "),
            ("a b", "a b c", ("a ", "b", ""), "b c"),
            ("a a a", "a a", ("a ", "a ", "a"), ""),
            ("", "new", ("", "", ""), "new"),
            ("old", "", ("", "old", ""), ""),
            ("été fini", "été  fini", ("été ", "", "fini"), " "),
        ];
        for (one, other, (before, differs, after), others) in cases {
            let (first, second) = Marked::pair(one, other);
            assert_eq!(first, marked(before, differs, after), "{one:?} and {other:?}");
            assert_eq!(second.differs, others, "{one:?} and {other:?}");
            for (marked, text) in [(first, one), (second, other)] {
                assert_eq!(format!("{}{}{}", marked.before, marked.differs, marked.after), text);
            }
        }
    }

    #[test]
    fn every_part_has_its_text() {
        let values = EditValues { title: "Summer".to_owned(), ..EditValues::default() };
        assert_eq!((values.text("title"), values.text("state")), ("Summer", ""));
        assert_eq!((label("draws_at"), label("state")), ("Drawing time", "The draw"));
    }
}
