//! The idle scan's packets: questions to the zombie, SYNs in its name, and its answers.

use std::net::Ipv4Addr;

use crate::wire::checksum::{checksum, finish, sum};

/// No packet is longer.
pub const LONGEST: usize = 20 + 24;
/// Flag of a segment.
pub const SYN: u8 = 2;
/// Flag of a segment.
pub const RST: u8 = 4;
/// Flag of a segment.
pub const ACK: u8 = 16;
/// Maximum segment size, as Ethernet has it.
const MSS: [u8; 4] = [2, 4, 0x05, 0xb4];

/// A segment to send.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// From: ours, or somebody else's.
    pub source: Ipv4Addr,
    /// To.
    pub target: Ipv4Addr,
    /// Source and destination.
    pub ports: [u16; 2],
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Flags.
    pub flags: u8,
    /// IP identification.
    pub id: u16,
}

impl Segment {
    /// Writes the packet; returns its length.
    pub fn write(&self, packet: &mut [u8; LONGEST]) -> usize {
        packet.fill(0);
        packet[..2].copy_from_slice(&[0x45, 0]);
        packet[2..4].copy_from_slice(&(LONGEST as u16).to_be_bytes());
        packet[4..6].copy_from_slice(&self.id.to_be_bytes());
        packet[8..10].copy_from_slice(&[64, 6]);
        packet[12..16].copy_from_slice(&self.source.octets());
        packet[16..20].copy_from_slice(&self.target.octets());
        let check = checksum(&packet[..20]);
        packet[10..12].copy_from_slice(&check);
        packet[20..22].copy_from_slice(&self.ports[0].to_be_bytes());
        packet[22..24].copy_from_slice(&self.ports[1].to_be_bytes());
        packet[24..28].copy_from_slice(&self.seq.to_be_bytes());
        packet[28..32].copy_from_slice(&self.ack.to_be_bytes());
        packet[32..36].copy_from_slice(&[6 << 4, self.flags, 4, 0]);
        packet[40..].copy_from_slice(&MSS);
        let pseudo = [0, 6, 0, 24];
        let all = sum(&packet[12..]) + sum(&pseudo);
        packet[36..38].copy_from_slice(&finish(all));
        LONGEST
    }
}

/// A RST that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// From.
    pub source: Ipv4Addr,
    /// To.
    pub target: Ipv4Addr,
    /// Source and destination.
    pub ports: [u16; 2],
    /// Sequence number: the acknowledgement number of what it refuses.
    pub seq: u32,
    /// IP identification.
    pub id: u16,
}

impl Reset {
    /// Reads a packet that begins with its IPv4 header; `None` for what is no RST.
    #[must_use]
    pub fn read(packet: &[u8]) -> Option<Self> {
        let header_len = usize::from(packet.first()? & 0xf) * 4;
        let half = |at: usize| Some(u16::from_be_bytes(*packet.get(at..)?.first_chunk()?));
        let address = |at: usize| Some(Ipv4Addr::from_octets(*packet.get(at..)?.first_chunk()?));
        if packet[0] >> 4 != 4
            || header_len < 20
            || half(6)? & 0x3fff != 0
            || packet.get(9) != Some(&6)
            || packet.get(header_len + 13)? & RST == 0
        {
            return None;
        }
        Some(Self {
            source: address(12)?,
            target: address(16)?,
            ports: [half(header_len)?, half(header_len + 2)?],
            seq: u32::from_be_bytes(*packet.get(header_len + 4..)?.first_chunk()?),
            id: half(4)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_sound_and_read_again() {
        let (source, target) = (Ipv4Addr::new(198, 18, 0, 1), Ipv4Addr::new(198, 18, 9, 9));
        let segment =
            Segment { source, target, ports: [1, 80], seq: 7, ack: 9, flags: RST, id: 0xabcd };
        let mut packet = [0; LONGEST];
        segment.write(&mut packet);
        let copy = packet;
        let read = etherparse::SlicedPacket::from_ip(&copy).expect("a packet");
        let Some(etherparse::TransportSlice::Tcp(tcp)) = read.transport else { panic!("TCP") };
        let mut header = tcp.to_header();
        let stated = header.checksum;
        header.checksum = 0;
        let sum = header.calc_checksum_ipv4_raw(source.octets(), target.octets(), &[]);
        assert_eq!(sum.ok(), Some(stated));
        let reset = Reset { source, target, ports: [1, 80], seq: 7, id: 0xabcd };
        assert_eq!(Reset::read(&packet), Some(reset));
        packet[33] = SYN | ACK;
        assert_eq!(Reset::read(&packet), None);
    }

    proptest! {
        #[test]
        fn any_packet_is_read_or_left(
            mut packet in proptest::collection::vec(any::<u8>(), 0..80),
            sound in any::<bool>(),
        ) {
            if sound && packet.len() > 9 {
                packet[0] = 0x45 | packet[0] & 0xf;
                packet[6..8].fill(0);
                packet[9] = 6;
            }
            if let Some(reset) = Reset::read(&packet) {
                prop_assert!(packet.len() >= 34);
                prop_assert_eq!(&reset.source.octets(), &packet[12..16]);
            }
        }
    }
}
