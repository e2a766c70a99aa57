//! What a driver says of itself through the ethtool ioctls: its name and how
//! many channels it runs. `/sys/class/net` would tell the same, but only of the
//! network namespace that mounted it.

#![expect(unsafe_code, reason = "kernel ABI of SIOCETHTOOL")]

use std::ffi::c_char;
use std::mem::zeroed;
use std::os::fd::AsRawFd;

use socket2::{Domain, Socket, Type};

/// `struct ethtool_channels` of `linux/ethtool.h`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Channels {
    cmd: u32,
    max_rx: u32,
    max_tx: u32,
    max_other: u32,
    max_combined: u32,
    rx_count: u32,
    tx_count: u32,
    other_count: u32,
    combined_count: u32,
}
const _: () = assert!(size_of::<Channels>() == 36);

/// `struct ethtool_drvinfo` of `linux/ethtool.h`.
#[repr(C)]
#[derive(Clone, Copy)]
struct DriverInfo {
    cmd: u32,
    driver: [u8; 32],
    version: [u8; 32],
    firmware: [u8; 32],
    bus: [u8; 32],
    rest: [u8; 64],
}
const _: () = assert!(size_of::<DriverInfo>() == 196);

const ETHTOOL_GDRVINFO: u32 = 0x0000_0003;
const ETHTOOL_GCHANNELS: u32 = 0x0000_003c;

/// Receive queues in use on the interface, `None` where the driver does not say.
pub(crate) fn rx_queues(interface: &str) -> Option<u32> {
    // SAFETY: integers only; zero is valid.
    let mut channels: Channels = unsafe { zeroed() };
    channels.cmd = ETHTOOL_GCHANNELS;
    ask(interface, &mut channels).then(|| channels.rx_count + channels.combined_count)
}

/// Name of the driver, `None` where there is none to ask.
pub(crate) fn driver(interface: &str) -> Option<String> {
    driver_info(interface).map(|info| text(&info.driver))
}

/// Where the card sits on its bus, for PCI such as `0000:01:00.0`.
pub(crate) fn bus_place(interface: &str) -> Option<String> {
    driver_info(interface).map(|info| text(&info.bus))
}

fn driver_info(interface: &str) -> Option<DriverInfo> {
    // SAFETY: integers only; zero is valid.
    let mut info: DriverInfo = unsafe { zeroed() };
    info.cmd = ETHTOOL_GDRVINFO;
    ask(interface, &mut info).then_some(info)
}

fn text(bytes: &[u8]) -> String {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// Structures of SIOCETHTOOL that begin with their command.
trait Command: Copy {}
impl Command for Channels {}
impl Command for DriverInfo {}

fn ask<T: Command>(interface: &str, command: &mut T) -> bool {
    let Ok(socket) = Socket::new(Domain::IPV4, Type::DGRAM.cloexec(), None) else { return false };
    // SAFETY: ifreq is integers, byte arrays and a union of them; zero is valid.
    let mut request: libc::ifreq = unsafe { zeroed() };
    if interface.len() >= request.ifr_name.len() {
        return false;
    }
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from as c_char;
    }
    request.ifr_ifru.ifru_data = (command as *mut T).cast();
    // SAFETY: the name ends with a zero byte; `command` is alive and writable, and is
    // the structure that its first word says, whose size the kernel knows.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    result == 0
}
