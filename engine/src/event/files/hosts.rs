//! Findings host by host, and what nmap's formats say of a host: whether it is up,
//! which ports are listed, and how many others were in which state.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use super::about::About;
use super::sorted::Finding;
use crate::event::{PortState, Reason};
use crate::plan::{Protocol, Purpose};

/// A host and what was found there.
#[derive(Debug)]
pub(super) struct Host<'a> {
    pub addr: IpAddr,
    pub names: &'a [String],
    /// What is listed, by protocol and port.
    pub ports: Vec<Finding>,
    /// What is not: state, protocol, reason and how many.
    pub hidden: Vec<(PortState, Protocol, Reason, u64)>,
    pub up: bool,
    /// What the host itself answered first; `None`: nothing.
    pub answer: Option<(Reason, u8)>,
    /// The shortest round trip.
    pub rtt_us: Option<u64>,
    /// First and last finding, microseconds since 1970.
    pub found_us: (u64, u64),
}

impl<'a> Host<'a> {
    /// From all findings of one address.
    fn new(addr: IpAddr, findings: &[Finding], about: &'a About, complete: bool) -> Self {
        let mut ports = Vec::new();
        let mut hidden: BTreeMap<(PortState, Protocol, u32), (Reason, u64)> = BTreeMap::new();
        let mut add = |state: PortState, protocol, reason, count| {
            hidden.entry((state, protocol, order_of(reason))).or_insert((reason, 0)).1 += count;
        };
        let mut answered: Option<&Finding> = None;
        for finding in findings {
            if about.shown.contains(finding.state) {
                ports.push(*finding);
            } else {
                add(finding.state, finding.protocol, finding.reason, 1);
            }
            let speaks = !matches!(
                finding.reason,
                Reason::Icmp { .. } | Reason::NoResponse | Reason::NoIpidChange
            );
            if speaks && answered.is_none_or(|first| finding.unix_us < first.unix_us) {
                answered = Some(finding);
            }
        }
        let is_port_scan = about.items.purpose() == Purpose::Ports;
        if complete && is_port_scan {
            let known = |protocol| findings.iter().filter(|f| f.protocol == protocol).count();
            for (protocol, asked, state) in [
                (Protocol::Tcp, about.items.tcp().len(), PortState::Filtered),
                (Protocol::Udp, about.items.udp().len(), PortState::OpenFiltered),
            ] {
                let silent = asked.saturating_sub(known(protocol)) as u64;
                if silent > 0 {
                    add(state, protocol, Reason::NoResponse, silent);
                }
            }
        }
        let mut hidden: Vec<_> = hidden
            .into_iter()
            .map(|((state, protocol, _), (reason, count))| (state, protocol, reason, count))
            .collect();
        hidden.sort_by_key(|&(.., count)| std::cmp::Reverse(count));
        let times = findings.iter().map(|finding| finding.unix_us);
        Self {
            addr,
            names: about.names.get(&addr).map(Vec::as_slice).unwrap_or_default(),
            up: match about.items.purpose() {
                // As nmap without host discovery: what is scanned counts as up.
                Purpose::Ports => true,
                Purpose::Hosts => findings.iter().any(|f| f.state == PortState::Open),
            },
            answer: answered.map(|finding| (finding.reason, finding.ttl)),
            rtt_us: findings.iter().filter_map(|finding| finding.rtt_us).min(),
            found_us: (
                times.clone().min().unwrap_or(about.started_unix_us),
                times.max().unwrap_or(about.started_unix_us),
            ),
            ports: if is_port_scan { ports } else { Vec::new() },
            hidden: if is_port_scan { hidden } else { Vec::new() },
        }
    }
}

/// Hands over each host that is worth a line, in order; returns how many were up.
///
/// A host that answered nothing is left out, unless it was the only one or its silence
/// is listed; so is one of which nothing is to be shown, for scans of more than a few.
pub(super) fn each_host(
    about: &About,
    complete: bool,
    findings: impl Iterator<Item = io::Result<Finding>>,
    mut take: impl FnMut(&Host<'_>) -> io::Result<()>,
) -> io::Result<u64> {
    let mut up = 0;
    let mut host: Vec<Finding> = Vec::new();
    let mut any = false;
    let mut end_host = |host: &mut Vec<Finding>| -> io::Result<()> {
        let Some(first) = host.first() else { return Ok(()) };
        let told = Host::new(first.addr, host, about, complete);
        host.clear();
        up += u64::from(told.up);
        any = true;
        let is_shown = match about.items.purpose() {
            Purpose::Ports => !told.ports.is_empty() || about.lists_every_host(),
            Purpose::Hosts => told.up || about.shown.contains(PortState::Filtered),
        };
        if is_shown { take(&told) } else { Ok(()) }
    };
    for finding in findings {
        let finding = finding?;
        if host.first().is_some_and(|first| first.addr != finding.addr) {
            end_host(&mut host)?;
        }
        host.push(finding);
    }
    end_host(&mut host)?;
    if !any && let Some(addr) = about.only_host {
        let told = Host::new(addr, &[], about, complete);
        up += u64::from(told.up);
        take(&told)?;
    }
    Ok(up)
}

/// Reasons have no order of their own.
fn order_of(reason: Reason) -> u32 {
    match reason {
        Reason::SynAck => 0,
        Reason::Rst => 1,
        Reason::UdpResponse => 2,
        Reason::EchoReply => 3,
        Reason::ArpResponse { .. } => 4,
        Reason::NdResponse { .. } => 5,
        Reason::NoResponse => 6,
        Reason::NoArp => 7,
        Reason::NoNd => 8,
        Reason::IpidChange => 9,
        Reason::NoIpidChange => 10,
        Reason::Icmp { kind, code } => 256 + (u32::from(kind) << 8) + u32::from(code),
    }
}

/// A reason in the words of nmap's formats.
pub(super) fn nmap_reason(reason: Reason, addr: IpAddr) -> String {
    let name = match (reason, addr) {
        (Reason::Rst, _) => "reset",
        (Reason::Icmp { kind: 3, code }, IpAddr::V4(_)) => match code {
            0 => "net-unreach",
            1 => "host-unreach",
            2 => "proto-unreach",
            3 => "port-unreach",
            9 => "net-prohibited",
            10 => "host-prohibited",
            13 => "admin-prohibited",
            _ => "dest-unreach",
        },
        (Reason::Icmp { kind: 1, code }, IpAddr::V6(_)) => match code {
            0 => "net-unreach",
            1 => "admin-prohibited",
            3 => "host-unreach",
            4 => "port-unreach",
            _ => "dest-unreach",
        },
        (Reason::Icmp { kind: 11, .. }, IpAddr::V4(_))
        | (Reason::Icmp { kind: 3, .. }, IpAddr::V6(_)) => "time-exceeded",
        (other, _) => return other.to_string(),
    };
    name.to_owned()
}
