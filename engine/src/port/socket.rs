//! The few socket calls that the crates we use do not wrap: options with
//! structured values, and addresses of packet sockets.

#![expect(unsafe_code, reason = "kernel ABI of socket options and sockaddr_ll")]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Types made of integers only: any bytes are a value, and there is no padding
/// that the kernel could read uninitialised.
///
/// # Safety
/// The implementor promises exactly that.
pub(super) unsafe trait Plain: Copy {}
// SAFETY: an integer has neither padding nor invalid values.
unsafe impl Plain for libc::c_int {}
// SAFETY: two integers of the same size, so no padding.
unsafe impl Plain for libc::tpacket_stats {}

/// Sets an option of plain integers.
pub(super) fn set_option<T: Plain>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: T,
) -> io::Result<()> {
    // SAFETY: `value` is alive for the call and `size_of::<T>()` bytes long; `fd`
    // is borrowed, so open.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Reads and resets `PACKET_STATISTICS`. `tp_packets` includes `tp_drops`, and
/// neither includes what the socket's filter dropped (`packet_rcv` and
/// `packet_getsockopt` in `net/packet/af_packet.c`).
pub(super) fn take_packet_statistics(fd: BorrowedFd<'_>) -> io::Result<libc::tpacket_stats> {
    let mut stats = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
    let mut len = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: `stats` and `len` are alive and writable for the call, `len` is the
    // size of `stats`, and any bytes are a valid value of it.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut stats).cast(),
            &raw mut len,
        )
    };
    if result == 0 { Ok(stats) } else { Err(io::Error::last_os_error()) }
}

/// Binds a packet socket to an interface; `protocol` is an EtherType in host
/// byte order, 0 to hear nothing.
pub(super) fn bind_packet(fd: BorrowedFd<'_>, ifindex: u32, protocol: u16) -> io::Result<()> {
    // SAFETY: sockaddr_ll is made of integers and arrays of them; zero is valid.
    let mut addr: libc::sockaddr_ll = unsafe { zeroed() };
    addr.sll_family = libc::AF_PACKET as u16;
    addr.sll_protocol = protocol.to_be();
    addr.sll_ifindex = ifindex as i32;
    // SAFETY: `addr` is an initialised sockaddr_ll, alive for the call, of the length given.
    let result = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            (&raw const addr).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
