//! Loads the programs of the benchmarks, `bench.bpf.c`, with aya: a far end that
//! drops, and a near end that hands every packet to the AF_XDP socket of its queue.
//!
//! They judge nothing. What answers the probes of a benchmark is the lab's far
//! end, and what picks the engine's replies out is the steering program of a scan.

use std::fs::File;
use std::os::fd::AsRawFd;

use aya::maps::{DevMap, XskMap};
use aya::programs::xdp::{Xdp, XdpMode};
use aya::programs::{TestRun, TestRunAttrs, TestRunOptions};
use aya::{Ebpf, EbpfLoader};

use crate::lab::LabError;
use crate::namespace::in_new_namespace;

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bench.bpf.o"));

/// One of the two programs, attached natively. Dropping it detaches it.
#[derive(Debug)]
pub struct BenchProgram(Ebpf);

impl BenchProgram {
    /// Drops every IP packet that `interface` receives.
    ///
    /// # Errors
    ///
    /// Without privileges, or when the driver refuses.
    pub fn drop_all(interface: &str) -> Result<Self, LabError> {
        Self::attach("bench_drop", interface)
    }

    /// Redirects every IP packet that `interface` receives to the socket of its
    /// queue ([`BenchProgram::set_socket`]); without one it passes.
    ///
    /// # Errors
    ///
    /// As for [`BenchProgram::drop_all`].
    pub fn redirect_all(interface: &str) -> Result<Self, LabError> {
        Self::attach("bench_redirect", interface)
    }

    fn attach(name: &'static str, interface: &str) -> Result<Self, LabError> {
        let mut ebpf = EbpfLoader::new().load(OBJECT)?;
        let program = ebpf.program_mut(name).ok_or(LabError::Missing(name))?;
        let program: &mut Xdp = program.try_into()?;
        program.load()?;
        program.attach(interface, XdpMode::Driver)?;
        Ok(Self(ebpf))
    }

    /// Makes `socket` the socket of receive queue `queue`.
    ///
    /// # Errors
    ///
    /// When the socket is not bound to that queue.
    pub fn set_socket(&mut self, queue: u32, socket: impl AsRawFd) -> Result<(), LabError> {
        const MAP: &str = "bare_sockets";
        let map = self.0.map_mut(MAP).ok_or(LabError::Missing(MAP))?;
        XskMap::try_from(map)
            .and_then(|mut map| map.set(queue, socket, 0))
            .map_err(|error| LabError::Map(MAP, error))
    }
}

/// The limit of live frames: one constant frame, sent by redirect as often as asked
/// for, written by nobody and counted by nobody.
#[derive(Debug)]
pub struct ConstantFrames {
    ebpf: Ebpf,
    frame: Vec<u8>,
    /// Keeps the program in the kernel's dispatcher, as the engine does: a call that
    /// has to put it there takes 24 ms more.
    _namespace: File,
}

impl ConstantFrames {
    const PROGRAM: &'static str = "bench_constant";

    /// Frames out of interface `ifindex` of this thread's namespace.
    ///
    /// # Errors
    ///
    /// Without privileges, or when the kernel refuses.
    pub fn new(ifindex: u32, frame: &[u8]) -> Result<Self, LabError> {
        const MAP: &str = "bare_way_out";
        let mut ebpf = EbpfLoader::new().load(OBJECT)?;
        let map = ebpf.map_mut(MAP).ok_or(LabError::Missing(MAP))?;
        DevMap::try_from(map)
            .map_err(|error| LabError::Map(MAP, error))?
            .set(0, ifindex, None, 0)
            .map_err(|error| LabError::XdpMap(MAP, error))?;
        let program = ebpf.program_mut(Self::PROGRAM).ok_or(LabError::Missing(Self::PROGRAM))?;
        let program: &mut Xdp = program.try_into()?;
        program.load()?;
        let attach = || program.attach("lo", XdpMode::Skb);
        let (_, namespace) = in_new_namespace(attach)?;
        Ok(Self { ebpf, frame: frame.to_vec(), _namespace: namespace })
    }

    /// Sends `count` frames in one call.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn send(&mut self, count: u32) -> Result<u64, LabError> {
        let program =
            self.ebpf.program_mut(Self::PROGRAM).ok_or(LabError::Missing(Self::PROGRAM))?;
        let program: &mut Xdp = program.try_into()?;
        program.test_run(TestRunOptions {
            data_in: Some(&self.frame),
            repeat: count,
            attrs: TestRunAttrs::new().xdp_live_frames(64),
            ..TestRunOptions::new()
        })?;
        Ok(count.into())
    }
}
