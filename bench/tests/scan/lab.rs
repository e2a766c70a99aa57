//! One command inside a lab of its own: `prtip-bench lab run … -- prtip …`, what
//! it wrote, what the lab counted, and what the judge says.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::release::binary;
use crate::setting::sized;

/// No run of these tests takes longer.
fn limit() -> Duration {
    Duration::from_secs(sized(300, 1800))
}

/// What the lab is to be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lab {
    /// Flags of `lab run` that `lab check` takes too.
    pub(crate) rules: &'static str,
    /// Its other flags: `--queues`, `--mtu`.
    pub(crate) link: &'static str,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// File of its standard output.
    pub(crate) results: PathBuf,
    /// Standard error of the command and of the lab.
    pub(crate) words: String,
    /// What the lab counted.
    pub(crate) stats: Value,
    _folder: TempDir,
}

/// What `lab check` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) code: Option<i32>,
    pub(crate) missed: u64,
    pub(crate) invented: u64,
    pub(crate) repeated: u64,
    pub(crate) wrong: u64,
    /// Pairs that were to be found.
    pub(crate) expected: u64,
}

impl Verdict {
    /// That of results that are the truth, of which there is as much as in this one.
    pub(crate) fn clean(self) -> Self {
        let expected = self.expected;
        Self { code: Some(0), missed: 0, invented: 0, repeated: 0, wrong: 0, expected }
    }

    /// Whether nothing was told that is not so.
    pub(crate) fn nothing_false(&self) -> bool {
        (self.invented, self.repeated, self.wrong) == (0, 0, 0)
    }
}

/// The words of a line.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
}

impl Lab {
    /// Runs `prtip` with the arguments of a line.
    pub(crate) fn scan(self, line: &str) -> Ended {
        self.scan_with(line, &[])
    }

    /// The same with an environment.
    pub(crate) fn scan_with(self, line: &str, environment: &[(&str, &str)]) -> Ended {
        let mut command = vec![binary("prtip").into_os_string()];
        command.extend(words(line).map(OsString::from));
        self.run(&command, environment)
    }

    /// Runs a command.
    pub(crate) fn run(self, command: &[OsString], environment: &[(&str, &str)]) -> Ended {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (results, words_file, stats) = (at("results"), at("words"), at("stats"));
        let child = Command::new(binary("prtip-bench"))
            .args(["lab", "run"])
            .args(words(self.rules))
            .args(words(self.link))
            .arg("--stats")
            .arg(&stats)
            .arg("--")
            .args(command)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(File::create(&results).unwrap())
            .stderr(File::create(&words_file).unwrap())
            .spawn()
            .unwrap();
        let status = wait(child, limit());
        let words = std::fs::read_to_string(&words_file).unwrap();
        println!("{words}");
        let stats = std::fs::read(&stats).unwrap_or_default();
        Ended {
            code: status.code(),
            results,
            words,
            stats: serde_json::from_slice(&stats).unwrap_or_default(),
            _folder: folder,
        }
    }

    /// Compares results with the truth; `asked` says `--targets` and `--ports`.
    pub(crate) fn check(self, asked: &str, results: &Path) -> Verdict {
        self.check_states(asked, results, "open,closed")
    }

    /// The same for these states.
    pub(crate) fn check_states(self, asked: &str, results: &Path, states: &str) -> Verdict {
        let output = Command::new(binary("prtip-bench"))
            .args(["lab", "check", "--states", states])
            .args(words(self.rules))
            .args(words(asked))
            .arg(results)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let explained = String::from_utf8(output.stderr).unwrap();
        println!("{explained}{told}");
        let count = |name: &str| -> u64 {
            let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_else(|| panic!("no {name} in {told:?}")).parse().unwrap()
        };
        let expected = explained.split_once(" pairs ").unwrap().1;
        Verdict {
            code: output.status.code(),
            missed: count("missed"),
            invented: count("invented"),
            repeated: count("repeated"),
            wrong: count("wrong"),
            expected: expected.split_once(' ').unwrap().0.parse().unwrap(),
        }
    }
}

impl Ended {
    /// All records of a type.
    pub(crate) fn records(&self, kind: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.results).unwrap();
        let wanted = format!("\"type\":\"{kind}\"");
        text.lines()
            .filter(|line| line.contains(&wanted))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The ledger.
    pub(crate) fn ledger(&self) -> Value {
        self.records("ledger").pop().expect("a scan ends with its ledger")
    }

    /// One number of the ledger.
    pub(crate) fn booked(&self, name: &str) -> u64 {
        let ledger = self.ledger();
        ledger[name].as_u64().unwrap_or_else(|| panic!("no {name} in {ledger}"))
    }

    /// One of the lab's counters.
    pub(crate) fn counted(&self, name: &str) -> u64 {
        let counters = &self.stats["counters"];
        counters[name].as_u64().unwrap_or_else(|| panic!("no {name} in {counters}"))
    }
}

/// Waits for a process; one that does not end in time is told to, and then made to.
pub(crate) fn wait(mut child: Child, limit: Duration) -> ExitStatus {
    let pid = Pid::from_child(&child);
    for (limit, next) in [(limit, Signal::TERM), (Duration::from_secs(10), Signal::KILL)] {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = kill_process(pid, next);
    }
    child.wait().unwrap()
}
