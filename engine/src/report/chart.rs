//! Plots as inline SVG: no script, no font, no file. Colours are the page's own classes,
//! so that they follow its light and dark schemes and print.

use super::html::{Text, push};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 44.0;

/// Where a value lies on an axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    label: &'static str,
    /// Place on the axis, 0 to 1, and what is written there.
    ticks: Vec<(f64, String)>,
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    /// From 0 to `max` or a little beyond.
    pub(super) fn linear(label: &'static str, max: f64, write: impl Fn(f64) -> String) -> Self {
        let max = if max.is_finite() && max > 0.0 { max } else { 1.0 };
        let step = nice_step(max / 5.0);
        let high = (max / step).ceil() * step;
        let count = (high / step).round() as u32;
        let ticks = (0..=count)
            .map(|n| (f64::from(n) / f64::from(count), write(f64::from(n) * step)))
            .collect();
        Self { label, ticks, low: 0.0, high, log: false }
    }

    /// From 0 to `max` exactly: nothing is to be seen beyond the end of a scan.
    pub(super) fn exact(label: &'static str, max: f64, write: impl Fn(f64) -> String) -> Self {
        let max = if max.is_finite() && max > 0.0 { max } else { 1.0 };
        let step = nice_step(max / 6.0);
        let count = (max / step + 1e-9).floor() as u32;
        let ticks =
            (0..=count).map(|n| (f64::from(n) * step / max, write(f64::from(n) * step))).collect();
        Self { label, ticks, low: 0.0, high: max, log: false }
    }

    /// A logarithmic one that shows `low` to `high`, both above 0.
    pub(super) fn log(
        label: &'static str,
        low: f64,
        high: f64,
        write: impl Fn(f64) -> String,
    ) -> Self {
        let low = low.max(1e-9);
        let high = high.max(low * 1.5);
        let decades = (high / low).log10();
        // Few decades have lines between.
        let within: &[f64] = match decades {
            _ if decades < 1.2 => &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
            _ if decades < 4.0 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let all: Vec<f64> = (low.log10().floor() as i32 - 1..=high.log10().ceil() as i32 + 1)
            .flat_map(|power| within.iter().map(move |step| step * 10f64.powi(power)))
            .collect();
        let low = all.iter().copied().rfind(|&tick| tick <= low * 1.0001).unwrap_or(low);
        let high = all.iter().copied().find(|&tick| tick >= high * 0.9999).unwrap_or(high);
        let mut axis = Self { label, ticks: Vec::new(), low, high, log: true };
        let shown = all.into_iter().filter(|tick| (low..=high * 1.0001).contains(tick));
        axis.ticks = shown.map(|tick| (axis.place(tick), write(tick))).collect();
        axis
    }

    /// The distance to 100 %, each decade as wide as the one before: 0 to
    /// 1 - 1 / `count`.
    pub(super) fn percentiles(count: u64) -> Self {
        let high = (count.max(10) as f64).min(1e9);
        let mut axis =
            Self { label: "percentile of answers", ticks: Vec::new(), low: 1.0, high, log: true };
        let names =
            ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %", "99.99999 %"];
        let mut ticks: Vec<(f64, String)> = names
            .iter()
            .zip(0..)
            .map(|(name, power)| (axis.place(10f64.powi(power)), (*name).to_owned()))
            .collect();
        ticks.push((axis.place(2.0), "50 %".to_owned()));
        ticks.retain(|(place, _)| *place <= 1.0001);
        axis.ticks = ticks;
        axis
    }

    /// 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let place = if self.log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// 1, 2 or 5 times a power of ten, at least `least`.
fn nice_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= least * 0.999)
        .unwrap_or(10.0 * power)
}

/// A plot with two axes, being drawn.
pub(super) struct Plot<'a> {
    out: &'a mut String,
    x: Axis,
    y: Axis,
    height: f64,
}

