//! Log lines on their way to standard error.
//!
//! A line for each request to register is a system call for each, unless they are gathered: up to [`BUFFER_BYTES`] or
//! for [`GATHERED_FOR`]. Warnings and errors go at once, with all that was gathered before them. Whoever does not read
//! the lines holds up those who write them, as without a buffer: none is dropped.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Lines are written once so much is gathered.
const BUFFER_BYTES: usize = 64 << 10;
/// And however little it is, after so long.
const GATHERED_FOR: Duration = Duration::from_millis(100);

/// Where lines go.
type Sink = Box<dyn io::Write + Send>;

struct Shared {
    gathered: Mutex<Gathered>,
    /// There is something, or this is the end.
    wake: Condvar,
    /// Taken before `gathered`, so that lines stay in order; with the memory for what is gathered next.
    sink: Mutex<(Sink, Vec<u8>)>,
}

#[derive(Default)]
struct Gathered {
    lines: Vec<u8>,
    is_over: bool,
}

impl Shared {
    fn write_out(&self) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let (sink, lines) = &mut *sink;
        std::mem::swap(lines, &mut self.gathered().lines);
        // Nobody could be told of a log that cannot be written.
        let _ = sink.write_all(lines).and_then(|()| sink.flush());
        lines.clear();
    }

    fn gathered(&self) -> std::sync::MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gathers lines.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

/// Writes out what is gathered when it is dropped: to be kept until the end of the process.
#[must_use = "what is gathered is written out when this is dropped"]
pub struct Logging(Arc<Shared>);

impl Drop for Logging {
    fn drop(&mut self) {
        self.0.gathered().is_over = true;
        self.0.wake.notify_one();
        self.0.write_out();
    }
}

impl Lines {
    /// Starts gathering for a sink.
    ///
    /// # Errors
    /// When there can be no thread for it.
    pub(super) fn start(sink: Sink) -> io::Result<(Self, Logging)> {
        let shared = Arc::new(Shared {
            gathered: Mutex::default(),
            wake: Condvar::new(),
            sink: Mutex::new((sink, Vec::new())),
        });
        let writing = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            loop {
                let gathered = writing.gathered();
                let waited = writing.wake.wait_while(gathered, |now| now.lines.is_empty() && !now.is_over);
                let is_over = waited.unwrap_or_else(PoisonError::into_inner).is_over;
                if !is_over {
                    thread::sleep(GATHERED_FOR);
                }
                writing.write_out();
                if is_over {
                    return;
                }
            }
        })?;
        Ok((Self(Arc::clone(&shared)), Logging(shared)))
    }
}

/// One line.
pub(super) struct Line<'a> {
    shared: &'a Shared,
    is_urgent: bool,
}

impl io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut gathered = self.shared.gathered();
        let was_empty = gathered.lines.is_empty();
        gathered.lines.extend_from_slice(bytes);
        let is_much = gathered.lines.len() >= BUFFER_BYTES;
        drop(gathered);
        if self.is_urgent || is_much {
            self.shared.write_out();
        } else if was_empty {
            self.shared.wake.notify_one();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { shared: &self.0, is_urgent: true }
    }

    fn make_writer_for(&'a self, line: &Metadata<'_>) -> Line<'a> {
        Line { shared: &self.0, is_urgent: *line.level() <= Level::WARN }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Tells each write.
    struct Told(mpsc::Sender<String>);

    impl io::Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn write(lines: &Lines, text: &str, is_urgent: bool) {
        Line { shared: &lines.0, is_urgent }.write_all(text.as_bytes()).expect("gathers");
    }

    fn until(told: &mpsc::Receiver<String>, whole: &str) {
        let mut text = String::new();
        while text.len() < whole.len() {
            text.push_str(&told.recv().expect("is written"));
        }
        assert_eq!(text, whole);
    }

    #[test]
    fn lines_are_written_in_order_whether_gathered_urgent_many_or_last() {
        let (sender, told) = mpsc::channel();
        let (lines, logging) = Lines::start(Box::new(Told(sender))).expect("starts");
        write(&lines, "a", false);
        until(&told, "a");
        write(&lines, "b", false);
        write(&lines, "c", true);
        until(&told, "bc");
        let much = "d".repeat(BUFFER_BYTES);
        write(&lines, &much, false);
        until(&told, &much);
        write(&lines, "e", false);
        drop(logging);
        until(&told, "e");
    }
}
