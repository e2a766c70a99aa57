//! What the errors of AF_XDP mean: likely cause and remedy.

use std::io;

use prtip_bpf::holder::Holder;
use prtip_bpf::steer::{AttachMode, SteerError};
use rustix::io::Errno;

use crate::error::{Error, Kind};

const PRIVILEGES: &str =
    "run as root, or grant CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON";

/// The interface does not exist or is down.
pub(super) fn no_such_interface(interface: &str, source: io::Error) -> Error {
    Error::new(Kind::Usage, format!("find interface {interface}"))
        .because_of(source)
        .remedy("`ip link` lists the interfaces of this network namespace")
}

/// The interface is administratively down.
pub(super) fn interface_down(interface: &str) -> Error {
    Error::new(Kind::Failed, format!("use interface {interface}"))
        .cause("it is down")
        .remedy(format!("ip link set {interface} up"))
}

/// More queues were asked for than there are, or none.
pub(super) fn bad_queue_count(interface: &str, asked: u32, available: u32) -> Error {
    Error::new(Kind::Usage, format!("bind {asked} receive queues of {interface}"))
        .cause(format!("it has {available}"))
        .remedy(format!("choose 1 to {available}, or leave the choice to prtip"))
}

/// The steering program was not loaded or attached, or its map refused a socket.
pub(super) fn steering(interface: &str, error: &SteerError) -> Error {
    let denied = error.is_denied();
    let what = format!("steer the replies of {interface}: {error}");
    match error {
        SteerError::Attach { mode, source, holder, .. } => {
            let code = source.raw_os_error();
            if matches!(code, Some(libc::EBUSY | libc::EEXIST)) {
                return match holder {
                    Some(holder) => held(interface, holder),
                    None => Error::new(Kind::Failed, what)
                        .cause("another XDP program held the interface a moment ago")
                        .remedy("try again"),
                };
            }
            let kind = if denied { Kind::Denied } else { Kind::Failed };
            let error = Error::new(kind, what);
            if denied {
                return error.remedy(PRIVILEGES);
            }
            match (code, mode) {
                (Some(libc::ENOSPC), _) => error
                    .cause("its peer has more transmit queues than it has receive queues")
                    .remedy(format!(
                        "ethtool -L {interface} raises the queues; or --xdp-mode generic"
                    )),
                (Some(libc::ERANGE), _) => error
                    .cause("its MTU is too large for XDP in this driver")
                    .remedy("a smaller MTU, --xdp-mode generic, or --port-engine packet"),
                (Some(libc::EOPNOTSUPP), AttachMode::Native) => error
                    .cause(
                        "its driver has no native XDP, or an offload such as LRO stands against it",
                    )
                    .remedy("--xdp-mode generic, or --port-engine packet"),
                _ => error.remedy("--port-engine packet does without XDP"),
            }
        }
        _ if denied => Error::new(Kind::Denied, what).remedy(PRIVILEGES),
        SteerError::Load { .. } => Error::new(Kind::Denied, what)
            .cause("this kernel's verifier or configuration refuses it")
            .remedy("Linux 5.18 or newer with CONFIG_XDP_SOCKETS; or --port-engine packet"),
        _ => Error::new(Kind::Failed, what).remedy("--port-engine packet does without XDP"),
    }
}

/// Another XDP program holds the interface.
pub(super) fn held(interface: &str, holder: &Holder) -> Error {
    let remedy = if holder.link_id.is_none() {
        format!("ip link set {interface} xdp off takes it off; or --port-engine packet")
    } else {
        "end that process; or --port-engine packet, which shares the interface".to_owned()
    };
    Error::new(Kind::Failed, format!("attach the steering program to {interface}"))
        .cause(format!("the interface is held by {holder}"))
        .remedy(remedy)
}

/// A socket could not be bound.
pub(super) fn binding(interface: &str, queue: u32, mode: &str, source: io::Error) -> Error {
    let code = source.raw_os_error();
    let denied = matches!(code, Some(libc::EPERM | libc::EACCES));
    let missing = matches!(code, Some(libc::EAFNOSUPPORT));
    let kind = if denied || missing { Kind::Denied } else { Kind::Failed };
    let error = Error::new(
        kind,
        format!("bind an AF_XDP socket to {interface} queue {queue} in {mode} mode"),
    )
    .because_of(source);
    match code {
        _ if denied => error.remedy(PRIVILEGES),
        Some(libc::EAFNOSUPPORT) => error
            .cause("this kernel has no AF_XDP")
            .remedy("a kernel with CONFIG_XDP_SOCKETS; or --port-engine packet"),
        Some(libc::EBUSY) => error
            .cause("another socket holds the queue")
            .remedy("end the other AF_XDP program; or --port-engine packet"),
        Some(libc::EINVAL) => error
            .cause("the interface has no such queue, or the driver refuses the UMEM")
            .remedy("fewer --queues; or --port-engine packet"),
        Some(libc::ENETDOWN) => interface_down(interface),
        Some(libc::ENOBUFS | libc::ENOMEM) => error
            .cause("the limit on locked memory, or memory itself, is too small for the frames")
            .remedy("ulimit -l unlimited, CAP_IPC_LOCK, or fewer --queues"),
        _ => error.remedy("--port-engine packet does without AF_XDP"),
    }
}

/// The sockets cannot poll the card themselves.
pub(super) fn no_busy_poll(interface: &str, source: io::Error) -> Error {
    Error::new(Kind::Denied, format!("set busy polling on the sockets of {interface}"))
        .because_of(source)
        .remedy("Linux 5.11 or newer and CAP_NET_ADMIN; or leave out --busy-poll")
}

/// Zero-copy was asked for and is not to be had.
pub(super) fn no_zerocopy(interface: &str, driver: &str, reason: &str) -> Error {
    Error::new(Kind::Denied, format!("bind AF_XDP sockets to {interface} in zero-copy mode: {reason}"))
        .cause(format!("the driver {driver} has no zero-copy here"))
        .remedy("leave out --require-zerocopy, or use --xdp-mode copy; a card whose driver has AF_XDP zero-copy can do it")
}

/// The kernel refuses to send.
pub(in crate::port) fn sending(interface: &str, errno: Errno) -> Error {
    let error = Error::new(Kind::Failed, format!("send on {interface}")).because_of(errno.into());
    match errno {
        Errno::NETDOWN => error
            .cause("the interface went down")
            .remedy(format!("ip link set {interface} up, then scan again")),
        Errno::NXIO | Errno::NODEV => error.cause("the interface is gone"),
        _ => error,
    }
}
