//! Log lines as JSON, in the shape that tracing-subscriber gives them.
//!
//! Each request to register writes one. The library's formatter builds a map of values for each line and checks its
//! text twice on the way; this one writes straight into the line.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes an event as one line of JSON: `timestamp`, `level`, `fields` (with `message`) and `target`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        // Lines of crates that use `log` say where they come from in fields of their own.
        let normalised = event.normalized_metadata();
        let about = normalised.as_ref().unwrap_or_else(|| event.metadata());
        line.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut line)?;
        line.write_str("\",\"level\":\"")?;
        line.write_str(about.level().as_str())?;
        line.write_str("\",\"fields\":{")?;
        let mut fields = Fields { line: &mut line, is_first: true, written: Ok(()) };
        event.record(&mut fields);
        fields.written?;
        line.write_str("},\"target\":")?;
        text(&mut line, about.target())?;
        line.write_str("}\n")
    }
}

/// Writes fields as the members of an object.
struct Fields<'a, 'line> {
    line: &'a mut Writer<'line>,
    is_first: bool,
    written: fmt::Result,
}

impl<'line> Fields<'_, 'line> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'line>) -> fmt::Result) {
        if self.written.is_ok() && !field.name().starts_with("log.") {
            self.written = self.write(field.name(), value);
        }
    }

    fn write(&mut self, name: &str, value: impl FnOnce(&mut Writer<'line>) -> fmt::Result) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.line.write_char(',')?;
        }
        text(self.line, name)?;
        self.line.write_char(':')?;
        value(self.line)
    }
}

impl Visit for Fields<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |line| text(line, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is no number.
        self.member(
            field,
            |line| if value.is_finite() { write!(line, "{value}") } else { line.write_str("null") },
        );
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, |line| text(line, &format!("{value:?}")));
    }
}

/// Writes a text as a string of JSON.
fn text(line: &mut Writer<'_>, text: &str) -> fmt::Result {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        return line.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?);
    }
    line.write_char('"')?;
    line.write_str(text)?;
    line.write_char('"')
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("nobody panics").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is logged, by this formatter and by the library's, without the instant.
    fn both(log: impl Fn()) -> [Value; 2] {
        let read = |lines: Lines| {
            let bytes = lines.0.lock().expect("nobody panics").clone();
            assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
            let mut line: Value = serde_json::from_slice(&bytes).expect("JSON");
            let instant = line["timestamp"].take();
            assert!(instant.as_str().is_some_and(|instant| instant.ends_with('Z')), "{instant}");
            line
        };
        let (ours, theirs) = (Lines::default(), Lines::default());
        let make = ours.clone();
        let format = tracing_subscriber::fmt().with_writer(move || make.clone()).event_format(Json);
        tracing::subscriber::with_default(format.finish(), &log);
        let make = theirs.clone();
        let format = tracing_subscriber::fmt().with_writer(move || make.clone()).json();
        tracing::subscriber::with_default(format.finish(), &log);
        [read(ours), read(theirs)]
    }

    #[test]
    fn a_line_is_what_the_library_makes_of_it() {
        let [ours, theirs] = both(|| {
            let (count, wait, none) = (3_u64, -1_i64, None::<u32>);
            let error = "a \"quoted\"\nline\u{7f}\u{2028}é\\";
            tracing::warn!(%error, draw = error, count, wait, share = 0.5, is_on = true, none, "told {error}");
        });
        assert_eq!(ours, theirs);
        assert_eq!(ours["fields"]["count"], json!(3));
        let [ours, theirs] = both(|| tracing::info!("nothing beside"));
        assert_eq!(ours, theirs);
    }
}
