//! The picture: faults, how many requests ended how, and how long they took, over time.

use hdrhistogram::Histogram;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::Told;
use crate::history::{Class, Step};
use crate::nemesis::Happened;

/// Colours that a style sheet replaces in the dark: plotters writes them as they are here.
const INK: RGBColor = RGBColor(0x1F, 0x23, 0x28);
const LINE: RGBColor = RGBColor(0xC8, 0xCE, 0xD6);
const BAND: RGBColor = RGBColor(0xE7, 0xEA, 0xEE);
const BAR: RGBColor = RGBColor(0x5B, 0x62, 0x6B);
/// Classes from the bottom up, their colours, and what they are called.
const CLASSES: [(Class, RGBColor, &str); 5] = [
    (Class::Done, RGBColor(0x2D, 0x8A, 0x57), "registered"),
    (Class::Replayed, RGBColor(0x3F, 0x7F, 0xD6), "replayed"),
    (Class::Refused, RGBColor(0x9A, 0x8F, 0x7C), "refused"),
    (Class::Later, RGBColor(0xE2, 0x9D, 0x20), "come again"),
    (Class::Unknown, RGBColor(0xD1, 0x3C, 0x3C), "no answer"),
];
const MEDIAN: RGBColor = RGBColor(0x3F, 0x7F, 0xD6);
const SLOWEST: RGBColor = RGBColor(0xD1, 0x3C, 0x3C);

const FONT: &str = "system-ui, sans-serif";
const WIDTH: u32 = 1240;
const LEFT: i32 = 64;
const RIGHT: i32 = 24;
const LANE: i32 = 20;
const TITLE: i32 = 30;
const THROUGHPUT: u32 = 250;
const LATENCY: u32 = 220;
/// Pixels that a character of a label takes, about.
const CHARACTER: f64 = 6.6;

/// What is shown of one stretch of time.
struct Bin {
    classes: [u32; CLASSES.len()],
    millis: Histogram<u64>,
}

/// Draws it, as SVG.
///
/// # Errors
/// When it cannot be drawn.
pub fn draw(told: &Told<'_>) -> Result<String, String> {
    let end = told.settled.as_secs_f64().max(1.0);
    let width = if end < 90.0 { 0.5 } else { (end / 200.0).ceil() };
    let bins = bins(told, width)?;
    let lanes = Lanes::new(told.happened, end);
    let faults = TITLE + LANE * i32::try_from(lanes.count.max(1)).unwrap_or(1) + 6;
    let height = u32::try_from(faults).unwrap_or(0) + THROUGHPUT + LATENCY;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        let drawn = (|| -> Result<(), Box<dyn std::error::Error>> {
            bands(&root, told.happened, end, faults, height)?;
            lanes.draw(&root, told.happened)?;
            let (_, charts) = root.split_vertically(faults);
            let (upper, lower) = charts.split_vertically(THROUGHPUT);
            throughput(&upper, &bins, width, end)?;
            latency(&lower, &bins, width, end)?;
            root.present()?;
            Ok(())
        })();
        drawn.map_err(|error| error.to_string())?;
    }
    Ok(svg)
}

/// The picture by itself, with the colours it has in the light and in the dark.
pub fn alone(picture: &str) -> String {
    let style = "<style>svg{background:#fff}@media (prefers-color-scheme:dark){svg{background:#15181c}\
        [fill='#1F2328']{fill:#e6e9ed}[stroke='#C8CED6']{stroke:#3a414a}[fill='#E7EAEE']{fill:#262b31}\
        [fill='#5B626B']{fill:#98a1ad}}</style>";
    match picture.find('>') {
        Some(end) => format!("{}{style}{}", &picture[..=end], &picture[end + 1..]),
        None => picture.to_owned(),
    }
}

fn bins(told: &Told<'_>, width: f64) -> Result<Vec<Bin>, String> {
    let count = (told.settled.as_secs_f64() / width).ceil().max(1.0) as usize;
    let mut bins = Vec::with_capacity(count);
    for _ in 0..count {
        let millis = Histogram::new_with_bounds(1, 120_000, 2).map_err(|error| error.to_string())?;
        bins.push(Bin { classes: [0; CLASSES.len()], millis });
    }
    for call in &told.evidence.calls {
        let Step::Register { .. } = call.step else { continue };
        // The next day is another picture.
        let Some(bin) = bins.get_mut((call.ended.as_secs_f64() / width) as usize) else { continue };
        let class = call.class();
        for (count, (shown, ..)) in bin.classes.iter_mut().zip(CLASSES) {
            *count += u32::from(class == shown);
        }
        if class != Class::Unknown && !call.is_slow {
            let millis = (call.ended - call.began).as_millis();
            bin.millis.saturating_record(u64::try_from(millis).unwrap_or(u64::MAX).max(1));
        }
    }
    Ok(bins)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Where an instant lies.
fn x(seconds: f64, end: f64) -> i32 {
    let inner = f64::from(WIDTH) - f64::from(LEFT + RIGHT);
    LEFT + (seconds / end * inner).round() as i32
}

fn font(size: i32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}

fn bold() -> TextStyle<'static> {
    (FONT, 13).into_font().style(FontStyle::Bold).color(&INK)
}

