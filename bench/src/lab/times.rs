//! When the far end got each probe that it answered and let its reply go, by the same
//! clock that scanners on this host have (CLOCK_MONOTONIC): what a round-trip time is to be
//! judged by. The way there and back is in neither.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use prtip_bpf::lab::{Answered, Lab};
use serde::Serialize;

use super::delay::Left;

/// One line of the file.
#[derive(Debug, Serialize)]
struct Line {
    ip: std::net::IpAddr,
    port: u16,
    proto: &'static str,
    scanner_port: u16,
    came_ns: u64,
    left_ns: u64,
}

/// The noted answers that have left. `left`: when those left that were held back.
///
/// # Errors
/// When they cannot be read.
pub fn answers(lab: &Lab, left: Option<&Left>) -> Result<(Vec<Answered>, u64)> {
    let (mut answered, all) = lab.answered().context("the lab's answers")?;
    if let Some(left) = left {
        let left: HashMap<u32, u64> = left.iter().copied().collect();
        let mut place = 0..;
        answered.retain_mut(|answer| {
            let left_ns = place.next().and_then(|place| left.get(&place));
            answer.left_ns = left_ns.copied().unwrap_or_default();
            left_ns.is_some()
        });
    }
    Ok((answered, all))
}

/// Writes them as JSON lines; says how many there was no place for.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, lab: &Lab, left: Option<&Left>) -> Result<()> {
    let what = || format!("--times {}", path.display());
    let (answered, all) = answers(lab, left)?;
    let mut out = BufWriter::new(File::create(path).with_context(what)?);
    for answer in &answered {
        let line = Line {
            ip: answer.addr(),
            port: answer.port(),
            proto: match answer.protocol {
                6 => "tcp",
                17 => "udp",
                _ => "icmp",
            },
            scanner_port: answer.scanner_port(),
            came_ns: answer.came_ns,
            left_ns: answer.left_ns,
        };
        serde_json::to_writer(&mut out, &line).with_context(what)?;
        out.write_all(b"\n").with_context(what)?;
    }
    out.flush().with_context(what)?;
    let missing = all.saturating_sub(prtip_bpf::lab::ANSWERED.into());
    if missing > 0 {
        eprintln!("lab: the times of {missing} answers were not kept");
    }
    Ok(())
}
