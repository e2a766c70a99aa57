//! What the lab says: one line at the start, its counters at the end, and the
//! same with the times of arrival as JSON where `--stats` asks for it.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use prtip_bpf::lab::{Arrivals, BUCKET_NS, COUNTER_NAMES, Lab};
use serde_json::{Map, Value, json};

use super::FarEnd;
use super::args::RunArgs;
use super::delay::{DelayCounters, now_ns};
use super::network::{Namespaces, ROUTER_MAC, mac_text};
use super::servers::Unpacked;

/// Buckets of arrivals in a second.
const BUCKETS_PER_SECOND: usize = (1_000_000_000 / BUCKET_NS) as usize;

/// What the lab is, in one line.
pub fn announcement(args: &RunArgs, far_end: &FarEnd, keeper: i32, servers: &[Unpacked]) -> String {
    let rules = &args.rules;
    let mut text = format!(
        "lab: scan0 in net namespace of pid {keeper}, lab0 of pid {} (nsenter -n -t PID), {} \
         queue(s), router {}",
        std::process::id(),
        args.queues,
        mac_text(ROUTER_MAC)
    );
    match far_end {
        FarEnd::Own(own) => {
            let _ = write!(text, "; far end: your program {:?}", own.name);
        }
        FarEnd::Lab(_) => {
            let _ = write!(
                text,
                "; seed {}, per mille: open {} closed {} icmp {} dup {} forge {} lose-first {} loss {}",
                rules.seed,
                rules.open,
                rules.closed,
                rules.icmp,
                rules.dup,
                rules.forge,
                rules.lose_first,
                rules.loss
            );
            if let Some(delay) = rules.delay_us {
                let _ = write!(text, "; delay {}-{} us", delay.min_us, delay.max_us);
            }
            if let Some(pps) = rules.receiver_pps {
                let _ = write!(text, "; receiver {pps}/s");
            }
        }
    }
    if args.zombie.is_some() {
        let _ = write!(text, "; zombie {}", super::zombie::ADDRESS);
    }
    for unpacked in servers {
        let ports: Vec<String> = unpacked
            .sockets()
            .filter(|(_, at)| at.is_ipv4())
            .map(|(endpoint, at)| format!("{}/{}", at.port(), endpoint.transport))
            .collect();
        let server = unpacked.server;
        let (name, ip) = (server.host_name(), server.addresses()[0]);
        let _ = write!(text, "; {name} {ip} {}", ports.join(" "));
    }
    text
}

/// Says what was counted, and writes it where `--stats` says, beside what `all` holds.
pub fn finish(
    args: &RunArgs,
    namespaces: &Namespaces,
    far_end: &FarEnd,
    delay: Option<DelayCounters>,
    flooded: Option<Map<String, Value>>,
    mut all: Map<String, Value>,
) -> Result<()> {
    all.insert("seed".into(), args.rules.seed.to_string().into());
    if let Some(flooded) = flooded {
        let mut text = String::from("lab: forged:");
        for (name, count) in flooded.iter().filter(|(_, count)| count.as_u64() != Some(0)) {
            let _ = write!(text, " {name} {count}");
        }
        eprintln!("{text}");
        all.insert("flood".into(), flooded.into());
    }
    if let FarEnd::Lab(lab) = far_end {
        let counters = counters(lab)?;
        let mut text = String::from("lab:");
        for (name, count) in counters.iter().filter(|(_, count)| count.as_u64() != Some(0)) {
            let _ = write!(text, " {name} {count}");
        }
        if let Some(delay) = delay {
            let _ = write!(
                text,
                "; delayed {} (most at once {}, later than 200 us {}, latest {} us, refused {}, \
                 left {})",
                delay.taken,
                delay.most_held,
                delay.late_over_200_us,
                delay.latest_us,
                delay.refused,
                delay.left
            );
        }
        eprintln!("{text}");
        all.insert("counters".into(), counters.into());
        if args.stats.is_some() {
            all.insert("arrivals".into(), arrivals(&lab.arrivals(now_ns())?));
        }
    }
    if let Some(path) = &args.stats {
        all.insert("delay".into(), serde_json::to_value(delay)?);
        all.insert("links".into(), serde_json::to_value(namespaces.link_counters()?)?);
        let text = serde_json::to_string(&all)? + "\n";
        std::fs::write(path, text).with_context(|| format!("--stats {}", path.display()))?;
    }
    Ok(())
}

fn counters(lab: &Lab) -> Result<Map<String, Value>> {
    let counts = lab.counters()?;
    Ok(COUNTER_NAMES
        .iter()
        .zip(counts)
        .map(|(name, count)| ((*name).into(), count.into()))
        .collect())
}

/// Probes by bucket and by second, both from the bucket of the first probe on.
fn arrivals(arrivals: &Arrivals) -> Value {
    let empty = arrivals.buckets.iter().take_while(|count| **count == 0).count();
    let buckets = &arrivals.buckets[empty..];
    let seconds: Vec<u64> =
        buckets.chunks(BUCKETS_PER_SECOND).map(|chunk| chunk.iter().sum()).collect();
    json!({
        "first_ns": arrivals.first_ns.to_string(),
        "last_ns": arrivals.last_ns.to_string(),
        "bucket_ns": BUCKET_NS,
        "buckets": buckets,
        "seconds": seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_begin_with_the_first_probe() {
        let mut buckets = vec![0; 57];
        buckets.extend(vec![2; BUCKETS_PER_SECOND]);
        buckets.push(7);
        let told = arrivals(&Arrivals { first_ns: 9, last_ns: 11, buckets });
        assert_eq!(told["seconds"], json!([200, 7]));
        assert_eq!(told["buckets"].as_array().map(Vec::len), Some(BUCKETS_PER_SECOND + 1));
    }
}
