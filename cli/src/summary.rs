//! What people read on standard error before and after a scan.

use std::fmt::{self, Write};

use prtip_engine::event::log::Counts;
use prtip_engine::plan::{Items, Plan, ProbeKind, Purpose};
use prtip_engine::scan::ledger::Ledger;
use prtip_engine::scan::stages::Stages;
use prtip_engine::scan::{Info, Options, Progress, Rate, Report, SynOptions};

use crate::progress::short_count;

/// What will be scanned: enough to repeat it.
pub(crate) fn announce_plan(plan: &Plan, shard: Option<(u64, u64)>) -> String {
    let shard = plan_shard(plan, shard);
    format!(
        "prtip {}: {} ({}, {}){shard}, seed {}, plan {:016x}",
        env!("CARGO_PKG_VERSION"),
        match plan.items().purpose() {
            Purpose::Ports => counted(plan.len(), "pair", "pairs"),
            Purpose::Hosts => counted(plan.len(), "host", "hosts"),
        },
        counted(plan.addresses(), "address", "addresses"),
        asked(plan.items()),
        plan.seed(),
        plan.hash(),
    )
}

/// What became of the event log.
pub(crate) fn log(counts: &Counts) -> String {
    let acknowledged = match counts.durable_bytes == counts.written_bytes {
        true => "all",
        false if counts.durable_bytes == 0 => "none",
        false => "not all",
    };
    format!(
        "prtip: event log: {} bytes in {}, {} and {}, {acknowledged} of it known to be on the disk",
        counts.written_bytes,
        counted(counts.closed + 1, "file", "files"),
        counted(counts.writes, "write", "writes"),
        counted(counts.syncs, "sync", "syncs"),
    )
}

/// What is asked of every address.
fn asked(items: &Items) -> String {
    let mut parts = Vec::new();
    if !items.tcp().is_empty() {
        let count = items.tcp().len() as u64;
        parts.push(match items.tcp_kind() {
            ProbeKind::Ack => counted(count, "port by ACK", "ports by ACK"),
            _ => counted(count, "port", "ports"),
        });
    }
    if !items.udp().is_empty() {
        parts.push(counted(items.udp().len() as u64, "UDP port", "UDP ports"));
    }
    for ask in items.asks() {
        parts.push(match ask.kind {
            ProbeKind::Echo => "echo".into(),
            ProbeKind::Syn => format!("SYN to {}", ask.port),
            ProbeKind::Ack => format!("ACK to {}", ask.port),
            ProbeKind::Udp => format!("UDP to {}", ask.port),
        });
    }
    parts.join(", ")
}

fn plan_shard(plan: &Plan, shard: Option<(u64, u64)>) -> String {
    let range = plan.shard();
    match shard {
        Some((part, of)) => {
            format!(", shard {part}/{of}: indices {} to {}", range.start, range.end)
        }
        None if range.end < plan.len() => format!(", the first {} of them", range.end),
        None => String::new(),
    }
}

/// How it will be scanned.
pub(crate) fn announce_scan(info: &Info, items: &Items, options: &Options) -> String {
    let mode = info.xdp_mode.map(|mode| format!(", {mode}")).unwrap_or_default();
    let wire = match info.wire_bytes {
        0 => "not on a wire".to_owned(),
        bytes if items.udp().is_empty() => format!("{bytes} bytes on the wire"),
        bytes => format!("up to {bytes} bytes on the wire"),
    };
    format!(
        "{}{mode} on {} ({}, {}): {}\n\
         {}{wire}; {}, {}, {} s to wait for late replies",
        info.port_engine,
        info.interface,
        counted(u64::from(info.queues), "queue", "queues"),
        counted(u64::from(info.workers), "worker", "workers"),
        info.why,
        if items.sends(ProbeKind::Syn) {
            format!("SYN {}, ", syn_name(options.syn))
        } else {
            String::new()
        },
        rate_name(options.rate),
        counted(u64::from(info.attempts), "attempt", "attempts"),
        options.cooldown.as_secs_f64(),
    ) + &guess(info)
}

