//! A calendar file (RFC 5545) with the day on which winners are drawn.

use jiff::Timestamp;

use crate::store::entries::ReceiptRow;

/// The file; `None` when the draw has no such instant.
pub fn file(row: &ReceiptRow, link: &str, now: i64) -> Option<String> {
    let draws_at = row.draw.spec.draws_at?;
    let lines = [
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//Drawbridge//Draw//EN".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{}@drawbridge", row.entry_id),
        format!("DTSTAMP:{}", stamp(now)),
        format!("DTSTART:{}", stamp(draws_at)),
        format!("SUMMARY:{}", escaped(&format!("{}: winners are drawn", row.draw.spec.title))),
        format!("DESCRIPTION:{}", escaped(&format!("Your receipt: {link}"))),
        format!("URL:{link}"),
        "TRANSP:TRANSPARENT".to_owned(),
        "END:VEVENT".to_owned(),
        "END:VCALENDAR".to_owned(),
    ];
    Some(lines.iter().flat_map(|line| [folded(line), "\r\n".to_owned()]).collect())
}

fn stamp(at: i64) -> String {
    Timestamp::from_millisecond(at).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// TEXT values escape backslash, semicolon, comma and line break (3.3.11).
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n").replace('\r', "")
}

/// Lines have at most 75 bytes; a longer one goes on after a line break and a space (3.1).
fn folded(line: &str) -> String {
    let mut folded = String::with_capacity(line.len() + 8);
    let mut bytes = 0;
    for c in line.chars() {
        if bytes + c.len_utf8() > 74 {
            folded.push_str("\r\n ");
            bytes = 1;
        }
        folded.push(c);
        bytes += c.len_utf8();
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_characters() {
        let line = format!("SUMMARY:{}", "ä".repeat(100));
        let folded = folded(&line);
        assert!(folded.split("\r\n").all(|line| line.len() <= 75));
        assert_eq!(folded.replace("\r\n ", ""), line);
    }

    #[test]
    fn text_cannot_break_out_of_its_line() {
        assert_eq!(escaped("a,b;c\\d\r\ne"), "a\\,b\\;c\\\\d\\ne");
    }
}
