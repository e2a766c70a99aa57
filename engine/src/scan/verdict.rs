//! What a valid reply says about a port or a host.

use crate::event::{PortState, Reason};
use crate::plan::probe::Answered;
use crate::plan::{ProbeKind, Purpose};
use crate::wire::reply::{Kind, Reply};

/// State and reason.
pub(super) fn of(purpose: Purpose, answered: &Answered, reply: &Reply) -> (PortState, Reason) {
    #[cfg(feature = "slowed")]
    slowed(reply.port);
    let reason = match reply.kind {
        Kind::SynAck { .. } => Reason::SynAck,
        Kind::Rst { .. } => Reason::Rst,
        Kind::Udp { .. } => Reason::UdpResponse,
        Kind::EchoReply { .. } => Reason::EchoReply,
        Kind::IcmpError { kind, code, .. } => Reason::Icmp { kind, code },
    };
    let state = match (purpose, reply.kind) {
        // Whatever a host says itself, it is there to say it.
        (Purpose::Hosts, Kind::IcmpError { sender, .. }) if sender != reply.addr => {
            PortState::Filtered
        }
        (Purpose::Hosts, _) => PortState::Open,
        (_, Kind::SynAck { .. } | Kind::Udp { .. } | Kind::EchoReply { .. }) => PortState::Open,
        (_, Kind::Rst { .. }) if answered.ask.kind == ProbeKind::Ack => PortState::Unfiltered,
        (_, Kind::Rst { .. }) => PortState::Closed,
        (_, Kind::IcmpError { kind, code, sender, .. }) => {
            // "Port unreachable" (RFC 792; RFC 4443, section 3.1) speaks for the port only
            // where the target itself says it; from others it is a filter's answer.
            let port_unreachable = match reply.addr.is_ipv4() {
                true => (kind, code) == (3, 3),
                false => (kind, code) == (1, 4),
            };
            if answered.ask.kind == ProbeKind::Udp && port_unreachable && sender == reply.addr {
                PortState::Closed
            } else {
                PortState::Filtered
            }
        }
    };
    (state, reason)
}

/// Wastes time once a reply: the profiler's control, which must find it.
#[cfg(feature = "slowed")]
#[inline(never)]
fn slowed(port: u16) -> u64 {
    let mut sum = u64::from(port);
    for by in 0..40_000 {
        sum = std::hint::black_box(sum.wrapping_mul(by | 1).wrapping_add(by));
    }
    sum
}

/// The state that window bits stand for, in a scan whose TCP ports are probed with `kind`.
pub(super) fn known(state: PortState, kind: ProbeKind) -> PortState {
    match (state, kind) {
        (PortState::Closed, ProbeKind::Ack) => PortState::Unfiltered,
        (state, _) => state,
    }
}
