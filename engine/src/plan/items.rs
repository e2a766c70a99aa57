//! What is asked of every address: which probe at which port.
//!
//! A port scan asks each address the same *items*, one a (protocol, port): TCP
//! ports ascending, then UDP ports ascending; the place of an item is its *slot*.
//! Host discovery asks one item an address, and each attempt asks it in another
//! way ([`Ask`]), so that the window needs two bits a host, and what has answered
//! is not asked again.

use super::PortSet;

/// What a probe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ProbeKind {
    /// A TCP SYN.
    Syn = 0,
    /// A TCP segment with ACK alone.
    Ack = 1,
    /// A UDP datagram with the payload of its port.
    Udp = 2,
    /// An ICMP or ICMPv6 echo request.
    Echo = 3,
}

impl ProbeKind {
    /// How many there are.
    pub const COUNT: usize = 4;
    /// All, by number.
    pub const ALL: [Self; Self::COUNT] = [Self::Syn, Self::Ack, Self::Udp, Self::Echo];

    /// The protocol that carries it.
    #[must_use]
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Syn | Self::Ack => Protocol::Tcp,
            Self::Udp => Protocol::Udp,
            Self::Echo => Protocol::Icmp,
        }
    }
}

/// The protocol of a (protocol, port).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP for IPv4, ICMPv6 for IPv6.
    Icmp,
}

impl Protocol {
    /// As in the `proto` field of records: `tcp`, `udp` or `icmp`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        }
    }

    /// The protocol with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Icmp].into_iter().find(|known| known.name() == name)
    }
}

/// One way to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ask {
    /// The probe.
    pub kind: ProbeKind,
    /// The port that it goes to; 0 for an echo request.
    pub port: u16,
}

impl Ask {
    /// How a host is looked for where nothing else is said: an echo request, a SYN to
    /// 443, an ACK to 80. What drops one of them often lets another through.
    pub const HOST: [Self; 3] = [
        Self { kind: ProbeKind::Echo, port: 0 },
        Self { kind: ProbeKind::Syn, port: 443 },
        Self { kind: ProbeKind::Ack, port: 80 },
    ];
}

/// What a scan wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The state of ports.
    Ports,
    /// Which hosts are up.
    Hosts,
}

/// The items of every address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Items {
    pub(super) tcp: PortSet,
    pub(super) tcp_kind: ProbeKind,
    pub(super) udp: PortSet,
    /// Not empty: host discovery, one slot, these one attempt after the other.
    pub(super) asks: Box<[Ask]>,
}

impl Items {
    /// The number of items of an address.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.asks.is_empty() { self.tcp.len() + self.udp.len() } else { 1 }
    }

    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ports or hosts.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        if self.asks.is_empty() { Purpose::Ports } else { Purpose::Hosts }
    }

    /// The TCP ports.
    #[must_use]
    pub fn tcp(&self) -> &PortSet {
        &self.tcp
    }

    /// What TCP ports are probed with: SYN or ACK.
    #[must_use]
    pub fn tcp_kind(&self) -> ProbeKind {
        self.tcp_kind
    }

    /// The UDP ports.
    #[must_use]
    pub fn udp(&self) -> &PortSet {
        &self.udp
    }

    /// How hosts are looked for, in turn; empty for a port scan.
    #[must_use]
    pub fn asks(&self) -> &[Ask] {
        &self.asks
    }

    /// Whether every probe is a TCP SYN to a port of its own.
    #[must_use]
    pub fn only_syn(&self) -> bool {
        self.asks.is_empty() && self.udp.is_empty() && self.tcp_kind == ProbeKind::Syn
    }

    /// Whether probes of `kind` are sent.
    #[must_use]
    pub fn sends(&self, kind: ProbeKind) -> bool {
        match kind {
            _ if !self.asks.is_empty() => self.asks.iter().any(|ask| ask.kind == kind),
            ProbeKind::Udp => !self.udp.is_empty(),
            ProbeKind::Echo => false,
            ProbeKind::Syn | ProbeKind::Ack => !self.tcp.is_empty() && self.tcp_kind == kind,
        }
    }

    /// How `slot` is asked at `attempt`.
    #[inline]
    #[must_use]
    pub fn ask(&self, slot: usize, attempt: u8) -> Ask {
        if !self.asks.is_empty() {
            return self.asks[usize::from(attempt) % self.asks.len()];
        }
        match self.tcp.as_slice().get(slot) {
            Some(&port) => Ask { kind: self.tcp_kind, port },
            None => Ask { kind: ProbeKind::Udp, port: self.udp.as_slice()[slot - self.tcp.len()] },
        }
    }

    /// The slot of (protocol, port); host discovery has one for all.
    #[must_use]
    pub fn slot_of(&self, protocol: Protocol, port: u16) -> Option<usize> {
        match protocol {
            _ if !self.asks.is_empty() => Some(0),
            Protocol::Tcp => self.tcp.rank_of(port),
            Protocol::Udp => self.udp.rank_of(port).map(|rank| self.tcp.len() + rank),
            Protocol::Icmp => None,
        }
    }

    /// What slot `slot` stands for in results: for host discovery `icmp` and port 0.
    #[must_use]
    pub fn label(&self, slot: usize) -> (Protocol, u16) {
        if !self.asks.is_empty() {
            return (Protocol::Icmp, 0);
        }
        let ask = self.ask(slot, 0);
        (ask.kind.protocol(), ask.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_ports_are_each_others_inverse() {
        let items = Items {
            tcp: PortSet::new([22, 80]),
            tcp_kind: ProbeKind::Ack,
            udp: PortSet::new([53, 80, 161]),
            asks: [].into(),
        };
        assert_eq!(items.len(), 5);
        for slot in 0..items.len() {
            let (protocol, port) = items.label(slot);
            assert_eq!(items.slot_of(protocol, port), Some(slot));
            assert_eq!(items.ask(slot, 0).kind.protocol(), protocol);
        }
        assert_eq!(items.slot_of(Protocol::Udp, 22), None);
        assert!(items.sends(ProbeKind::Ack) && !items.sends(ProbeKind::Syn));
    }

    #[test]
    fn a_host_has_one_slot_and_is_asked_in_turn() {
        let none = PortSet::new([]);
        let items = Items {
            tcp: none.clone(),
            tcp_kind: ProbeKind::Syn,
            udp: none,
            asks: Ask::HOST.into(),
        };
        assert_eq!((items.len(), items.purpose()), (1, Purpose::Hosts));
        let kinds: Vec<_> = (0..4).map(|attempt| items.ask(0, attempt).kind).collect();
        assert_eq!(kinds, [ProbeKind::Echo, ProbeKind::Syn, ProbeKind::Ack, ProbeKind::Echo]);
    }
}
