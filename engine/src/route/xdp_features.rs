//! What a driver can do with XDP, from the kernel's `netdev` generic netlink
//! family (Linux 6.3, `Documentation/netlink/specs/netdev.yaml`). A question only:
//! nothing is attached. The two messages are so small that they are written here
//! byte by byte.

use std::io;

use netlink_sys::protocols::NETLINK_GENERIC;
use netlink_sys::{Socket, SocketAddr};
use serde::Serialize;

const CONTROL_FAMILY: u16 = 0x10;
const CONTROL_GET_FAMILY: u8 = 3;
const CONTROL_FAMILY_ID: u16 = 1;
const CONTROL_FAMILY_NAME: u16 = 2;
const DEVICE_GET: u8 = 1;
const DEVICE_IFINDEX: u16 = 1;
const DEVICE_XDP_FEATURES: u16 = 3;
/// struct nlmsghdr and struct genlmsghdr.
const HEADERS: usize = 16 + 4;

/// The features that matter to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct XdpFeatures {
    /// Native programs that pass, drop and send back.
    pub basic: bool,
    /// Native redirect, also into AF_XDP sockets.
    pub redirect: bool,
    /// Takes redirected frames to send (`ndo_xdp_xmit`).
    pub transmit: bool,
    /// AF_XDP zero-copy.
    pub zerocopy: bool,
    /// Frames in several buffers: large MTUs.
    pub fragments: bool,
}

/// The features of the interface; an error where the kernel is too old to tell.
pub(crate) fn of_interface(ifindex: u32) -> io::Result<XdpFeatures> {
    let mut socket = Socket::new(NETLINK_GENERIC)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let missing = || io::Error::from(io::ErrorKind::Unsupported);

    let name = (CONTROL_FAMILY_NAME, b"netdev\0".as_slice());
    let answer = ask(&socket, CONTROL_FAMILY, CONTROL_GET_FAMILY, name)?;
    let family = attribute(&answer, CONTROL_FAMILY_ID).ok_or_else(missing)?;
    let family = family.first_chunk().map(|id| u16::from_ne_bytes(*id)).ok_or_else(missing)?;

    let index = ifindex.to_ne_bytes();
    let answer = ask(&socket, family, DEVICE_GET, (DEVICE_IFINDEX, index.as_slice()))?;
    let bits = attribute(&answer, DEVICE_XDP_FEATURES).ok_or_else(missing)?;
    let bits = bits.first_chunk().map(|bits| u64::from_ne_bytes(*bits)).ok_or_else(missing)?;
    Ok(XdpFeatures {
        basic: bits & 1 != 0,
        redirect: bits & 2 != 0,
        transmit: bits & 4 != 0,
        zerocopy: bits & 8 != 0,
        fragments: bits & 32 != 0,
    })
}

/// Sends one request with one attribute; gives the answer with its headers.
fn ask(
    socket: &Socket,
    family: u16,
    command: u8,
    (kind, value): (u16, &[u8]),
) -> io::Result<Vec<u8>> {
    let attribute_len = 4 + value.len();
    let len = HEADERS + attribute_len.next_multiple_of(4);
    let mut message = Vec::with_capacity(len);
    message.extend((len as u32).to_ne_bytes());
    message.extend(family.to_ne_bytes());
    message.extend(1u16.to_ne_bytes()); // NLM_F_REQUEST
    message.extend(1u32.to_ne_bytes()); // sequence
    message.extend(0u32.to_ne_bytes()); // from whom: the kernel knows
    message.extend([command, 1, 0, 0]);
    message.extend((attribute_len as u16).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
    message.resize(len, 0);
    socket.send(&message, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let word = |at: usize| answer.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    let answer_kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok());
    // NLMSG_ERROR carries a negative errno.
    if answer_kind.map(u16::from_ne_bytes) == Some(2) {
        let errno = word(16).map_or(libc::EPROTO, |bytes| -i32::from_ne_bytes(bytes));
        return Err(io::Error::from_raw_os_error(errno));
    }
    Ok(answer)
}

/// The value of the first attribute of a kind.
fn attribute(answer: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = answer.get(HEADERS..)?;
    loop {
        let len = usize::from(u16::from_ne_bytes(*rest.first_chunk()?));
        let kind = u16::from_ne_bytes(*rest.get(2..)?.first_chunk()?);
        // The two highest bits are flags.
        if kind & 0x3fff == wanted {
            return rest.get(4..len);
        }
        rest = rest.get(len.max(4).next_multiple_of(4)..)?;
    }
}
