//! A NATS server in a namespace of its own, and labs that reach it.
//!
//! ```text
//!   hub namespace                     scanner's namespaces          far namespaces
//!   nats-server  hub0 ──── veth ──── mgmt0  prtip fleet work  scan0 ──── lab0
//!                hub1 ──── veth ──── mgmt0  prtip fleet work  scan0 ──── lab0
//! ```

use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::LAB;
use crate::lab::words;
use crate::open_lab::{OpenLab, Side};
use crate::release::binary;
use crate::setting::seed;

/// A NATS server in a namespace of its own, and labs that reach it.
pub(super) struct Fleet {
    hub: Child,
    server: Option<Child>,
    pub(super) labs: Vec<OpenLab>,
    program: PathBuf,
    pub(super) folder: TempDir,
    /// Further arguments of the server.
    pub(super) more: Vec<String>,
}

impl Fleet {
    pub(super) fn open(workers: usize, more: &[&str]) -> Self {
        let root = prtip_bench::lab::packages::unpack(&["nats-server"]).unwrap();
        let hub = Command::new("unshare").args(["--net", "sleep", "3600"]).spawn().unwrap();
        let mut fleet = Self {
            hub,
            server: None,
            labs: Vec::new(),
            program: root.join("usr/sbin/nats-server"),
            folder: tempfile::tempdir().unwrap(),
            more: more.iter().map(ToString::to_string).collect(),
        };
        fleet.until("the hub's namespace", |fleet| {
            let own = std::fs::read_link("/proc/self/ns/net").unwrap();
            std::fs::read_link(format!("/proc/{}/ns/net", fleet.hub.id())).is_ok_and(|of| of != own)
        });
        fleet.in_hub("ip link set lo up");
        for at in 0..workers {
            let lab = OpenLab::open(LAB, &[]);
            let (hub, worker) = (fleet.address(at), format!("198.19.254.{}", 4 * at + 2));
            let pid = lab.scan_pid();
            fleet.in_hub(&format!("ip link add hub{at} type veth peer name mgmt0 netns {pid}"));
            fleet.in_hub(&format!("ip addr add {hub}/30 dev hub{at}"));
            fleet.in_hub(&format!("ip link set hub{at} up"));
            lab.output(Side::Scan, &format!("ip addr add {worker}/30 dev mgmt0"));
            lab.output(Side::Scan, "ip link set mgmt0 up");
            fleet.labs.push(lab);
        }
        fleet.start_server();
        fleet
    }

    pub(super) fn address(&self, worker: usize) -> String {
        format!("198.19.254.{}", 4 * worker + 1)
    }

    fn in_hub(&self, line: &str) {
        let pid = self.hub.id().to_string();
        let status = Command::new("nsenter").args(["-n", "-t", &pid]).args(words(line)).status();
        assert!(status.unwrap().success(), "{line}");
    }

    pub(super) fn until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_so(self) {
            assert!(Instant::now() < deadline, "{what} does not come");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn start_server(&mut self) {
        let log = self.folder.path().join("nats.log");
        let pid = self.hub.id().to_string();
        let server = Command::new("nsenter")
            .args(["-n", "-t", &pid])
            .arg(&self.program)
            .args(["-js", "-a", "0.0.0.0", "-p", "4222", "-l"])
            .arg(&log)
            .arg("-sd")
            .arg(self.folder.path().join("store"))
            .args(&self.more)
            .spawn()
            .unwrap();
        self.server = Some(server);
        let ready = |fleet: &Self| {
            std::fs::read_to_string(fleet.folder.path().join("nats.log"))
                .is_ok_and(|text| text.matches("Server is ready").count() > 0)
        };
        self.until("the NATS server", ready);
    }

    /// SIGKILL: what it had not written is lost.
    pub(super) fn kill_server(&mut self) {
        let mut server = self.server.take().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
        std::fs::remove_file(self.folder.path().join("nats.log")).unwrap();
    }

    /// `prtip fleet …` in the namespace of a worker.
    pub(super) fn prtip(&self, worker: usize, line: &str) -> Command {
        let mut command = self.labs[worker].command(Side::Scan, binary("prtip"));
        let scheme = if self.more.iter().any(|arg| arg == "--tls") { "tls" } else { "nats" };
        command.env("NATS_URL", format!("{scheme}://{}:4222", self.address(worker)));
        command.arg("fleet").args(words(line));
        command
    }

    pub(super) fn work(&self, worker: usize, line: &str) -> Child {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join(format!("worker.{worker}")))
            .unwrap();
        self.prtip(worker, &format!("work --allow 198.18.0.0/15 --name w{worker} {line}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    pub(super) fn words_of(&self, worker: usize) -> String {
        let path = self.folder.path().join(format!("worker.{worker}"));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    pub(super) fn said(&self, worker: usize, line: &str) -> (Option<i32>, String, String) {
        let output = self.prtip(worker, line).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    pub(super) fn submit(&self, job: &str, more: &str, scan: &str) {
        let line = format!("submit --name {job} {more} -- {scan} --seed {} --cooldown 1", seed());
        let (code, told, words) = self.said(0, &line);
        assert_eq!((code, told.trim()), (Some(0), job), "{words}");
    }

    pub(super) fn status(&self, job: &str) -> Option<Value> {
        let (code, told, _) = self.said(0, &format!("status {job} --json"));
        (code == Some(0)).then(|| serde_json::from_str(&told).unwrap())
    }

    /// What was collected, in a file.
    pub(super) fn collect(&self, job: &str) -> (Option<i32>, PathBuf, String) {
        let path = self.folder.path().join(format!("{job}.jsonl"));
        let output = self
            .prtip(0, &format!("collect {job} --json"))
            .stdout(File::create(&path).unwrap())
            .output()
            .unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        println!("{words}");
        (output.status.code(), path, words)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in self.server.iter_mut().chain([&mut self.hub]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
