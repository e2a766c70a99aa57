//! Headers on the wire: templates, patches, checksums, and views over received
//! bytes. No I/O, no allocation.
//!
//! * [`template`]: packets to send, constant bytes once, fields patched.
//! * [`checksum`]: the Internet checksum, whole and incremental.
//! * [`reply`]: received frames as answers to probes.
//! * [`arp`], [`ndp`]: asking for a neighbour's MAC address.

pub mod arp;
pub mod checksum;
pub mod ndp;
pub mod reply;
pub mod template;

/// The link layer of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Packets start at the IP header (raw IP sockets, tun).
    None,
    /// Ethernet, optionally with one 802.1Q tag.
    Ethernet {
        /// Our MAC address.
        source: [u8; 6],
        /// The next hop's MAC address.
        destination: [u8; 6],
        /// VLAN id to tag with, 1-4094.
        vlan: Option<u16>,
    },
}

impl Link {
    /// Length of the link-layer header in bytes: 0, 14 or 18.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Ethernet { vlan: None, .. } => 14,
            Self::Ethernet { vlan: Some(_), .. } => 18,
        }
    }

    /// Writes the header of an IPv4 or IPv6 packet at the beginning of a frame that has room
    /// for it; returns its length.
    pub fn write(&self, v6: bool, frame: &mut [u8]) -> usize {
        let Self::Ethernet { source, destination, vlan } = self else { return 0 };
        frame[..6].copy_from_slice(destination);
        frame[6..12].copy_from_slice(source);
        let mut len = 12;
        if let Some(id) = vlan {
            frame[12..14].copy_from_slice(&[0x81, 0x00]);
            frame[14..16].copy_from_slice(&(id & 0x0fff).to_be_bytes());
            len = 16;
        }
        let ether_type = if v6 { [0x86, 0xdd] } else { [0x08, 0x00] };
        frame[len..len + 2].copy_from_slice(&ether_type);
        len + 2
    }

    /// Whether packets start at the IP header.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }
}
