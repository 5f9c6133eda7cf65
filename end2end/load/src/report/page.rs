//! The page, self-contained.

use std::fmt::Write as _;

use super::plots::Pictures;
use super::{Told, count, time};
use crate::measure::{KindOutcome, Latency};

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn page(told: &Told, pictures: &Pictures) -> String {
    let verdict = match told.is_right() {
        true => "<p class=\"verdict held\">Every answer was right.</p>",
        false => "<p class=\"verdict broken\">Something was wrong.</p>",
    };
    let outcome = &told.outcome;
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <main>\n<h1>{title}</h1>\n<p>{answers} answers in {seconds:.1} s: <strong>{rate}</strong> a second, {right} of \
         them right, {refused} refused.</p>\n{verdict}\n<figure>{over_time}</figure>\n\
         <figure>{distribution}</figure>\n<h2>Kinds of requests</h2>\n{kinds}\n<h2>Totals</h2>\n{totals}\n{surprises}\n\
         <p>To repeat it: <code>{command}</code></p>\n</main>\n</html>\n",
        title = escaped(&told.title),
        answers = count(outcome.answers),
        seconds = outcome.seconds,
        rate = count(outcome.per_second.round() as u64),
        right = count(outcome.right_per_second.round() as u64),
        refused = count(outcome.refused_per_second.round() as u64),
        over_time = pictures.over_time,
        distribution = pictures.distribution,
        kinds = kinds(told),
        totals = totals(told),
        surprises = surprises(told),
        command = escaped(&told.command),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn kinds(told: &Told) -> String {
    let head = ["Right", "Refused", "Wrong", "Lost", "Mean", "p50", "p90", "p99", "p99.9", "Max"];
    let mut rows = String::from("<tr><th>Kind<th>Times");
    for name in head {
        let _ = write!(rows, "<th class=number>{name}");
    }
    for (kind, it) in &told.outcome.kinds {
        let KindOutcome { service, latency, refusal, .. } = it;
        let counts = [it.right, it.refused, it.wrong, it.lost].map(count);
        rows += &row(kind.name(), "from sending", &counts, service);
        let none = [const { String::new() }; 4];
        if let Some(latency) = latency {
            rows += &row("", "from when it was due", &none, latency);
        }
        if refusal.count() > 0 {
            rows += &row("", "of refusals", &none, refusal);
        }
        let statuses: Vec<String> =
            it.statuses.iter().map(|(status, answers)| format!("{status}: {}", count(*answers))).collect();
        let _ = write!(rows, "<tr><td><td class=soft colspan=11>{}", statuses.join(", "));
    }
    format!("<div class=wide><table>{rows}</table></div>")
}

fn row(kind: &str, times: &str, counts: &[String; 4], latency: &Latency) -> String {
    let mut row = format!("\n<tr><td>{kind}<td>{times}");
    for count in counts {
        let _ = write!(row, "<td class=number>{count}");
    }
    let mean = latency.mean().round() as u64;
    let quantiles = [0.5, 0.9, 0.99, 0.999].map(|part| latency.quantile(part));
    for micros in [mean].into_iter().chain(quantiles).chain([latency.max()]) {
        let _ = write!(
            row,
            "<td class=number>{}",
            if latency.count() == 0 { "-".to_owned() } else { time(micros) }
        );
    }
    row
}

fn totals(told: &Told) -> String {
    let outcome = &told.outcome;
    let plan = &outcome.plan;
    let errors = outcome.errors;
    let quantile = |it: &Latency| format!("p50 {}, p99 {}", time(it.quantile(0.5)), time(it.quantile(0.99)));
    let generator = format!("{:.0} % of a processor", 100.0 * outcome.generator_seconds / outcome.seconds);
    let mut lines = vec![
        ("targets", told.targets.join(", ")),
        ("connections", plan.connections.to_string()),
        ("threads of the generator", plan.threads.to_string()),
        ("pace", plan.pace.to_string()),
        ("seed", plan.seed.to_string()),
        ("connections that broke", count(errors.connection)),
        ("time-outs", count(errors.time_out)),
        ("wrong answers", count(errors.unexpected)),
        ("connections made again", count(outcome.reconnects)),
        ("the generator used", generator),
    ];
    lines.extend(outcome.mix.map(|mix| ("mix", mix.to_string())));
    lines.extend(told.crowd.iter().map(|crowd| ("name of the crowd", crowd.clone())));
    lines.extend(outcome.due.as_ref().map(|due| ("every press, from when it was due", quantile(due))));
    lines.extend(outcome.delay.as_ref().map(|delay| ("sent after it was due", quantile(delay))));
    lines.extend(outcome.due.is_some().then(|| ("due and never sent", count(outcome.unsent))));
    lines.extend(outcome.ended_early.iter().map(|why| ("ended early", why.clone())));
    if let Some(found) = &told.database {
        lines.extend([
            ("database: acknowledged", count(found.acknowledged)),
            ("database: entries", count(found.entries)),
            ("database: lost", count(found.lost)),
            ("database: twice", count(found.twice)),
            ("database: uncalled", count(found.uncalled)),
            ("database: unknown, and of those in", format!("{}, {}", found.unknown, found.unknown_in)),
            ("database: rows and counters of the draw", format!("{}, {}", found.rows, found.counters)),
        ]);
        lines.extend(found.violations.iter().map(|what| ("database", what.clone())));
    }
    let rows: Vec<String> = lines
        .iter()
        .map(|(name, value)| format!("<tr><td>{name}<td class=number>{}", escaped(value)))
        .collect();
    format!("<table class=totals>\n{}</table>", rows.join("\n"))
}

fn surprises(told: &Told) -> String {
    let mut text = String::new();
    for surprise in &told.outcome.surprises {
        let (kind, expected) = (surprise.kind.name(), escaped(&surprise.expected));
        let _ = write!(
            text,
            "<p>{kind}: expected {expected}; there came</p>\n<pre>{}</pre>\n",
            escaped(&surprise.came)
        );
    }
    if text.is_empty() { text } else { format!("<h2>The first things that were wrong</h2>\n{text}") }
}
