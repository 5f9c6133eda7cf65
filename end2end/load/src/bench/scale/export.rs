//! The download of a draw's entries.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::organiser::Organiser;
use super::{EXPORTED, Hall, PAGES_SMALL, Scale, words};
use crate::Failure;
use crate::bench::ground::Server;
use crate::bench::{Comparison, Goal, table};

/// The columns of the file.
const COLUMNS: &str = "receipt, id, registered_at, full_name, email, phone, date_of_birth, country, postcode, category, \
    session, party_size, guardian_name, member_id";
const MIB: f64 = (1 << 20) as f64;

/// Over HTTP, as the organiser does, beside PostgreSQL's own; and what memory the server takes meanwhile.
///
/// # Errors
/// When a server or a database fails.
pub fn compare(scale: &Scale<'_>) -> Result<Vec<Comparison>, Failure> {
    let hall = scale.hall(scale.at_most(EXPORTED))?;
    let server = hall.site.serve()?;
    let what = format!("CSV export of {} entries, over HTTP", words(hall.filled.people.count));
    let mut rate = Comparison::new(&what, "COPY TO STDOUT of the same columns", "/s", Goal::AtLeast(0.3));
    let mut memory =
        Comparison::new("memory of the server while it exports, above before", "", "MiB", Goal::Below(16.0));
    // Two servers that have exported little: what the first export of any size takes is in both.
    let small = scale.hall(scale.at_most(PAGES_SMALL))?;
    let small_server = small.site.serve()?;
    let mut beside = Comparison::new(
        "the same",
        &format!("of {} entries", words(small.filled.people.count)),
        "MiB",
        Goal::Below(16.0),
    );
    for round in 0..scale.rounds {
        if round % 2 == 1 {
            rate.limit.push(copy(&hall)?);
        }
        let (per_second, grown) = export(&hall, &server, &mut rate.wrong)?;
        rate.ours.push(per_second);
        memory.ours.push(grown);
        beside.ours.push(export(&small, &small_server, &mut rate.wrong)?.1);
        if round % 2 == 0 {
            rate.limit.push(copy(&hall)?);
        }
        for comparison in [&rate, &memory, &beside] {
            (scale.tell)(&table::round(comparison));
        }
    }
    Ok(vec![rate, memory, beside])
}

/// Entries a second, and by how many mebibytes the server's memory grew at most.
fn export(hall: &Hall<'_>, server: &Server, wrong: &mut Vec<String>) -> Result<(f64, f64), Failure> {
    let organiser = Organiser::sign_in(server)?;
    let before = server.resident_bytes()?;
    server.forget_peak()?;
    let download = organiser.export()?;
    let grown = server.peak_bytes()?.saturating_sub(before);
    let live = hall.filled.live;
    if download.lines != live + 1 {
        wrong.push(format!("{} lines came for {live} entries and a header", download.lines));
    }
    Ok((live as f64 / download.took.as_secs_f64(), grown as f64 / MIB))
}

/// Entries a second of `COPY`, which psql throws away.
fn copy(hall: &Hall<'_>) -> Result<f64, Failure> {
    let command = format!(
        "COPY (SELECT {COLUMNS} FROM entries WHERE draw_id = '{}') TO STDOUT",
        hall.filled.people.draw
    );
    let began = Instant::now();
    let status = Command::new(services::postgres_program("psql"))
        .args(["--no-psqlrc", "--quiet", "--dbname", &hall.site.url, "--command", &command])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    let took = began.elapsed();
    if !status.success() {
        return Err(Failure::Ground(format!("COPY: psql ended with {status}")));
    }
    Ok(hall.filled.live as f64 / took.as_secs_f64())
}
