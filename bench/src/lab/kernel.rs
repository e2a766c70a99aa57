//! The few system calls of the lab that no safe wrapper offers: forking the
//! keeper, waiting for signals with their origin, namespaces, one ethtool
//! request. All `unsafe` of the lab but the AF_XDP sockets' lives here.
#![expect(
    unsafe_code,
    reason = "system calls without a safe wrapper, see the module's first lines"
)]

use std::io;
use std::mem::zeroed;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// A signal and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its number.
    pub number: i32,
    /// The process that sent it; `None` where the kernel did: a terminal's
    /// Ctrl-C, which reaches every process of the foreground group by itself.
    pub sender: Option<i32>,
}

/// The signals that the lab and its keeper wait for instead of dying of them.
const WAITED: [i32; 6] =
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGCHLD, KEEPER_IS_ORPHANED];

/// What the kernel sends to the keeper when the lab's process has died.
pub const KEEPER_IS_ORPHANED: i32 = libc::SIGUSR2;

fn waited_set() -> libc::sigset_t {
    // SAFETY: sigset_t is plain data that sigemptyset initialises, and both
    // functions only write to the set that is passed.
    unsafe {
        let mut set = zeroed();
        libc::sigemptyset(&raw mut set);
        for number in WAITED {
            libc::sigaddset(&raw mut set, number);
        }
        set
    }
}

/// Blocks the waited signals in this thread and in those that it starts.
pub fn block_signals() {
    let set = waited_set();
    // SAFETY: the set is initialised; the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
}

/// The next waited signal, or `None` after `timeout`.
pub fn next_signal(timeout: Duration) -> Option<Signal> {
    let set = waited_set();
    let timeout = libc::timespec {
        tv_sec: timeout.as_secs() as libc::time_t,
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: siginfo_t is plain data, written by the call; all three pointers
    // are to live values.
    let (number, info) = unsafe {
        let mut info: libc::siginfo_t = zeroed();
        let number = libc::sigtimedwait(&raw const set, &raw mut info, &raw const timeout);
        (number, info)
    };
    // SAFETY: a code of 0 or less says that a process sent the signal, which
    // fills in the sender.
    let sender = || (info.si_code <= 0).then(|| unsafe { info.si_pid() });
    (number > 0).then(|| Signal { number, sender: sender() })
}

/// Forks; `Some(pid)` in the parent, `None` in the child.
///
/// # Errors
///
/// Where there is more than one thread: a forked child has only the caller, and
/// whatever lock another one held stays locked.
pub fn fork() -> io::Result<Option<i32>> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("fork with more than one thread"));
    }
    // SAFETY: this is the only thread (checked above), so the child's memory is
    // in a state that the program can go on from.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Some(pid)),
    }
}

/// What a process and the children that it waited for have used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    /// CPU time, user and system, in seconds.
    pub cpu_s: f64,
}

/// Collects the child `pid` where it has ended: how, and what it used.
///
/// # Errors
///
/// Where there is no such child.
pub fn wait_with_usage(pid: i32) -> io::Result<Option<(ExitStatus, Used)>> {
    let mut status = 0;
    // SAFETY: rusage is plain data, written by the call; both pointers are to live values.
    let (ended, usage) = unsafe {
        let mut usage: libc::rusage = zeroed();
        let ended = libc::wait4(pid, &raw mut status, libc::WNOHANG, &raw mut usage);
        (ended, usage)
    };
    match ended {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        _ => {
            let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
            let cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
            Ok(Some((ExitStatus::from_raw(status), Used { cpu_s })))
        }
    }
}

/// Moves this thread into new namespaces. Refused for file descriptors.
pub fn unshare(flags: UnshareFlags) -> io::Result<()> {
    if flags.contains(UnshareFlags::FILES) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    // SAFETY: the promise is not to unshare the table of file descriptors.
    Ok(unsafe { unshare_unsafe(flags) }?)
}

/// Makes the child die with this thread, with no signal blocked in it.
pub fn dies_with_us(command: &mut Command) -> &mut Command {
    // SAFETY: the closure makes two system calls and touches no memory of ours,
    // which is all that is allowed between fork and exec.
    unsafe {
        command.pre_exec(|| {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            let mut none: libc::sigset_t = zeroed();
            libc::sigemptyset(&raw mut none);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
            Ok(())
        })
    }
}

/// Lets this thread run before all ordinary ones: what keeps time must not wait
/// for a scanner that fills every processor.
pub fn run_first() -> io::Result<()> {
    let priority = libc::sched_param { sched_priority: 1 };
    // SAFETY: the parameters are a live, initialised value; 0 is this thread.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Turns generic receive offload on, which gives a veth its receive poll: without
/// it, frames redirected to a veth that has no XDP program are dropped.
pub fn enable_gro(interface: &str) -> io::Result<()> {
    const ETHTOOL_SGRO: u32 = 0x2c;
    const SIOCETHTOOL: libc::c_ulong = 0x8946;
    #[repr(C)]
    struct Value {
        command: u32,
        data: u32,
    }
    let socket = std::net::UdpSocket::bind(("127.0.0.1", 0))?;
    let mut value = Value { command: ETHTOOL_SGRO, data: 1 };
    // SAFETY: ifreq is plain data; the name is cut to leave its final zero, and
    // `value` outlives the call that reads it.
    let result = unsafe {
        let mut request: libc::ifreq = zeroed();
        let room = request.ifr_name.len() - 1;
        for (to, from) in request.ifr_name[..room].iter_mut().zip(interface.bytes()) {
            *to = from as libc::c_char;
        }
        request.ifr_ifru.ifru_data = (&raw mut value).cast();
        libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&socket), SIOCETHTOOL as _, &raw mut request)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A socket that sends whole frames out of an interface of this thread's namespace, past its
/// queueing discipline, and hears those of the Ethernet type `heard`; 0: none.
pub fn packet_socket(ifindex: u32, heard: u16) -> io::Result<std::os::fd::OwnedFd> {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    let check = |result: libc::c_int| match result {
        -1 => Err(io::Error::last_os_error()),
        other => Ok(other),
    };
    // SAFETY: plain system calls; the new descriptor is nobody else's, and the option and
    // the address are live, initialised values of the lengths given.
    unsafe {
        let fd = check(libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0))?;
        let socket = OwnedFd::from_raw_fd(fd);
        let on: libc::c_int = 1;
        check(libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_QDISC_BYPASS,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        ))?;
        let mut address: libc::sockaddr_ll = zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = heard.to_be();
        address.sll_ifindex = ifindex as i32;
        check(libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        ))?;
        Ok(socket)
    }
}
