//! What a server keeps of millions of attempts.

use std::time::Duration;

use super::Scale;
use crate::bench::ground::Backends;
use crate::bench::{Comparison, Goal, check, get, note, table};
use crate::{Crowd, Failure, Kind, Mix, Plan, Stop, draw};

/// Attempts for each entry of the large draw: 5 million for 10.
const PARTS: u64 = 2;
/// One new person in so many attempts; the others are retries, each of another attempt than the one before.
const NEW: u64 = 5;
/// Attempts between two looks at the memory.
const LAP: u64 = 250_000;
const MIB: f64 = (1 << 20) as f64;

/// New people and retries of all who came before, each of which the server remembers; its memory after each lap.
///
/// # Errors
/// When the server or its database fails.
pub fn compare(scale: &Scale<'_>) -> Result<Vec<Comparison>, Failure> {
    let site = scale.ground.site(Backends::Postgres)?;
    let server = site.serve()?;
    get(&server.targets, &format!("/draws/{}", draw::SLUG))?;
    let idle = server.resident_bytes()?;
    let attempts = (scale.entries / PARTS).max(1);
    let what = format!("memory of the server after {attempts} attempts, above idle");
    let mut comparison = Comparison::new(&what, "", "MiB", Goal::Below(64.0));
    let mut crowd = Crowd::new(&server.targets, draw::SLUG);
    let plan = |count: u64| Plan { stop: Stop::Requests(count), warm_up: Duration::ZERO, ..Plan::default() };
    let in_order = Mix { in_order: true, ..Mix::only(Kind::Retry) };
    let mut left = attempts;
    while left > 0 {
        let lap = left.min(LAP);
        left -= lap;
        let new = lap.div_ceil(NEW);
        crowd.fetch_tokens(&server.targets, &Plan::default(), new as usize)?;
        for (count, mix) in [(new, Mix::only(Kind::New)), (lap - new, in_order)] {
            if count > 0 {
                let outcome = crowd.run(&server.targets, &plan(count), &mix, |_| {})?;
                note(&outcome, &mut comparison.wrong);
            }
        }
        comparison.ours = vec![server.resident_bytes()?.saturating_sub(idle) as f64 / MIB];
        (scale.tell)(&format!("{left} left of {attempts}: {}", table::round(&comparison)));
    }
    drop(server);
    check(&site, &crowd, &mut comparison.wrong)?;
    Ok(vec![comparison])
}
