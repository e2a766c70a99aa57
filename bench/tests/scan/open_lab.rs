//! A lab that stays open while several commands run in it, one after the other
//! or at once: `prtip-bench lab run … -- cat` ends when its input is closed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::lab::{Lab, wait, words};
use crate::release::binary;

/// The open lab; dropping it takes it down.
#[derive(Debug)]
pub(crate) struct OpenLab {
    child: Option<Child>,
    reader: Option<JoinHandle<()>>,
    scan_pid: String,
    far_pid: String,
}

/// One of the two namespaces.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    /// Where scanners run.
    Scan,
    /// Where answers come from.
    Far,
}

impl OpenLab {
    /// Opens it and waits until the far end answers. `more` are further arguments
    /// of `lab run`.
    pub(crate) fn open(lab: Lab, more: &[&OsStr]) -> Self {
        let mut child = Command::new(binary("prtip-bench"))
            .args(["lab", "run"])
            .args(words(lab.rules))
            .args(words(lab.link))
            .args(more)
            .args(["--", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut told = String::new();
        // The line that the lab says once everything stands.
        let (scan_pid, far_pid) = loop {
            let Some(Ok(line)) = lines.next() else { panic!("the lab does not start: {told}") };
            let pid = |before: &str| {
                let after = line.split_once(before)?.1;
                let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
                Some(after[..digits].to_owned())
            };
            if let (Some(scan), Some(far)) =
                (pid("scan0 in net namespace of pid "), pid("lab0 of pid "))
            {
                break (scan, far);
            }
            told += &line;
        };
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                println!("{line}");
            }
        });
        Self { child: Some(child), reader: Some(reader), scan_pid, far_pid }
    }

    /// A process in the scanner's namespace.
    pub(crate) fn scan_pid(&self) -> &str {
        &self.scan_pid
    }

    fn pid(&self, side: Side) -> &str {
        match side {
            Side::Scan => &self.scan_pid,
            Side::Far => &self.far_pid,
        }
    }

    /// A command to run in a namespace; its process id is that of the program itself.
    pub(crate) fn command(&self, side: Side, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", self.pid(side), "-n"]);
        if let Side::Scan = side {
            // With the /sys of that namespace.
            command.arg("-m");
        }
        command.arg("--").arg(program).stdin(Stdio::null());
        command
    }

    /// `prtip` with the arguments of a line.
    pub(crate) fn prtip(&self, line: &str) -> Command {
        let mut command = self.command(Side::Scan, binary("prtip"));
        command.args(words(line));
        command
    }

    /// Standard output of a short command that must end well.
    pub(crate) fn output(&self, side: Side, line: &str) -> String {
        let mut all = words(line);
        let output = self.command(side, all.next().unwrap()).args(all).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a function on a thread that lives in a namespace.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        side: Side,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let namespace = File::open(format!("/proc/{}/ns/net", self.pid(side))).unwrap();
        std::thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            function()
        })
    }

    /// Takes the lab down; its exit code is that of `cat`.
    pub(crate) fn close(mut self) {
        let status = self.end().unwrap();
        assert!(status.success(), "the lab ended with {status}");
    }

    fn end(&mut self) -> Option<std::process::ExitStatus> {
        let mut child = self.child.take()?;
        drop(child.stdin.take());
        let status = wait(child, Duration::from_secs(20));
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        Some(status)
    }
}

impl Drop for OpenLab {
    fn drop(&mut self) {
        self.end();
    }
}
