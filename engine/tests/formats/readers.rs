//! Other people's readers of our formats: programs from Debian, and what
//! `scripts/install-readers.sh` keeps under `target/readers`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Holds Parquet against CSV, every row and field, and the types against those that are to
/// be; the rows of `pyarrow`, which is Parquet's own reader for Python.
#[allow(dead_code, reason = "not every test program writes tables")]
pub(crate) const TABLE: &str = r#"
import csv, re, sys
import pyarrow.parquet as parquet
typed = {'uint16': ['sport', 'dport', 'window'], 'uint32': ['seqnum', 'acknum', 'timestamp_us'],
         'uint8': ['ttl'], 'bool': ['success', 'repeat', 'cooldown'],
         'int64': ['timestamp_ts', 'rtt_us'], 'timestamp[us, tz=UTC]': ['timestamp_str']}
types = {name: kind for kind, names in typed.items() for name in names}
def written(value):
    if value is None: return ''
    if isinstance(value, bool): return str(int(value))
    if hasattr(value, 'isoformat'): return value.strftime('%Y-%m-%dT%H:%M:%S.%fZ')
    return str(value)
head, *rows = csv.reader(open(sys.argv[1], newline=''))
file = parquet.ParquetFile(sys.argv[2])
table = file.read()
assert table.column_names == head, table.column_names
for column, (name, values) in enumerate(zip(head, table.columns)):
    assert str(values.type) == types.get(name, 'string'), (name, values.type)
    values = [written(value) for value in values.to_pylist()]
    # A spreadsheet would take the first sign for a formula; nobody else does.
    texts = [re.sub(r'^\\x(3d|2b|2d|40)', lambda sign: chr(int(sign[1], 16)), row[column]) for row in rows]
    assert values == texts, next(pair for pair in zip(values, texts) if pair[0] != pair[1])
print(table.num_rows, file.num_row_groups, table.schema.metadata[b'prtip.stopped'].decode())
"#;

/// The readers, all there.
pub(crate) struct Readers {
    folder: PathBuf,
}

impl Readers {
    /// `None` where one is missing, which is said, and which fails where `CI` is set.
    pub(crate) fn of(test: &str) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/readers");
        let kept = ["nmap/nmap.dtd", "nmap/ndiff", "python/bin/python", "node/node_modules"];
        let lacking = kept.into_iter().find(|name| !folder.join(name).exists());
        let programs = ["xmllint", "jq", "node"];
        let lacking = lacking.or_else(|| {
            programs.into_iter().find(|program| {
                let mut command = Command::new(program);
                command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
                !command.status().is_ok_and(|status| status.success())
            })
        });
        if let Some(lacking) = lacking {
            let ci = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
            assert!(!ci, "{test} is required: {lacking} is missing");
            println!("SKIPPED: {test}: needs {lacking}: make test-deps");
            return None;
        }
        Some(Self { folder })
    }

    /// Whether XML is valid against nmap's DTD, and what xmllint says.
    pub(crate) fn validates(&self, xml: &Path) -> (bool, String) {
        let mut command = Command::new("xmllint");
        command.args(["--noout", "--huge", "--nonet", "--dtdvalid"]);
        let output = command.arg(self.folder.join("nmap/nmap.dtd")).arg(xml).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// What ndiff says of two scans: 0 equal, 1 different.
    #[allow(dead_code, reason = "not every test program compares scans")]
    pub(crate) fn ndiff(&self, one: &Path, other: &Path) -> Output {
        let mut command = Command::new(self.folder.join("python/bin/python"));
        command.arg(self.folder.join("nmap/ndiff")).env("PYTHONPATH", self.folder.join("nmap"));
        command.args([one, other]).output().unwrap()
    }

    /// Standard output of a Python program that must end well.
    pub(crate) fn python(&self, program: &str, arguments: &[&Path]) -> String {
        let mut command = Command::new(self.folder.join("python/bin/python"));
        finished(command.args(["-c", program]).args(arguments))
    }

    /// Whether pyarrow takes a file for Parquet, and what it says.
    #[allow(dead_code, reason = "not every test program writes tables")]
    pub(crate) fn takes_for_parquet(&self, path: &Path) -> (bool, String) {
        let mut command = Command::new(self.folder.join("python/bin/python"));
        command.args(["-c", "import sys, pyarrow.parquet as p; p.read_table(sys.argv[1])"]);
        let output = command.arg(path).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Standard output of a JavaScript program that must end well; `require` finds the
    /// packages kept.
    #[allow(dead_code, reason = "not every test program reads histograms")]
    pub(crate) fn node(&self, program: &str, arguments: &[&Path]) -> String {
        let mut command = Command::new("node");
        command.args(["-e", program]).args(arguments);
        finished(command.env("NODE_PATH", self.folder.join("node/node_modules")))
    }

    /// Standard output of jq for the JSON texts in `input`, which must all be sound.
    pub(crate) fn jq(&self, filter: &str, input: &[u8]) -> String {
        let mut jq = Command::new("jq")
            .args(["-c", filter])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = jq.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input));
            jq.wait_with_output().unwrap()
        });
        assert!(output.status.success(), "jq refuses it");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn finished(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
    String::from_utf8(output.stdout).unwrap()
}
