//! A NATS server of our own on the loopback interface, and what it counts.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::lab::packages;
use crate::peak_memory::peak_kib;

/// How long it may take to start.
const START: Duration = Duration::from_secs(20);

/// A server; ends when it is dropped, and with this process.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    port: u16,
    monitor: u16,
    folder: PathBuf,
}

/// What the server has counted since it began.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Counts {
    pub(super) in_msgs: u64,
    pub(super) out_msgs: u64,
    pub(super) in_bytes: u64,
    pub(super) out_bytes: u64,
    /// Connections that did not read as fast as they were written to.
    pub(super) slow_consumers: u64,
    /// CPU time, seconds.
    #[serde(default)]
    pub(super) cpu_s: f64,
}

impl Server {
    /// Starts one that keeps its streams below `folder`, which is removed at the end.
    pub(super) fn start(program: Option<&Path>, folder: PathBuf) -> Result<Self> {
        let program = match program {
            Some(program) => program.to_owned(),
            None => packages::unpack(&["nats-server"])?.join("usr/sbin/nats-server"),
        };
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let (port, monitor) = (free_port()?, free_port()?);
        let log = folder.join("log");
        // It must not outlive us, however we end.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&program)
            .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string()])
            .args(["-m", &monitor.to_string(), "-sd"])
            .arg(folder.join("store"))
            .arg("-l")
            .arg(&log)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let mut server = Self { child, port, monitor, folder };
        let deadline = Instant::now() + START;
        while server.counts().is_err() || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = server.child.try_wait()?;
            ensure!(
                ended.is_none() && Instant::now() < deadline,
                "the NATS server does not start: {}",
                fs::read_to_string(&log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub(super) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(super) fn counts(&self) -> Result<Counts> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.monitor))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /varz HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let (_, body) = text.split_once("\r\n\r\n").context("what the server's monitor says")?;
        let mut counts: Counts = serde_json::from_str(body)?;
        counts.cpu_s = cpu_s(self.child.id())?;
        Ok(counts)
    }

    /// The most memory that it has had, MB.
    pub(super) fn peak_mb(&self) -> f64 {
        peak_kib(self.child.id()).unwrap_or(0) as f64 * 1024.0 / 1e6
    }

    /// Bytes of all its files.
    pub(super) fn disk_bytes(&self) -> u64 {
        below(&self.folder.join("store"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(what) if what.is_dir() => below(&entry.path()),
            Ok(what) => what.len(),
            Err(_) => 0,
        })
        .sum()
}

/// CPU time of a process, user and system, from /proc (ticks of 10 ms).
pub(super) fn cpu_s(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("/proc/PID/stat")?;
    let ticks = fields.split(' ').skip(11).take(2).filter_map(|text| text.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / rustix::param::clock_ticks_per_second() as f64)
}
