//! System calls around AF_XDP sockets that xsk-rs does not make, or whose errors
//! it hides.

use std::ffi::{c_char, c_int, c_void};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

/// `XDP_MAX_TX_SKB_BUDGET` of `linux/if_xdp.h` (Linux 6.16): how many frames one
/// system call sends in copy mode.
const XDP_MAX_TX_SKB_BUDGET: c_int = 9;

/// Packets that one busy poll takes from the card: a batch of ours.
const BUSY_BUDGET: u32 = 64;

/// Whether the kernel bound this socket in zero-copy mode, whatever was asked for.
pub(super) fn is_zerocopy(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let mut options = libc::xdp_options { flags: 0 };
    let mut len = size_of::<libc::xdp_options>() as libc::socklen_t;
    // SAFETY: `options` and `len` are alive and writable, and `len` says how large
    // `options` is; the kernel writes no more.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_XDP,
            libc::XDP_OPTIONS,
            (&raw mut options).cast::<c_void>(),
            &raw mut len,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0)
}

/// Lets one system call send up to `frames` frames in copy mode. False where the
/// kernel does not know the option: then it sends 32.
pub(super) fn raise_tx_budget(socket: BorrowedFd<'_>, frames: u32) -> bool {
    set(socket, libc::SOL_XDP, XDP_MAX_TX_SKB_BUDGET, frames).is_ok()
}

/// Has the kernel read the card only when we ask it to, in our own time, instead of by
/// interrupts (Linux 5.11): for up to `us` at a time, [`BUSY_BUDGET`] packets a call.
/// It matters where the interface defers its interrupts (`napi_defer_hard_irqs`,
/// `gro_flush_timeout`); without that they go on beside the polling. An error, too,
/// where the kernel takes the options and has others afterwards.
pub(super) fn busy_poll(socket: BorrowedFd<'_>, us: u32) -> io::Result<()> {
    let options = [(libc::SO_PREFER_BUSY_POLL, 1), (libc::SO_BUSY_POLL, us)];
    for (option, value) in options {
        set(socket, libc::SOL_SOCKET, option, value)?;
    }
    // This one cannot be read back (sk_getsockopt in net/core/sock.c).
    set(socket, libc::SOL_SOCKET, libc::SO_BUSY_POLL_BUDGET, BUSY_BUDGET)?;
    for (option, value) in options {
        let given = get(socket, libc::SOL_SOCKET, option)?;
        if given != value {
            return Err(io::Error::other(format!("asked for {value}, the kernel has {given}")));
        }
    }
    Ok(())
}

fn set(socket: BorrowedFd<'_>, level: c_int, option: c_int, value: u32) -> io::Result<()> {
    // SAFETY: the option's value is a `u32` that is alive during the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast::<c_void>(),
            size_of::<u32>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn get(socket: BorrowedFd<'_>, level: c_int, option: c_int) -> io::Result<u32> {
    let (mut value, mut len) = (0_u32, size_of::<u32>() as libc::socklen_t);
    // SAFETY: `value` and `len` are alive and writable, and `len` says how large `value`
    // is; the kernel writes no more.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw mut value).cast::<c_void>(),
            &raw mut len,
        )
    };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

/// Asks the kernel to send what lies in the transmit ring.
pub(super) fn kick_tx(socket: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::net::send(socket, &[], SendFlags::DONTWAIT).map(|_| ())
}

/// Wakes a driver whose need-wakeup flags are set.
pub(super) fn wake(socket: BorrowedFd<'_>) {
    let mut fds = [PollFd::from_borrowed_fd(socket, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    // What is ready does not matter here, and the next kick asks again.
    let _ = poll(&mut fds, Some(&at_once));
}

/// Tells a driver that waits for it that the fill ring has frames again. What
/// it answers does not matter: the next call asks again.
pub(super) fn kick_rx(socket: BorrowedFd<'_>) {
    let _ = rustix::net::recv(socket, &mut [0_u8; 0], RecvFlags::DONTWAIT);
}

/// Waits until every CPU has left the receive path it was in when this was
/// called. `MEMBARRIER_CMD_GLOBAL` is the kernel's `synchronize_rcu`, and XDP
/// programs with their redirects run inside one RCU section.
pub(super) fn wait_for_receive_paths() {
    // SAFETY: the call takes integers only.
    let result =
        unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL as c_int, 0, 0) };
    if result != 0 {
        // Refused where CPUs run without a tick; a receive path ends within
        // two ticks, or a few milliseconds.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the kernel says of a link.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkState {
    /// Somebody has set it up.
    pub(super) up: bool,
    /// It has a carrier.
    pub(super) running: bool,
}

/// The state of an interface; an error when there is none of that name.
pub(super) fn link_state(interface: &str) -> io::Result<LinkState> {
    let socket = any_socket()?;
    // SAFETY: ifreq is integers, byte arrays and a union of them; zero is valid.
    let mut request: libc::ifreq = unsafe { zeroed() };
    if interface.len() >= request.ifr_name.len() {
        return Err(Errno::NODEV.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from as c_char;
    }
    // SAFETY: the name ends with a zero byte, and `request` is alive and writable.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS, &raw mut request) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has written the flags member of the union.
    let flags = c_int::from(unsafe { request.ifr_ifru.ifru_flags });
    Ok(LinkState { up: flags & libc::IFF_UP != 0, running: flags & libc::IFF_RUNNING != 0 })
}

/// The index of an interface in this network namespace.
pub(super) fn interface_index(interface: &str) -> io::Result<u32> {
    Ok(rustix::net::netdevice::name_to_index(any_socket()?, interface)?)
}

/// A socket to ask about interfaces with.
fn any_socket() -> io::Result<OwnedFd> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    Ok(socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?)
}

/// Nanoseconds of CLOCK_MONOTONIC, for frames that no driver could stamp.
pub(super) fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