/// How hard it is to forge the answer of a UDP port.
fn guess(info: &Info) -> String {
    match info.udp_guess {
        None => String::new(),
        Some((ports, weakest, strongest)) => format!(
            "\nUDP: who forges an answer must guess our port (1 in {ports}) and a transaction id of \
             {weakest} to {strongest} bits, as the protocol has one; an ICMP error, our port and, where \
             the request holds such an id, its checksum (7 to 14 bits)"
        ),
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn syn_name(syn: SynOptions) -> &'static str {
    match syn {
        SynOptions::Bare => "without options",
        SynOptions::Mss => "with MSS",
        SynOptions::Linux => "with Linux's options",
    }
}

fn rate_name(rate: Rate) -> String {
    match rate {
        Rate::Max => "as fast as it goes".into(),
        Rate::Auto => "as fast as nothing is lost".into(),
        Rate::PerSecond(pps) if pps < 10.0 => format!("{pps} probes a second"),
        Rate::PerSecond(pps) => format!("{} probes a second", short_count(pps)),
    }
}

/// How fast probes left, over the times in which some did: neither the wait
/// before a retry nor the cooldown counts.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    /// Probes up to the last progress.
    sent: u64,
    seconds: f64,
}

impl Sending {
    /// Samples are a quarter of a second; that of a start or an end is counted in
    /// full. Below this, that would be much of the time.
    const SHORTEST_S: f64 = 10.0;

    /// Takes the next progress of a scan.
    pub(crate) fn add(&mut self, progress: &Progress) {
        let sent = progress.sent.saturating_sub(self.sent);
        if sent > 0 && progress.pps > 0.0 {
            self.seconds += sent as f64 / progress.pps;
        }
        self.sent = progress.sent;
    }

    /// Probes a second, of a scan that sent for long enough to tell.
    fn average(&self) -> Option<f64> {
        (self.seconds >= Self::SHORTEST_S).then(|| self.sent as f64 / self.seconds)
    }
}

/// Whether the kernel took none of the probes: such a scan says nothing about its targets.
pub(crate) fn nothing_was_sent(ledger: &Ledger) -> bool {
    ledger.completed == 0 && ledger.tx_failed > 0
}

/// What came out.
pub(crate) fn conclude(report: &Report, sending: &Sending, asked: Rate, verbose: bool) -> String {
    let ledger = &report.ledger;
    let mut text = String::new();
    let found = match report.purpose {
        Purpose::Ports => format!(
            "{} open, {} {}, {} filtered{}",
            report.open,
            report.closed,
            if report.acks { "unfiltered" } else { "closed" },
            report.filtered,
            if report.udp_ports > 0 { " (or open, where a UDP port is silent)" } else { "" },
        ),
        Purpose::Hosts => format!("{} up, {} not", report.open, report.filtered),
    };
    let _ = writeln!(
        text,
        "{found} in {:.2} s; {} sent{}{}{}",
        report.elapsed.as_secs_f64(),
        counted(ledger.completed, "probe", "probes"),
        match ledger.neighbour_requests {
            0 => String::new(),
            asked => format!(
                ", {} of neighbours ({} answered)",
                counted(asked, "question", "questions"),
                ledger.neighbour_replies
            ),
        },
        average(sending, asked),
        if report.stopped { "; stopped before the end" } else { "" },
    );
    if report.latency.count() > 0 {
        let _ = writeln!(text, "round trips: {}", report.latency);
    }
    if verbose && let Some(lag) = &report.lag {
        let _ = writeln!(text, "probes left later than scheduled by: {lag}");
    }
    for (name, latency) in report.stages.iter().flat_map(Stages::named) {
        if latency.count() > 0 {
            let _ = writeln!(text, "{}: {latency}", name.replace('-', " "));
        }
    }
    let _ = write!(text, "ledger: {}", Books { ledger, in_full: verbose });
    if verbose && let Some(steering) = &report.steering {
        let _ = write!(
            text,
            "\nsteering: {} SYN-ACKs, {} RSTs, {} ICMP errors, {} datagrams, {} echo replies to us; passed on: {} with a wrong cookie, \
             {} fragments, {} malformed, {} without a socket, {} others",
            steering.syn_ack,
            steering.rst,
            steering.icmp,
            steering.udp,
            steering.echo,
            steering.pass_cookie,
            steering.pass_fragment,
            steering.pass_malformed,
            steering.no_socket,
            steering.pass_other,
        );
    }
    for remark in &report.remarks {
        let _ = write!(text, "\nnote: {remark}");
    }
    text
}

