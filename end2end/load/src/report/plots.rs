//! The pictures: answers and their times over time, and times by quantile.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::measure::{Latency, Outcome, Second};

/// Colours that the style sheet replaces in the dark: plotters writes them as they are here.
const INK: RGBColor = RGBColor(0x1F, 0x23, 0x28);
const LINE: RGBColor = RGBColor(0xC8, 0xCE, 0xD6);
const BAND: RGBColor = RGBColor(0xE7, 0xEA, 0xEE);
const GREEN: RGBColor = RGBColor(0x2D, 0x8A, 0x57);
const BLUE: RGBColor = RGBColor(0x3F, 0x7F, 0xD6);
const AMBER: RGBColor = RGBColor(0xE2, 0x9D, 0x20);
const RED: RGBColor = RGBColor(0xD1, 0x3C, 0x3C);
/// A colour a kind.
const KINDS: [RGBColor; 6] =
    [GREEN, BLUE, AMBER, RED, RGBColor(0x8A, 0x5B, 0xC8), RGBColor(0x9A, 0x8F, 0x7C)];

const FONT: &str = "system-ui, sans-serif";
const WIDTH: u32 = 1240;
const LEFT: i32 = 84;
const RIGHT: i32 = 24;
const TITLE: i32 = 30;
const CHART: u32 = 250;
/// Pixels that a character of a label takes, about.
const CHARACTER: f64 = 6.6;
/// Quantiles up to this one are drawn, where there are enough answers to speak of it.
const LAST_QUANTILE: f64 = 0.99999;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;
/// Something that is known of a second.
type Number = fn(&Second) -> u64;

/// What is drawn, as SVG.
#[derive(Debug)]
pub struct Pictures {
    /// Answers a second and their times, second by second.
    pub over_time: String,
    /// Times by quantile, a line a kind.
    pub distribution: String,
}

/// Draws both.
///
/// # Errors
/// When they cannot be drawn.
pub fn draw(outcome: &Outcome) -> Result<Pictures, String> {
    let series = &outcome.series;
    let over_time = picture(2 * CHART, |root| {
        let (upper, lower) = root.split_vertically(CHART);
        throughput(&upper, series)?;
        times(&lower, series)
    })?;
    let distribution = picture(CHART + 60, |root| quantiles(root, outcome))?;
    Ok(Pictures { over_time, distribution })
}

fn picture(height: u32, work: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String, String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        work(&root).and_then(|()| Ok(root.present()?)).map_err(|error| error.to_string())?;
    }
    Ok(svg)
}

fn font(size: i32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}

fn chart<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
) -> Result<ChartBuilder<'a, 'b, SVGBackend<'b>>, Box<dyn std::error::Error>>
where
    'b: 'a,
{
    let bold = (FONT, 13).into_font().style(FontStyle::Bold).color(&INK);
    area.draw(&Text::new(title.to_owned(), (LEFT, 8), bold))?;
    let mut chart = ChartBuilder::on(area);
    chart.margin_top(TITLE).margin_right(RIGHT).x_label_area_size(28).y_label_area_size(LEFT);
    Ok(chart)
}

/// Names of colours, on the line of a chart's title.
fn legend(area: &Area<'_>, names: &[(RGBColor, &str)]) -> Drawn {
    let mut right = i32::try_from(WIDTH)? - RIGHT;
    for (colour, name) in names.iter().rev() {
        right -= (name.len() as f64 * CHARACTER) as i32;
        area.draw(&Text::new((*name).to_owned(), (right, 10), font(12)))?;
        area.draw(&Rectangle::new([(right - 15, 11), (right - 5, 21)], colour.filled()))?;
        right -= 32;
    }
    Ok(())
}

