//! `prtip-bench os`: fingerprints of operating systems against all systems of a database,
//! beside the published rule followed system by system and test by test; and what loading
//! a database takes.
//!
//! Without a file the database is made up, as large as nmap's and about as varied.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use clap::Args;
use prtip_signatures::os::comparison::{Score, compare};
use prtip_signatures::os::notation::Family;
use prtip_signatures::os::{Database, Fingerprint, Limits, sample};

use crate::benchmark::{BenchArgs, Row, Setup, Table, Target};
use crate::paired::{Comparison, Side, interleave};

/// Systems of the database that is made up.
const SYSTEMS: usize = 5678;

/// Fingerprints that are matched, drawn from as many systems of the database.
const HOSTS: usize = 64;

/// Most that one fingerprint may take, in microseconds.
const MATCH_US: f64 = 100.0;

/// Most that loading may take, in milliseconds.
const LOAD_MS: f64 = 150.0;

/// `prtip-bench os`.
#[derive(Clone, Debug, Args)]
pub struct OsArgs {
    #[command(flatten)]
    bench: BenchArgs,
    /// A file in the format of nmap-os-db, instead of one made up
    #[arg(long, value_name = "FILE")]
    os_db: Option<PathBuf>,
}

/// Runs the benchmark.
///
/// # Errors
/// A file that cannot be read, and matches that are not those of the plain rule.
pub fn run(args: &OsArgs) -> Result<()> {
    let mut table = Table::new(&args.bench).over("one thread");
    // `over` is for links that the aims are not for; these hold anywhere.
    table.with_aims();
    let (name, bytes) = match &args.os_db {
        Some(file) => ("the user's file", fs::read(file)?),
        None => ("a database made up", made_up(&mut sample::dice(1)).into_bytes()),
    };
    let database = Database::read(&bytes).map_err(|faults| anyhow!("{faults}"))?;
    let mut draw = sample::dice(7);
    let systems = database.systems();
    let hosts: Vec<Fingerprint> = (0..HOSTS)
        .map(|at| {
            sample::host(&database, &systems[at * systems.len() / HOSTS], Family::V4, &mut draw)
        })
        .collect();
    agree(&database, &hosts)?;
    let setup = Setup {
        port_engine: "none".to_owned(),
        xdp_mode: None,
        packet: format!("{} systems of {name}, {HOSTS} hosts drawn from them", systems.len()),
    };
    let mut row = |row: &str, unit, vs: &str, pairs: &[(f64, f64)], target| {
        table.print(&Row {
            bench: "os",
            row: format!("{name}: {row}"),
            unit,
            vs: vs.to_owned(),
            compared: Comparison::of(pairs),
            target: Some(target),
            setup: setup.clone(),
            note: None,
        })
    };
    let mut scratch = database.os_scratch();
    let mut ours = || {
        let started = Instant::now();
        for host in &hosts {
            black_box(database.best(&mut scratch, black_box(host), Limits::default()));
        }
        started.elapsed().as_secs_f64() * 1e6 / HOSTS as f64
    };
    let plainly = || {
        let started = Instant::now();
        for host in &hosts[..4] {
            black_box(plain(&database, black_box(host)));
        }
        started.elapsed().as_secs_f64() * 1e6 / 4.0
    };
    let pairs = interleave(args.bench.pairs, |side| {
        anyhow::Ok(match side {
            Side::Ours => 1e6 / ours(),
            Side::Theirs => 1e6 / plainly(),
        })
    })?;
    let vs = "each system's tests in turn, as the rule is published";
    row("hosts matched", "hosts/s", vs, &pairs, Target::AtLeast(20.0))?;
    let pairs = interleave(args.bench.pairs, |side| {
        anyhow::Ok(if side == Side::Ours { ours() } else { MATCH_US })
    })?;
    row("one host", "us", "limit", &pairs, Target::AtMost(1.0))?;
    let pairs = interleave(args.bench.pairs, |side| {
        if side == Side::Theirs {
            return Ok(LOAD_MS);
        }
        let started = Instant::now();
        black_box(Database::read(black_box(&bytes)).map_err(|faults| anyhow!("{faults}"))?);
        anyhow::Ok(started.elapsed().as_secs_f64() * 1e3)
    })?;
    row("the database loaded", "ms", "limit", &pairs, Target::AtMost(1.0))
}

/// The best system by the plain rule, of equal ones the first.
fn plain(database: &Database, host: &Fingerprint) -> Option<(usize, Score)> {
    let mut best: Option<(usize, Score)> = None;
    for (at, system) in database.systems().iter().enumerate() {
        let score = compare(database, system, host, |_| ());
        let better = |best: Score| {
            u64::from(score.won) * u64::from(best.possible)
                > u64::from(best.won) * u64::from(score.possible)
        };
        if score.possible > 0 && best.is_none_or(|(_, best)| better(best)) {
            best = Some((at, score));
        }
    }
    best
}

