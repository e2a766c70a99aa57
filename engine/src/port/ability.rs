//! What this process may do here, found out by doing it: capability masks lie
//! inside user namespaces. Nothing is attached, bound or left behind.

#![expect(unsafe_code, reason = "kernel ABI of bpf(2)")]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use socket2::{Domain, Protocol, Socket, Type};

/// Opens an AF_XDP socket.
pub(crate) fn open_xdp_socket() -> io::Result<()> {
    Socket::new(Domain::from(libc::AF_XDP), Type::RAW.cloexec(), None).map(drop)
}

/// Opens a packet socket that hears nothing.
pub(crate) fn open_packet_socket() -> io::Result<()> {
    Socket::new(Domain::PACKET, Type::RAW.cloexec(), None).map(drop)
}

/// Opens a raw IP socket that hears nothing.
pub(crate) fn open_raw_socket() -> io::Result<()> {
    let protocol = Protocol::from(libc::IPPROTO_RAW);
    Socket::new(Domain::IPV4, Type::RAW.cloexec(), Some(protocol)).map(drop)
}

/// Sets up an io_uring.
pub(crate) fn set_up_io_uring() -> io::Result<()> {
    io_uring::IoUring::new(2).map(drop)
}

/// The part of `union bpf_attr` that `BPF_PROG_LOAD` needs (`linux/bpf.h`); the
/// kernel takes what is missing at the end for zero.
#[repr(C)]
struct ProgramLoad {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buffer: u64,
    kernel_version: u32,
    flags: u32,
}
const _: () = assert!(size_of::<ProgramLoad>() == 48);

const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_PROG_TYPE_XDP: u32 = 6;

/// Loads an XDP program that passes everything, and lets it go again.
pub(crate) fn load_xdp_program() -> io::Result<()> {
    // r0 = XDP_PASS; exit. struct bpf_insn: code, registers, be/le offset, immediate.
    let pass: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 2, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
    let license = c"GPL";
    let attributes = ProgramLoad {
        program_type: BPF_PROG_TYPE_XDP,
        instruction_count: pass.len() as u32,
        instructions: pass.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buffer: 0,
        kernel_version: 0,
        flags: 0,
    };
    // SAFETY: the kernel reads the attributes, the two instructions and the license
    // string, all alive for the call and of the lengths given, and writes to none.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_PROG_LOAD,
            &raw const attributes,
            size_of::<ProgramLoad>() as libc::c_ulong,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us, and nobody else owns it.
    drop(unsafe { OwnedFd::from_raw_fd(fd as i32) });
    Ok(())
}
