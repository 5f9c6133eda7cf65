//! The page: the picture, the faults, the totals, what the servers counted, and what held.

use std::fmt::Write as _;

use super::{Figures, Told};

const STYLE: &str = include_str!("page.css");

/// The page, self-contained.
pub fn page(told: &Told<'_>, picture: &str) -> String {
    let verdict = match told.violations() {
        0 => "<p class=\"verdict held\">Every promise held.</p>".to_owned(),
        count => format!("<p class=\"verdict broken\">{count} times a promise did not hold.</p>"),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Torture {seed}</title>\n\
         <style>{STYLE}</style>\n<main>\n<h1>Torture with seed {seed}</h1>\n\
         <p>{seconds} seconds of faults over {ground}; the last was mended after {over:.0} s, everybody knew after \
         {settled:.0} s.</p>\n{verdict}\n<figure>{picture}</figure>\n\
         <h2>What held</h2>\n{checks}\n<div class=\"columns\">\n<section><h2>Faults</h2>\n{faults}</section>\n\
         <section><h2>Totals</h2>\n{totals}\n<h2>Which layer decided what</h2>\n{layers}</section>\n</div>\n\
         <h2>Draws</h2>\n{draws}\n<p>To repeat it: <code>{command}</code></p>\n</main>\n</html>\n",
        seed = told.seed,
        seconds = told.seconds,
        ground = told.ground,
        over = told.faults_over.as_secs_f64(),
        settled = told.settled.as_secs_f64(),
        checks = checks(told),
        faults = faults(told),
        totals = totals(told),
        layers = layers(told),
        draws = draws(told),
        command = escaped(told.command),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn checks(told: &Told<'_>) -> String {
    let mut rows = String::new();
    for check in told.checks {
        let (class, mark) = match check.violations.len() {
            0 => ("held", "held".to_owned()),
            count => ("broken", format!("{count} times not")),
        };
        let promise = escaped(check.promise);
        let _ = write!(rows, "<tr><td>{promise}<td class=number>{}<td class={class}>{mark}", check.examined);
        for violation in check.violations.iter().take(20) {
            let _ = write!(rows, "<tr><td class=detail colspan=3>{}", escaped(&violation.what));
        }
        rows.push('\n');
    }
    format!("<table><tr><th>Promise<th class=number>Looked at<th>\n{rows}</table>")
}

fn faults(told: &Told<'_>) -> String {
    let mut rows = String::new();
    for fault in told.happened {
        let _ = writeln!(
            rows,
            "<tr><td>{}<td class=number>{:.1}<td class=number>{:.1}<td>{}",
            escaped(&fault.fault.to_string()),
            fault.began.as_secs_f64(),
            fault.ended.as_secs_f64(),
            escaped(&fault.note),
        );
    }
    format!("<table><tr><th>Fault<th class=number>From (s)<th class=number>To (s)<th>\n{rows}</table>")
}

fn totals(told: &Told<'_>) -> String {
    let mut rows = String::new();
    for (name, value) in Figures::new(told).lines() {
        let _ = writeln!(rows, "<tr><td>{name}<td class=number>{value}");
    }
    format!("<table>\n{rows}</table>")
}

fn layers(told: &Told<'_>) -> String {
    let mut rows = String::new();
    for ((outcome, layer), count) in &told.counts.decisions {
        let _ = writeln!(rows, "<tr><td>{}<td>{}<td class=number>{count}", escaped(layer), escaped(outcome));
    }
    format!("<table><tr><th>Layer<th>Outcome<th class=number>Requests\n{rows}</table>")
}

fn draws(told: &Told<'_>) -> String {
    let mut rows = String::new();
    for draw in &told.evidence.draws {
        let _ = writeln!(rows, "<li>{}", escaped(&draw.to_string()));
    }
    format!("<ul>{rows}</ul>")
}
