//! What the benchmark commands take and print: one row a comparison, for people
//! or as JSON lines. Values are printed as measured, whether they are what one
//! hoped for or not.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::paired::{Comparison, FEWEST_PAIRS, PAIRS};

/// `prtip-bench tx`, `prtip-bench roundtrip`.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// One JSON object a row
    #[arg(long)]
    pub json: bool,
    /// Pairs of samples (A B A B …) that each row is made of
    #[arg(long, value_name = "N", default_value_t = PAIRS, value_parser = pairs)]
    pub pairs: usize,
}

fn pairs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(pairs) if (FEWEST_PAIRS..=1001).contains(&pairs) => Ok(pairs),
        Ok(_) => Err(format!("{FEWEST_PAIRS} to 1001")),
        Err(error) => Err(format!("{error}")),
    }
}

/// How a row was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Setup {
    /// Port engine of the measured side.
    pub port_engine: String,
    /// Mode of its sockets; `None` without AF_XDP.
    pub xdp_mode: Option<String>,
    /// The packet.
    pub packet: String,
}

/// What a ratio is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Target {
    /// At least this.
    #[serde(rename = "target")]
    AtLeast(f64),
    /// At most this.
    #[serde(rename = "target_at_most")]
    AtMost(f64),
}

impl Target {
    fn text(self, ratio: f64) -> String {
        let (word, target, met) = match self {
            Self::AtLeast(target) => ("", target, ratio >= target),
            Self::AtMost(target) => ("at most ", target, ratio <= target),
        };
        format!("; target {word}{target:.2} {}", if met { "met" } else { "missed" })
    }
}

/// One row of a benchmark's table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The benchmark: `tx`, `roundtrip`, `log`, `peers`.
    pub bench: &'static str,
    /// What was measured.
    pub row: String,
    /// Unit of the values.
    pub unit: &'static str,
    /// What it was compared with.
    pub vs: String,
    /// The numbers.
    #[serde(flatten)]
    pub compared: Comparison,
    /// What the ratio is meant to be; a row that only informs has none.
    #[serde(flatten)]
    pub target: Option<Target>,
    /// How.
    #[serde(flatten)]
    pub setup: Setup,
    /// What to know when reading it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Row {
    fn text(&self) -> String {
        let Comparison { value, vs_value, ratio, ratio_low, ratio_high, pairs } = self.compared;
        let mut text = format!(
            "{}: {}\n  {} {unit}; {}: {}\n  \
             ratio {ratio:.3}, 95 % interval {ratio_low:.3} to {ratio_high:.3}, {pairs} pairs{}",
            self.bench,
            self.row,
            short(value),
            self.vs,
            short(vs_value),
            self.target.map(|target| target.text(ratio)).unwrap_or_default(),
            unit = self.unit,
        );
        if let Some(note) = &self.note {
            text += &format!("\n  {note}");
        }
        text
    }
}

/// Prints rows as they come.
#[derive(Debug)]
pub struct Table {
    json: bool,
    began: bool,
    over: String,
    aims: bool,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(args: &BenchArgs) -> Self {
        Self { json: args.json, began: false, over: "veth".to_owned(), aims: true }
    }

    /// The table of a run over another link than the lab's: the aims of the rows are
    /// not for that.
    #[must_use]
    pub fn over(self, over: &str) -> Self {
        Self { over: over.to_owned(), aims: false, ..self }
    }

    /// The aims hold all the same.
    pub fn with_aims(&mut self) {
        self.aims = true;
    }

    /// Says what is no row: between the rows for people, else on standard error.
    pub fn say(&self, text: &str) {
        if self.json {
            eprintln!("prtip-bench: {text}");
        } else {
            println!("{text}");
        }
    }

    /// Prints one row; before the first, how it was measured.
    ///
    /// # Errors
    /// When standard output does not take it.
    pub fn print(&mut self, row: &Row) -> Result<()> {
        let row = &Row { target: row.target.filter(|_| self.aims), ..row.clone() };
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut out, row)?;
            writeln!(out)?;
        } else {
            if !self.began {
                let Setup { port_engine, xdp_mode, packet } = &row.setup;
                let mode =
                    xdp_mode.as_ref().map(|mode| format!(" ({mode} mode)")).unwrap_or_default();
                let way = match port_engine.as_str() {
                    "none" => String::new(),
                    engine => format!("{engine}{mode} over {}, ", self.over),
                };
                writeln!(out, "{way}Linux {}; {packet}", release())?;
            }
            writeln!(out, "{}", row.text())?;
        }
        self.began = true;
        Ok(())
    }
}

/// A number with four digits, or all that stand before the point.
fn short(value: f64) -> String {
    let places = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 4,
    };
    format!("{value:.places$}")
}

fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ratio: f64) -> Row {
        Row {
            bench: "tx",
            row: "x".into(),
            unit: "packets/CPU-s",
            vs: "y".into(),
            compared: Comparison {
                value: 10.0,
                vs_value: 5.0,
                ratio,
                ratio_low: ratio,
                ratio_high: ratio,
                pairs: 21,
            },
            target: Some(Target::AtLeast(0.95)),
            setup: Setup {
                port_engine: "xdp".into(),
                xdp_mode: Some("copy".into()),
                packet: "SYN".into(),
            },
            note: None,
        }
    }

    #[test]
    fn a_json_row_is_flat() {
        let json = serde_json::to_value(row(2.0)).unwrap_or_default();
        for field in [
            "bench",
            "row",
            "value",
            "unit",
            "vs",
            "ratio",
            "ratio_low",
            "ratio_high",
            "packet",
            "target",
        ] {
            assert!(json[field].is_string() || json[field].is_number(), "{field} in {json}");
        }
    }

    #[test]
    fn a_missed_target_is_said() {
        assert!(row(0.9).text().ends_with("target 0.95 missed"));
        assert!(row(0.96).text().ends_with("target 0.95 met"));
        let most = |ratio| Row { target: Some(Target::AtMost(0.5)), ..row(ratio) }.text();
        assert!(most(0.5).ends_with("target at most 0.50 met"));
        assert!(most(0.51).ends_with("target at most 0.50 missed"));
        let none = Row { target: None, ..row(1.0) };
        assert!(none.text().ends_with("21 pairs"));
        assert!(serde_json::to_value(none).is_ok_and(|json| json.get("target").is_none()));
    }
}