impl<'a> Plot<'a> {
    /// Draws the axes; `words` tell what is to be seen to who cannot see it.
    pub(super) fn begin(
        out: &'a mut String,
        height: f64,
        (x, y): (Axis, Axis),
        title: &str,
        words: &str,
    ) -> Self {
        push(
            out,
            format_args!(
                "<figure><figcaption>{title}</figcaption>\n\
                 <svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}. {words}\">\n",
                title = Text(title),
                words = Text(words),
            ),
        );
        let plot = Self { out, x, y, height };
        let (right, bottom) = (WIDTH - RIGHT, height - BOTTOM);
        let mut free_from = f64::NEG_INFINITY;
        let mut ticks: Vec<_> = plot.x.ticks.clone();
        ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (place, text) in ticks {
            let x = LEFT + place * (right - LEFT);
            let line = format_args!(
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>"
            );
            push(plot.out, line);
            // Words that would lie on one another are left out.
            let half = text.chars().count() as f64 * 3.6 + 4.0;
            if x - half >= free_from {
                free_from = x + half;
                let at = x.min(WIDTH - half);
                push(
                    plot.out,
                    format_args!(
                        "<text class=\"x\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>\n",
                        bottom + 17.0,
                        Text(&text)
                    ),
                );
            }
        }
        for (place, text) in plot.y.ticks.clone() {
            let y = bottom - place * (bottom - TOP);
            push(
                plot.out,
                format_args!(
                    "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>"
                ),
            );
            push(
                plot.out,
                format_args!(
                    "<text class=\"y\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                    LEFT - 7.0,
                    y + 4.0,
                    Text(&text)
                ),
            );
        }
        push(
            plot.out,
            format_args!(
                "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{bottom}\" x2=\"{right}\" y2=\"{bottom}\"/>\
             <text class=\"x label\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                (LEFT + right) / 2.0,
                height - 6.0,
                Text(plot.x.label)
            ),
        );
        push(
            plot.out,
            format_args!(
                "<text class=\"label\" x=\"{LEFT}\" y=\"{:.1}\">{}</text>\n",
                TOP - 3.0,
                Text(plot.y.label)
            ),
        );
        plot
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (right, bottom) = (WIDTH - RIGHT, self.height - BOTTOM);
        (LEFT + self.x.place(x) * (right - LEFT), bottom - self.y.place(y) * (bottom - TOP))
    }

    /// A line through points.
    pub(super) fn line(
        &mut self,
        class: &'static str,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) {
        push(self.out, format_args!("<polyline class=\"{class}\" points=\""));
        let mut last = (f64::NAN, f64::NAN);
        for point in points {
            let (x, y) = self.at(point);
            // What cannot be told apart need not be written.
            if (x - last.0).abs() < 0.05 && (y - last.1).abs() < 0.05 {
                continue;
            }
            last = (x, y);
            push(self.out, format_args!("{x:.1},{y:.1} "));
        }
        self.out.push_str("\"/>\n");
    }

    /// A bar from the bottom up; hovering over it shows `words`.
    pub(super) fn bar(&mut self, class: &'static str, (from, to): (f64, f64), y: f64, words: &str) {
        let ((left, top), (right, bottom)) = (self.at((from, y)), self.at((to, self.y.low)));
        if bottom - top < 0.05 {
            return;
        }
        let (width, height) = ((right - left - 1.0).max(0.6), (bottom - top).max(0.8));
        push(
            self.out,
            format_args!(
                "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"><title>{}</title></rect>\n",
                bottom - height,
                Text(words)
            ),
        );
    }