/// How fast probes left; what was asked for beside it where it was not reached.
fn average(sending: &Sending, asked: Rate) -> String {
    match (sending.average(), asked) {
        (Some(pps), Rate::PerSecond(asked)) if pps < asked * NEARLY => {
            let (pps, asked) = (short_count(pps), short_count(asked));
            format!(", {pps}/s while sending, where {asked}/s were asked for")
        }
        (Some(pps), _) => format!(", {}/s while sending", short_count(pps)),
        (None, _) => String::new(),
    }
}

/// A rate of less than this share of the one asked for was not reached.
const NEARLY: f64 = 0.98;

/// The ledger as sentences; in short when it adds up and nobody asked.
struct Books<'a> {
    ledger: &'a Ledger,
    in_full: bool,
}

impl fmt::Display for Books<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let l = self.ledger;
        // An interface counts what its rings dropped once more.
        let lost =
            l.tx_failed.saturating_sub(l.tx_again) + l.ring_drops.max(l.nic_drops) + l.event_drops;
        write!(f, "{} unaccounted, {lost} lost", l.unaccounted)?;
        if !self.in_full && l.unaccounted == 0 && lost == 0 {
            return write!(
                f,
                " ({}: {}, {}, {} late, {} invalid)",
                counted(l.rx_steered, "reply", "replies"),
                counted(l.results, "result", "results"),
                counted(l.rx_duplicate, "duplicate", "duplicates"),
                l.rx_late,
                l.rx_invalid
            );
        }
        write!(
            f,
            "\n  {} generated = {} submitted + {} unsent\
             \n  {} submitted = {} completed + {} refused by the kernel ({} of them sent again)\
             \n  {} steered = {} valid + {} duplicate + {} invalid + {} late + {} lost in rings\
             \n  {} valid = {} results + {} lost events\
             \n  {} of the probes were retries ({} of them control probes, {} sent again after loss); \
             {} RSTs; {} dropped by the interface",
            l.generated,
            l.submitted,
            l.unsent,
            l.submitted,
            l.completed,
            l.tx_failed,
            l.tx_again,
            l.rx_steered,
            l.rx_valid,
            l.rx_duplicate,
            l.rx_invalid,
            l.rx_late,
            l.ring_drops,
            l.rx_valid,
            l.results,
            l.event_drops,
            l.retries,
            l.control,
            l.resent,
            l.rsts,
            l.nic_drops,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_leaves_waiting_out_and_needs_time_to_be_told() {
        let progress = |sent, pps| Progress { sent, pps, ..Progress::default() };
        let mut sending = Sending::default();
        sending.add(&progress(5000, 1000.0));
        let asked = Rate::PerSecond(2000.0);
        assert_eq!(average(&sending, asked), "");
        sending.add(&progress(5000, 0.0));
        sending.add(&progress(20_000, 3000.0));
        assert_eq!(average(&sending, asked), ", 2000/s while sending");
        assert_eq!(average(&sending, Rate::Max), ", 2000/s while sending");
        let short = ", 2000/s while sending, where 2500/s were asked for";
        assert_eq!(average(&sending, Rate::PerSecond(2500.0)), short);
    }

    #[test]
    fn a_scan_of_which_every_probe_was_refused_sent_nothing() {
        let ledger = |completed, tx_failed| Ledger { completed, tx_failed, ..Ledger::default() };
        assert!(nothing_was_sent(&ledger(0, 2)));
        assert!(!nothing_was_sent(&ledger(1, 2)));
        assert!(!nothing_was_sent(&ledger(0, 0)), "an empty shard is no failure");
    }

    #[test]
    fn books_that_do_not_add_up_are_always_shown_in_full() {
        let mut ledger = Ledger { generated: 5, submitted: 4, ..Ledger::default() };
        let text = Books { ledger: &ledger, in_full: false }.to_string();
        assert_eq!(text.lines().count(), 1);
        ledger.unaccounted = ledger.imbalance();
        let text = Books { ledger: &ledger, in_full: false }.to_string();
        assert!(text.starts_with("5 unaccounted, 0 lost\n  5 generated = 4 submitted"), "{text}");
    }
}
