//! `.hlog`: histograms of intervals, each a line with the histogram compressed (V2,
//! deflate, base64), as HdrHistogram's log readers take them. Histograms hold
//! nanoseconds; the column of the longest time is in milliseconds, for people.

use std::io;
use std::io::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use hdrhistogram::{Counter, Histogram};

/// Turns histograms into lines.
pub struct IntervalLog {
    serializer: V2DeflateSerializer,
    bytes: Vec<u8>,
}

impl IntervalLog {
    /// A log of a scan that started `started_unix_us` microseconds after 1970, whose first
    /// lines are appended to `out`.
    #[must_use]
    pub fn start(version: &str, started_unix_us: u64, out: &mut Vec<u8>) -> Self {
        let started_s = started_unix_us as f64 / 1e6;
        write!(
            out,
            "#[Round-trip times in nanoseconds, logged by prtip {version}]\n\
             #[Histogram log format version 1.3]\n\
             #[StartTime: {started_s:.3} (seconds since epoch)]\n\
             #[BaseTime: {started_s:.3} (seconds since epoch)]\n\
             \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n"
        )
        .expect("a Vec takes all bytes");
        Self { serializer: V2DeflateSerializer::new(), bytes: Vec::new() }
    }

    /// Appends the line of an interval that began `start` after the scan. A tag tells
    /// other histograms than that of the whole scan.
    ///
    /// # Errors
    /// Where the histogram cannot be compressed.
    pub fn line<T: Counter>(
        &mut self,
        histogram: &Histogram<T>,
        (start, length): (Duration, Duration),
        tag: Option<&str>,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        self.bytes.clear();
        self.serializer
            .serialize(histogram, &mut self.bytes)
            .map_err(|error| io::Error::other(error.to_string()))?;
        if let Some(tag) = tag {
            write!(out, "Tag={tag},")?;
        }
        writeln!(
            out,
            "{:.3},{:.3},{:.3},{}",
            start.as_secs_f64(),
            length.as_secs_f64(),
            histogram.max() as f64 / 1e6,
            STANDARD.encode(&self.bytes)
        )
    }
}