    /// Ends the plot; several kinds of marks are explained.
    pub(super) fn end(self, legend: &[(&'static str, &str)]) {
        self.out.push_str("</svg>");
        write_legend(self.out, legend);
        self.out.push_str("</figure>\n");
    }
}

fn write_legend(out: &mut String, legend: &[(&'static str, &str)]) {
    if legend.is_empty() {
        return;
    }
    out.push_str("<p class=\"legend\">");
    for (class, words) in legend {
        push(out, format_args!("<span><i class=\"{class}\"></i>{}</span> ", Text(words)));
    }
    out.push_str("</p>");
}

/// A row of [`bars`]: its name, its parts by class, and words behind it.
pub(super) struct BarRow {
    pub name: String,
    pub parts: Vec<(&'static str, u64)>,
    /// What stands behind it.
    pub note: String,
}

/// Horizontal bars, all parts of a row after one another.
pub(super) fn bars(
    out: &mut String,
    title: &str,
    rows: &[BarRow],
    legend: &[(&'static str, &str)],
) {
    const ROW: f64 = 22.0;
    const NAMES: f64 = 190.0;
    const NOTES: f64 = 150.0;
    let height = rows.len() as f64 * ROW + 8.0;
    let sum = |row: &BarRow| row.parts.iter().map(|(_, count)| count).sum::<u64>();
    let longest = rows.iter().map(sum).max().unwrap_or(0).max(1);
    let words: Vec<String> =
        rows.iter().take(10).map(|row| format!("{}: {}", row.name, row.note)).collect();
    push(
        out,
        format_args!(
            "<figure><figcaption>{title}</figcaption>\n\
         <svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}. {}\">\n",
            Text(&words.join("; ")),
            title = Text(title),
        ),
    );
    for (row, place) in rows.iter().zip(0..) {
        let top = f64::from(place) * ROW + 4.0;
        let middle = top + ROW / 2.0 + 1.0;
        push(
            out,
            format_args!(
                "<text class=\"y name\" x=\"{:.1}\" y=\"{middle:.1}\">{}</text>",
                NAMES - 8.0,
                Text(&short(&row.name))
            ),
        );
        let mut left = NAMES;
        for (class, count) in &row.parts {
            let width = *count as f64 / longest as f64 * (WIDTH - NAMES - NOTES);
            if width > 0.0 {
                push(
                    out,
                    format_args!(
                        "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                        top + 2.0,
                        width.max(0.5),
                        ROW - 6.0
                    ),
                );
            }
            left += width;
        }
        push(
            out,
            format_args!(
                "<text x=\"{:.1}\" y=\"{middle:.1}\">{}</text>\n",
                left + 6.0,
                Text(&row.note)
            ),
        );
    }
    out.push_str("</svg>");
    write_legend(out, legend);
    out.push_str("</figure>\n");
}

/// What has room beside a bar.
fn short(name: &str) -> String {
    const ROOM: usize = 26;
    match name.char_indices().nth(ROOM) {
        Some((at, _)) => format!("{}...", &name[..at]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::words;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every value has a place, ticks lie on the axis, in order, and the ends are shown.
        #[test]
        fn axes_hold_what_they_were_made_for(a in 1e-3f64..1e12, b in 1e-3f64..1e12) {
            let (low, high) = (a.min(b), a.max(b));
            for axis in [
                Axis::linear("", high, words::brief),
                Axis::exact("", high, words::brief),
                Axis::log("", low, high, words::brief),
                Axis::percentiles(high as u64),
            ] {
                prop_assert!(axis.low <= low.max(1.0) * 1.001 && axis.high * 1.001 >= high.min(1e9));
                prop_assert!((2..25).contains(&axis.ticks.len()), "{axis:?}");
                for (place, _) in &axis.ticks {
                    prop_assert!((0.0..=1.0001).contains(place), "{axis:?}");
                }
                for value in [0.0, low, high, f64::NAN, f64::INFINITY] {
                    prop_assert!((0.0..=1.0).contains(&axis.place(value)));
                }
            }
        }
    }

    #[test]
    fn a_plot_is_well_formed_and_says_what_it_shows() {
        let mut out = String::new();
        let axes = (Axis::percentiles(1000), Axis::log("µs", 20.0, 4000.0, words::brief));
        let mut plot = Plot::begin(&mut out, 200.0, axes, "Title", "p50 <20>");
        plot.line("a", [(1.0, 20.0), (10.0, 200.0), (f64::NAN, f64::NAN)]);
        plot.bar("b", (1.0, 2.0), 50.0, "x");
        plot.end(&[("a", "line"), ("b", "bar")]);
        assert!(out.contains("aria-label=\"Title. p50 &lt;20&gt;\""));
        for text in [">0 %<", ">99.9 %<", ">1 k<"] {
            assert!(out.contains(text), "{text} in {out}");
        }
        assert!(!out.contains("NaN") && !out.contains("inf"), "{out}");
        let rows =
            [BarRow { name: "80/tcp".into(), parts: vec![("a", 5), ("b", 0)], note: "5".into() }];
        bars(&mut out, "Ports", &rows, &[]);
        assert_eq!(out.matches("<svg").count(), out.matches("</svg>").count());
    }
}
