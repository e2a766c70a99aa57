//! `.hgrm`: a histogram as the table of percentiles that HdrHistogram's plotters read.
//! Values are microseconds.

use std::io::{self, Write};

use super::Latency;

/// Lines for every halving of the distance to 100 %.
const TICKS: u32 = 5;
const NS_PER_US: f64 = 1000.0;

/// Writes the table and its footer.
///
/// # Errors
/// Those of `out`.
pub fn write(latency: &Latency, out: &mut dyn Write) -> io::Result<()> {
    let histogram = latency.histogram();
    writeln!(
        out,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    let mut count = 0;
    for step in histogram.iter_quantiles(TICKS) {
        count += step.count_since_last_iteration();
        let value = step.value_iterated_to() as f64 / NS_PER_US;
        let quantile = step.quantile_iterated_to();
        write!(out, "{value:12.3} {quantile:2.12} {count:10}")?;
        if quantile < 1.0 {
            write!(out, " {:14.2}", 1.0 / (1.0 - quantile))?;
        }
        writeln!(out)?;
    }
    // Of nothing there is no mean.
    let or_zero = |value: f64| if histogram.is_empty() { 0.0 } else { value / NS_PER_US };
    let sub_buckets = 2 * 10_u64.pow(u32::from(histogram.sigfig()));
    writeln!(
        out,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]\n\
         #[Max     = {:12.3}, Total count    = {:12}]\n\
         #[Buckets = {:12}, SubBuckets     = {:12}]",
        or_zero(histogram.mean()),
        or_zero(histogram.stdev()),
        or_zero(histogram.max() as f64),
        histogram.len(),
        histogram.buckets(),
        sub_buckets.next_power_of_two(),
    )
}