fn agree(database: &Database, hosts: &[Fingerprint]) -> Result<()> {
    let mut scratch = database.os_scratch();
    for host in hosts {
        let best = database.best(&mut scratch, host, Limits::default());
        let ours = best.candidates.first().map(|one| (usize::from(one.system), one.score));
        ensure!(ours == plain(database, host), "not what the plain rule says:\n{host}");
    }
    Ok(())
}

/// A database of as many systems as nmap's, with lines that often repeat.
fn made_up(dice: &mut impl FnMut(u64) -> u64) -> String {
    let tcp = "R=80%DF=15%T=20%TG=20%W=20%S=15%A=15%F=25%O=15%RD=20%Q=20";
    let mut text = "MatchPoints\nSEQ(SP=20%GCD=60%ISR=20%TI=99%CI=60%II=90%SS=60%TS=70)\n\
                    OPS(O1=20%O2=20%O3=20%O4=20%O5=20%O6=20)\n\
                    WIN(W1=15%W2=15%W3=15%W4=15%W5=15%W6=15)\n\
                    ECN(R=80%DF=15%T=20%TG=20%W=10%O=20%CC=70%Q=20)\n"
        .to_owned();
    for line in 1..=7 {
        let _ = writeln!(text, "T{line}({tcp})");
    }
    text += "U1(R=40%DF=15%T=20%TG=20%IPL=80%UN=70%RIPL=80%RID=80%RIPCK=80%RUCK=80%RUD=80)\n\
             IE(R=40%DFI=40%T=20%TG=20%CD=80)\n";
    for system in 0..SYSTEMS {
        let (ttl, guess) =
            [("3B-45", "40"), ("7B-85", "80"), ("FA-104", "FF"), ("1B-25", "20")][dice(4) as usize];
        let reached = format!("T={ttl}%TG={guess}");
        let (low, rate) = (dice(240), dice(240));
        let window = ["FFFF", "8000", "16A0", "2000", "FE88|FFCB", "3E80"][dice(6) as usize];
        let mss = ["M5B4", "M5B4|M5AC", "M578", "M218", "MFFD7"][dice(5) as usize];
        let scale = dice(11);
        let options = [
            format!("{mss}ST11NW{scale}"),
            format!("{mss}NNT11NW{scale}|{mss}NNT11"),
            format!("{mss}NW{scale}NNS"),
            mss.to_owned(),
        ];
        let options = &options[dice(4) as usize];
        let repeated = |name: &str, value: &str| {
            let each: Vec<String> = (1..=6).map(|at| format!("{name}{at}={value}")).collect();
            each.join("%")
        };
        let _ = writeln!(
            text,
            "\nFingerprint System {system}\nClass Maker | Family {} || general purpose\n\
             SEQ(SP={low:X}-{:X}%GCD=1-6%ISR={rate:X}-{:X}%TI={}%CI={}%II=I%SS=S%TS={})\n\
             OPS({})\nWIN({})\nECN(R=Y%DF=Y%{reached}%W={window}%O={options}%CC=N%Q=)\n\
             T1(R=Y%DF=Y%{reached}%S=O%A=S+%F=AS%RD=0%Q=)\nT2(R=N)",
            system / 20,
            low + 1 + dice(40),
            rate + 1 + dice(20),
            ["I", "Z", "RD", "I|RD"][dice(4) as usize],
            ["I", "Z", "RI"][dice(3) as usize],
            ["7", "8", "A", "U", "21|22"][dice(5) as usize],
            repeated("O", options),
            repeated("W", window),
        );
        for line in 3..=7 {
            let _ = match dice(3) {
                0 => writeln!(text, "T{line}(R=N)"),
                1 => writeln!(text, "T{line}(R=Y%DF=Y%{reached}%W=0%S=A%A=Z%F=R%O=%RD=0%Q=)"),
                _ => writeln!(text, "T{line}(R=Y%DF=N%{reached}%W=0%S=Z%A=S+%F=AR%O=%RD=0%Q=)"),
            };
        }
        let _ = writeln!(
            text,
            "U1(DF=N%{reached}%IPL={}%UN=0%RIPL=G%RID=G%RIPCK=G%RUCK=G%RUD=G)\n\
             IE(DFI={}%{reached}%CD=S)",
            ["164", "38", "148"][dice(3) as usize],
            ["N", "S", "Y"][dice(3) as usize],
        );
    }
    text
}
