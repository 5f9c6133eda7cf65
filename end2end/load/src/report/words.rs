//! The lines.

use std::fmt::Write as _;

use super::{Told, count, time};
use crate::measure::{Latency, Outcome, Second};

/// What a second was like, in a line.
pub fn progress(second: &Second) -> String {
    let mark = if second.is_warm_up { " (warming up)" } else { "" };
    let errors = second.wrong + second.lost;
    format!(
        "{:4} s  {:>9} answers/s  p99 {:>8}  {} refused  {} errors{mark}",
        second.second + 1,
        count(second.answers()),
        time(second.p99_us),
        count(second.refused),
        count(errors),
    )
}

/// What a run came to, in lines.
pub fn summary(told: &Told) -> String {
    let outcome = &told.outcome;
    let mut text = String::new();
    for line in lines(told) {
        let _ = writeln!(text, "{line}");
    }
    for surprise in &outcome.surprises {
        let came = surprise.came.trim().replace('\n', "\n    ");
        let _ = writeln!(
            text,
            "{}: expected {}, there came:\n    {came}",
            surprise.kind.name(),
            surprise.expected
        );
    }
    text
}

fn lines(told: &Told) -> Vec<String> {
    let outcome = &told.outcome;
    let mut lines = vec![
        rates(outcome),
        format!(
            "{:10} {:>12} {:>10} {:>8} {:>8}   times of right answers",
            "", "right", "refused", "wrong", "lost"
        ),
    ];
    for (kind, it) in &outcome.kinds {
        lines.push(format!(
            "{:10} {:>12} {:>10} {:>8} {:>8}   {}",
            kind.name(),
            count(it.right),
            count(it.refused),
            count(it.wrong),
            count(it.lost),
            quantiles(it.felt()),
        ));
        if it.refused > 0 {
            lines.push(format!("{:54} refusals: {}", "", quantiles(&it.refusal)));
        }
    }
    let errors = outcome.errors;
    let generator = 100.0 * outcome.generator_seconds / outcome.seconds;
    lines.push(format!(
        "{} connections broke, {} time-outs, {} wrong answers; {} connections made again; the generator used {generator:.0} % of a processor",
        errors.connection, errors.time_out, errors.unexpected, outcome.reconnects,
    ));
    if let (Some(due), Some(delay)) = (&outcome.due, &outcome.delay) {
        lines.push(format!("every press, from when it was due: {}", quantiles(due)));
        lines.push(format!(
            "sent after it was due: {}; {} could not be sent before the end",
            quantiles(delay),
            count(outcome.unsent)
        ));
    }
    lines.extend(outcome.ended_early.iter().map(|why| format!("It ended early: {why}.")));
    lines.extend(database(told));
    lines
}

fn rates(outcome: &Outcome) -> String {
    let mut text = format!(
        "{} answers in {:.2} s: {} a second",
        count(outcome.answers),
        outcome.seconds,
        count(outcome.per_second.round() as u64)
    );
    if outcome.answers > 0 && outcome.right_per_second < outcome.per_second {
        let (right, refused) = (outcome.right_per_second, outcome.refused_per_second);
        let _ = write!(text, ", {right:.0} of them right, {refused:.0} refused");
    }
    text
}

fn quantiles(times: &Latency) -> String {
    if times.count() == 0 {
        return "-".to_owned();
    }
    let [median, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(|part| time(times.quantile(part)));
    format!("p50 {median}, p90 {p90}, p99 {p99}, p99.9 {p999}, max {}", time(times.max()))
}

fn database(told: &Told) -> Vec<String> {
    let Some(found) = &told.database else { return Vec::new() };
    let mut lines = vec![format!(
        "database: {} acknowledged, {} entries; {} lost, {} twice, {} uncalled; of {} unknown {} are in; {} rows, counters say {}",
        count(found.acknowledged),
        count(found.entries),
        found.lost,
        found.twice,
        found.uncalled,
        found.unknown,
        found.unknown_in,
        found.rows,
        found.counters,
    )];
    lines.extend(found.violations.iter().map(|what| format!("  {what}")));
    lines
}