/// Shades what was wrong, behind everything.
fn bands(root: &Area<'_>, happened: &[Happened], end: f64, top: i32, height: u32) -> Drawn {
    for fault in happened {
        let (from, to) = (x(fault.began.as_secs_f64(), end), x(fault.ended.as_secs_f64(), end));
        let bottom = i32::try_from(height)? - 36;
        root.draw(&Rectangle::new([(from, top), (to.max(from + 1), bottom)], BAND.filled()))?;
    }
    Ok(())
}

/// Faults, each in a lane where its bar and its label have room.
struct Lanes {
    count: usize,
    end: f64,
    lanes: Vec<usize>,
}

impl Lanes {
    fn new(happened: &[Happened], end: f64) -> Self {
        let mut free_from: Vec<i32> = Vec::new();
        let mut lanes = Vec::new();
        for fault in happened {
            let (from, to) = extent(fault, end);
            let free = free_from.iter().position(|free| *free <= from);
            let lane = free.unwrap_or(free_from.len());
            if lane == free_from.len() {
                free_from.push(0);
            }
            free_from[lane] = to + 8;
            lanes.push(lane);
        }
        Self { count: free_from.len(), end, lanes }
    }

    fn draw(&self, root: &Area<'_>, happened: &[Happened]) -> Drawn {
        root.draw(&Text::new("Faults", (LEFT, 8), bold()))?;
        for (fault, lane) in happened.iter().zip(&self.lanes) {
            let top = TITLE + LANE * i32::try_from(*lane)?;
            let bar = x(fault.began.as_secs_f64(), self.end);
            let end = x(fault.ended.as_secs_f64(), self.end).max(bar + 3);
            root.draw(&Rectangle::new([(bar, top + 13), (end, top + 16)], BAR.filled()))?;
            let (from, _) = extent(fault, self.end);
            root.draw(&Text::new(fault.fault.to_string(), (from, top - 1), font(12)))?;
        }
        Ok(())
    }
}

/// From where to where a fault's bar and label reach. A label that would leave the picture ends at its edge.
fn extent(fault: &Happened, end: f64) -> (i32, i32) {
    let (from, to) = (x(fault.began.as_secs_f64(), end), x(fault.ended.as_secs_f64(), end));
    let label = (fault.fault.to_string().chars().count() as f64 * CHARACTER) as i32;
    let edge = i32::try_from(WIDTH).unwrap_or(i32::MAX) - 4;
    let begin = from.min(edge - label);
    (begin, to.max(begin + label))
}

fn throughput(area: &Area<'_>, bins: &[Bin], width: f64, end: f64) -> Drawn {
    let per_second = |count: u32| f64::from(count) / width;
    let most = bins.iter().map(|bin| per_second(bin.classes.iter().sum())).fold(1.0, f64::max);
    let mut chart = chart(area, "Requests to register, by how they ended (per second)")?
        .build_cartesian_2d(0.0..end, 0.0..most * 1.15)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(LINE)
        .light_line_style(TRANSPARENT)
        .axis_style(LINE)
        .label_style(font(12))
        .y_labels(5)
        .x_label_formatter(&|seconds| format!("{seconds:.0} s"))
        .y_label_formatter(&|count| format!("{count:.0}"))
        .draw()?;
    for (level, (_, colour, _)) in CLASSES.iter().enumerate() {
        let bars = bins.iter().enumerate().filter(|(_, bin)| bin.classes[level] > 0).map(|(at, bin)| {
            let below = per_second(bin.classes[..level].iter().sum());
            let above = below + per_second(bin.classes[level]);
            let from = at as f64 * width;
            Rectangle::new([(from, below), (from + width * 0.86, above)], colour.filled())
        });
        chart.draw_series(bars)?;
    }
    legend(area, &CLASSES.map(|(_, colour, name)| (colour, name)))
}

fn latency(area: &Area<'_>, bins: &[Bin], width: f64, end: f64) -> Drawn {
    let mut chart = chart(area, "How long the answered ones took (ms, logarithmic)")?
        .build_cartesian_2d(0.0..end, (1.0..30_000.0).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(LINE)
        .light_line_style(TRANSPARENT)
        .axis_style(LINE)
        .label_style(font(12))
        .x_label_formatter(&|seconds| format!("{seconds:.0} s"))
        .y_label_formatter(&|millis| format!("{millis:.0}"))
        .draw()?;
    for (quantile, colour) in [(0.5, MEDIAN), (0.99, SLOWEST)] {
        let points = bins.iter().enumerate().filter(|(_, bin)| !bin.millis.is_empty()).map(|(at, bin)| {
            ((at as f64 + 0.5) * width, bin.millis.value_at_quantile(quantile).max(1) as f64)
        });
        chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
    }
    legend(area, &[(MEDIAN, "median"), (SLOWEST, "99th percentile")])
}

/// A chart with its title at the left, above its axis.
fn chart<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
) -> Result<ChartBuilder<'a, 'b, SVGBackend<'b>>, Box<dyn std::error::Error>>
where
    'b: 'a,
{
    area.draw(&Text::new(title.to_owned(), (LEFT, 8), bold()))?;
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
