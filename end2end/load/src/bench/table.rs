//! What came of a run of comparisons, as text and as a table.

use std::fmt::Write as _;

use super::{Comparison, Goal, median};

/// A table in Markdown: the form in which the README quotes it.
pub fn markdown(comparisons: &[Comparison]) -> String {
    let mut text = String::from(
        "| what | against | ours | limit | ratio (least to most) | goal | |\n| --- | --- | ---: | ---: | --- | --- | --- |\n",
    );
    for comparison in comparisons {
        let Comparison { what, against, unit, .. } = comparison;
        let ours = format!("{} {unit}", number(median(&comparison.ours)));
        let (limit, ratio) = if comparison.limit.is_empty() {
            (String::new(), spread(&comparison.ours))
        } else {
            (format!("{} {unit}", number(median(&comparison.limit))), spread(&comparison.ratios()))
        };
        let reached = match comparison.goal {
            _ if !comparison.is_reached() => "**missed**",
            Goal::Nothing => "",
            _ => "reached",
        };
        let goal = goal(comparison);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {what} | {against} | {ours} | {limit} | {ratio} | {goal} | {reached} |");
    }
    text
}

/// One line for whoever watches a comparison go on.
pub fn round(comparison: &Comparison) -> String {
    let Comparison { what, unit, .. } = comparison;
    let last = |values: &[f64]| values.last().map_or_else(String::new, |value| number(*value));
    let (ours, limit) = (last(&comparison.ours), last(&comparison.limit));
    match comparison.ratios().last() {
        Some(ratio) => format!("{what}: {ours} of {limit} {unit}, {}", number(*ratio)),
        None => format!("{what}: {ours} {unit}"),
    }
}

fn goal(comparison: &Comparison) -> String {
    match comparison.goal {
        Goal::AtLeast(least) => format!("at least {least}"),
        Goal::AtMost(most) => format!("at most {most}"),
        Goal::Below(limit) => format!("below {limit} {}", comparison.unit),
        Goal::Nothing => String::new(),
    }
}

/// The median, and the least and the most.
fn spread(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.is_empty() {
        return "not measured".to_owned();
    }
    format!("{} ({} to {})", number(median(values)), number(least), number(most))
}

/// With as many digits as mean something.
fn number(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => "not measured".to_owned(),
        size if size >= 1000.0 => {
            let whole = format!("{value:.0}");
            let split = whole.len() - 3;
            format!("{},{}", &whole[..split], &whole[split..])
        }
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        assert_eq!(number(f64::NAN), "not measured");
        assert_eq!([12_345.6, 999.94, 12.34, 1.234].map(number), ["12,346", "999.9", "12.3", "1.23"]);
    }

    #[test]
    fn a_row_says_what_was_measured_and_whether_the_goal_is_reached() {
        let mut comparison = Comparison::new("retries", "echo", "/s", Goal::AtLeast(0.75));
        (comparison.ours, comparison.limit) = (vec![60_000.0, 80_000.0], vec![100_000.0, 100_000.0]);
        let row =
            "| retries | echo | 70,000 /s | 100,000 /s | 0.70 (0.60 to 0.80) | at least 0.75 | **missed** |";
        assert!(markdown(&[comparison]).contains(row));
    }
}
