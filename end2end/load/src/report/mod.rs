//! What is told of a run: lines for whoever started it, a page with pictures, and everything as JSON.

mod page;
mod plots;
mod words;

use std::io;
use std::path::Path;

use serde::Serialize;

use crate::database::Found;
use crate::measure::Outcome;

pub use words::{progress, summary};

/// Everything that is known of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// A heading.
    pub title: String,
    /// Where it was sent.
    pub targets: Vec<String>,
    /// The crowd's name, if it was one.
    pub crowd: Option<String>,
    /// The command that repeats it.
    pub command: String,
    /// What was measured.
    pub outcome: Outcome,
    /// What the database held, if that was looked at.
    pub database: Option<Found>,
}

impl Told {
    /// Whether every answer and the database were right.
    pub fn is_right(&self) -> bool {
        self.outcome.is_right() && self.database.as_ref().is_none_or(Found::is_right)
    }
}

/// Writes `report.html` and `report.json` to a folder, which is made where it is missing.
///
/// # Errors
/// When a picture cannot be drawn or a file not be written.
pub fn write(folder: &Path, told: &Told) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let json = serde_json::to_vec_pretty(told).map_err(io::Error::other)?;
    std::fs::write(folder.join("report.json"), json)?;
    let pictures = plots::draw(&told.outcome).map_err(io::Error::other)?;
    std::fs::write(folder.join("report.html"), page::page(told, &pictures))
}

/// A time for people: of so many microseconds.
fn time(micros: u64) -> String {
    match micros {
        0..1000 => format!("{micros} µs"),
        1000..100_000 => format!("{:.1} ms", micros as f64 / 1000.0),
        100_000..1_000_000 => format!("{} ms", micros / 1000),
        _ => format!("{:.1} s", micros as f64 / 1_000_000.0),
    }
}

/// A count for people: its digits in groups of three.
fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [time(7), time(1234), time(123_456), time(9_900_000)],
            ["7 µs", "1.2 ms", "123 ms", "9.9 s"]
        );
    }

    #[test]
    fn a_report_is_written_whole() {
        let answers = crate::serve::tests::page();
        let plan = crate::Plan { stop: crate::Stop::Requests(500), ..crate::Plan::default() };
        let fixed = crate::Fixed::get(answers.host(), "/").expecting(201);
        let outcome = crate::run_fixed(&answers, &plan, &fixed, |_| {}).unwrap();
        let (title, command) = ("A <run>".to_owned(), "load run".to_owned());
        let told = Told { title, targets: Vec::new(), crowd: None, command, outcome, database: None };
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("new"), &told).unwrap();
        let page = std::fs::read_to_string(folder.path().join("new/report.html")).unwrap();
        assert_eq!(page.matches("<svg").count(), 2);
        assert!(
            page.contains("A &lt;run&gt;") && page.contains("Something was wrong") && !page.contains("NaN")
        );
        let json = std::fs::read(folder.path().join("new/report.json")).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["outcome"]["kinds"]["fixed"]["statuses"]["200"], 500);
        assert_eq!(json["outcome"]["errors"]["unexpected"].as_u64(), Some(told.outcome.errors.unexpected));
        assert!(summary(&told).contains("fixed: expected 201"));
    }
}
