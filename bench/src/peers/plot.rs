//! Recall against rate, a curve for each scanner, as SVG.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;

use super::scanner::{Installed, Pace};
use super::search::Choice;
use super::series::{Known, best};
use super::work::Work;
use super::{Field, PeersArgs, SAMPLE};

/// Rates that are asked for.
const RATES: [u64; 8] = [3_000, 10_000, 30_000, 100_000, 200_000, 300_000, 500_000, 800_000];
/// Scans at each of them.
const TRIES: usize = 2;
/// A scanner that stays below this share of what it is asked for, and is hardly
/// faster than before, is at its end.
const REACHED: f64 = 0.8;
const FASTER: f64 = 1.1;
/// Fewest probes of a sample, so that recall has a meaning.
const FEWEST: u64 = 1 << 12;

/// One scanner's points: rate and recall.
struct Curve {
    title: String,
    points: Vec<(f64, f64)>,
}

/// Measures all of them and writes the picture.
///
/// # Errors
/// Those of the trials, or where the file cannot be written.
pub fn draw<'a>(
    args: &PeersArgs,
    field: &mut Field<'_>,
    scanners: impl Iterator<Item = &'a Installed>,
    work: Work,
    known: &mut Known,
    path: &Path,
) -> Result<()> {
    let mut curves = Vec::new();
    for scanner in scanners {
        let most = scanner.scanner.most_probes;
        let work = if work.probes() > most { Work::about(most) } else { work };
        let choice = best(field, known, scanner, work)?.thrifty;
        curves.push(curve(args, field, scanner, choice, work)?);
    }
    picture(&curves, path).with_context(|| format!("--svg {}", path.display()))?;
    eprintln!("prtip-bench: peers: {}", path.display());
    Ok(())
}

fn curve(
    args: &PeersArgs,
    field: &mut Field<'_>,
    scanner: &Installed,
    choice: Choice,
    work: Work,
) -> Result<Curve> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    let most = args.most_rate.unwrap_or(u64::MAX);
    let rates = RATES.into_iter().filter(|rate| *rate <= most).map(Pace::Rate);
    for pace in rates.chain(args.most_rate.is_none().then_some(Pace::Max)) {
        let (asked, work) = match pace {
            Pace::Rate(rate) => {
                let sample = work.at_rate(rate, SAMPLE).probes().max(FEWEST.min(work.probes()));
                (rate as f64, Work::about(sample))
            }
            Pace::Max => (0.0, work),
        };
        let mut mean = (0.0, 0.0);
        for _ in 0..TRIES {
            let outcome = field.run(scanner, Choice { pace, ..choice }, work)?;
            mean.0 += outcome.rate / TRIES as f64;
            mean.1 += outcome.recall / TRIES as f64;
        }
        let before = points.last().map_or(0.0, |point| point.0);
        points.push(mean);
        if mean.0 < REACHED * asked && mean.0 < FASTER * before {
            break;
        }
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(Curve { title: format!("{} ({})", scanner.title, choice.flags.join(" ")), points })
}

const COLOURS: [RGBColor; 6] = [
    RGBColor(0xd0, 0x21, 0x2f),
    RGBColor(0x1f, 0x5f, 0xa8),
    RGBColor(0x2e, 0x8b, 0x3d),
    RGBColor(0x8a, 0x4f, 0xb0),
    RGBColor(0xc7, 0x7b, 0x0a),
    RGBColor(0x44, 0x44, 0x44),
];

fn picture(curves: &[Curve], path: &Path) -> Result<()> {
    let all = || curves.iter().flat_map(|curve| curve.points.iter());
    let slowest = all().map(|point| point.0).fold(f64::MAX, f64::min).max(1.0);
    let fastest = all().map(|point| point.0).fold(slowest, f64::max);
    let lowest = all().map(|point| point.1).fold(1.0, f64::min);
    // Whole tenths below the lowest point, and room above 100 %.
    let floor = ((lowest * 10.0).floor() - 1.0).clamp(0.0, 9.0) / 10.0;
    let top = 1.0 + 0.05 * (1.0 - floor);

    let area = SVGBackend::new(path, (960, 540)).into_drawing_area();
    let failed = |error: &dyn std::fmt::Display| anyhow!("{error}");
    area.fill(&WHITE).map_err(|error| failed(&error))?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Recall against rate, one veth", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(64)
        .build_cartesian_2d((slowest / 1.3..fastest * 1.3).log_scale(), floor..top)
        .map_err(|error| failed(&error))?;
    chart
        .configure_mesh()
        .x_desc("probes a second, as the lab counted them")
        .y_desc("open ports found")
        .x_label_formatter(&|rate| thousands(*rate))
        .y_label_formatter(&|share| format!("{:.0} %", share * 100.0))
        .label_style(("sans-serif", 14))
        .max_light_lines(1)
        .light_line_style(RGBColor(0xee, 0xee, 0xee))
        .bold_line_style(RGBColor(0xdd, 0xdd, 0xdd))
        .draw()
        .map_err(|error| failed(&error))?;
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let points = || curve.points.iter().copied();
        chart
            .draw_series(LineSeries::new(points(), colour.stroke_width(2)))
            .map_err(|error| failed(&error))?
            .label(&curve.title)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart
            .draw_series(points().map(|point| Circle::new(point, 4, colour.filled())))
            .map_err(|error| failed(&error))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(RGBColor(0xbb, 0xbb, 0xbb))
        .label_font(("sans-serif", 14))
        .draw()
        .map_err(|error| failed(&error))?;
    area.present().map_err(|error| failed(&error))
}

/// 1k, 250k, 1.5M.
fn thousands(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.1}M", rate / 1e6).replace(".0M", "M"),
        rate if rate >= 1e3 => format!("{:.0}k", rate / 1e3),
        _ => format!("{rate:.0}"),
    }
}