fn throughput(area: &Area<'_>, series: &[Second]) -> Drawn {
    let most = series.iter().map(|it| it.answers() + it.lost).max().unwrap_or(0).max(1) as f64;
    let end = series.len().max(1) as f64;
    let mut chart = chart(area, "Answers in each second")?.build_cartesian_2d(0.0..end, 0.0..most * 1.15)?;
    let warm = series.iter().filter(|it| it.is_warm_up).count() as f64;
    chart.draw_series([Rectangle::new([(0.0, 0.0), (warm, most * 1.15)], BAND.filled())])?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(LINE)
        .light_line_style(TRANSPARENT)
        .axis_style(LINE)
        .label_style(font(12))
        .y_labels(5)
        .x_label_formatter(&whole_seconds)
        .y_label_formatter(&|count| super::count(*count as u64))
        .draw()?;
    let levels: [(RGBColor, &str, Number); 3] = [
        (GREEN, "right", |it| it.right),
        (AMBER, "refused", |it| it.refused),
        (RED, "wrong or lost", |it| it.wrong + it.lost),
    ];
    for (level, (colour, _, count)) in levels.iter().enumerate() {
        chart.draw_series(series.iter().filter(|it| count(it) > 0).map(|it| {
            let below: u64 = levels[..level].iter().map(|(.., count)| count(it)).sum();
            let from = it.second as f64;
            let corners = [(from + 0.04, below as f64), (from + 0.96, (below + count(it)) as f64)];
            Rectangle::new(corners, colour.filled())
        }))?;
    }
    legend(area, &[(BAND, "warming up"), (GREEN, "right"), (AMBER, "refused"), (RED, "wrong or lost")])
}

/// Labels of a short run fall between seconds as well; those are left out.
fn whole_seconds(seconds: &f64) -> String {
    if (seconds - seconds.round()).abs() < 0.01 { format!("{seconds:.0} s") } else { String::new() }
}

/// Decades of microseconds that hold a time.
fn scale(longest: u64) -> std::ops::Range<f64> {
    10.0..(longest.max(100) as f64 * 2.0)
}

fn times(area: &Area<'_>, series: &[Second]) -> Drawn {
    let end = series.len().max(1) as f64;
    let longest = series.iter().map(|it| it.p99_us).max().unwrap_or(0);
    let title = "How long answers took in each second (logarithmic)";
    let mut chart = chart(area, title)?.build_cartesian_2d(0.0..end, scale(longest).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(LINE)
        .light_line_style(TRANSPARENT)
        .axis_style(LINE)
        .label_style(font(12))
        .x_label_formatter(&whole_seconds)
        .y_label_formatter(&|micros| super::time(*micros as u64))
        .draw()?;
    let lines: [(RGBColor, Number); 2] = [(BLUE, |it| it.p50_us), (RED, |it| it.p99_us)];
    for (colour, quantile) in lines {
        let answered = series.iter().filter(|it| it.answers() > 0);
        let points = answered.map(|it| (it.second as f64 + 0.5, quantile(it).max(1) as f64));
        chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
    }
    legend(area, &[(BLUE, "median"), (RED, "99th percentile")])
}

/// How many nines a quantile has: where it lies on an axis that gives the slowest as much room as the rest.
fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile.min(LAST_QUANTILE)).log10()
}

fn quantiles(area: &Area<'_>, outcome: &Outcome) -> Drawn {
    let mut lines: Vec<(String, &Latency)> = Vec::new();
    for (kind, it) in &outcome.kinds {
        lines.push((kind.name().to_owned(), it.felt()));
        if it.refusal.count() > 0 {
            lines.push((format!("{}, refused", kind.name()), &it.refusal));
        }
    }
    let longest = lines.iter().map(|(_, times)| times.max()).max().unwrap_or(0);
    let from = if outcome.due.is_some() { "from when they were due" } else { "from sending" };
    let mut chart = chart(area, &format!("Times by quantile, {from} (both axes logarithmic)"))?
        .build_cartesian_2d(0.0..nines(1.0), scale(longest).log_scale())?;
    chart
        .configure_mesh()
        .bold_line_style(LINE)
        .light_line_style(TRANSPARENT)
        .axis_style(LINE)
        .label_style(font(12))
        .x_labels(6)
        .x_label_formatter(&|nines| quantile_name(*nines))
        .y_label_formatter(&|micros| super::time(*micros as u64))
        .draw()?;
    for ((_, times), colour) in lines.iter().zip(KINDS.iter().cycle()) {
        let points = times
            .distribution()
            .into_iter()
            .map(|(quantile, micros)| (nines(quantile), micros.max(1) as f64));
        chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
    }
    let names: Vec<(RGBColor, &str)> =
        lines.iter().zip(KINDS.iter().cycle()).map(|((name, _), colour)| (*colour, name.as_str())).collect();
    legend(area, &names)
}

fn quantile_name(nines: f64) -> String {
    let percent = 100.0 * (1.0 - 10_f64.powf(-nines));
    let decimals = (nines.round() as usize).saturating_sub(2);
    format!("{percent:.decimals$} %")
}
