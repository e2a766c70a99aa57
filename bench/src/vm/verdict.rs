//! What the guest's words mean. Nothing that is missing, doubled or out of place
//! passes: a machine that stops half-way has failed.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// One step of the guest.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    /// What it printed.
    pub(super) lines: Vec<String>,
    /// What it said on standard error, the end of it.
    pub(super) said: Vec<String>,
    pub(super) code: u8,
}

/// Takes a whole transcript apart.
pub(super) fn steps(transcript: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut open: Option<Step> = None;
    let mut over = false;
    for line in transcript.lines().map(|line| line.trim_end_matches('\r')) {
        ensure!(!over || line.is_empty(), "after its end the guest said {line:?}");
        match (line.strip_prefix("prtip-vm "), &mut open) {
            (None, Some(step)) => match line.strip_prefix("! ") {
                Some(said) => step.said.push(said.to_owned()),
                None => step.lines.push(line.to_owned()),
            },
            (None, None) => {
                ensure!(line.is_empty(), "outside of all steps the guest said {line:?}")
            }
            (Some("over"), None) => over = true,
            (Some(word), None) => {
                let name = word.strip_prefix("begin ").with_context(|| line.to_owned())?;
                let step =
                    Step { name: name.to_owned(), lines: Vec::new(), said: Vec::new(), code: 0 };
                open = Some(step);
            }
            (Some(word), Some(step)) => {
                let code = word
                    .strip_prefix("end ")
                    .and_then(|rest| rest.strip_prefix(&step.name)?.strip_prefix(' '))
                    .with_context(|| {
                        format!("within step {} the guest said {line:?}", step.name)
                    })?;
                step.code = code.parse().with_context(|| line.to_owned())?;
                steps.extend(open.take());
            }
        }
    }
    if let Some(step) = open {
        bail!("the guest stopped within step {}", step.name);
    }
    ensure!(over, "the guest stopped before its end");
    Ok(steps)
}

/// What a step must show.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    /// A scan that finds the truth in this mode.
    Scan { mode: &'static str, pairs: u64, sockets: usize },
    /// Hosts that answer are asked for their systems by zero-copy.
    Systems { hosts: u64 },
    /// A scan that ends with code 4 and says why and what to do.
    Refused,
    /// Output that has this in it.
    Shows(&'static str),
    /// The same of standard error, for each of these.
    Says(&'static [&'static str]),
}

/// One thing proved, or why it is not.
pub(super) type Check = std::result::Result<String, String>;

/// Judges a step.
pub(super) fn judge(step: &Step, expected: Expected) -> Vec<Check> {
    let check = |good: bool, text: String| if good { Ok(text) } else { Err(text) };
    match expected {
        Expected::Shows(what) => {
            let shown = step.lines.iter().find(|line| line.contains(what));
            let text = shown.map_or(format!("nothing of {what:?}"), |line| line.trim().to_owned());
            vec![check(shown.is_some() && step.code == 0, text)]
        }
        Expected::Says(what) => {
            let said = |what: &&str| {
                let good = step.code == 0 && step.said.iter().any(|line| line.contains(what));
                check(good, if good { (*what).to_owned() } else { step.said.join(" ") })
            };
            what.iter().map(said).collect()
        }
        Expected::Refused => {
            let said = step.said.join(" ");
            let clear = said.contains("zero-copy mode") && said.contains("leave out");
            let text = format!("exit code {}: {said}", step.code);
            vec![check(step.code == 4 && clear, text)]
        }
        Expected::Systems { hosts } => vec![
            check(step.code == 0, format!("exit code {}", step.code)),
            told(step, "os_started", &|record| {
                let (asked, mode) = (&record["hosts"], &record["xdp_mode"]);
                check(*asked == hosts && mode == "zerocopy", format!("{asked} hosts by {mode}"))
            }),
            told(step, "os_finished", &|record| {
                let count = |name| record[name].as_u64().unwrap_or_default();
                let [probes, answers, rsts] = ["probes", "rx_valid", "rsts"].map(count);
                // To six SYNs and to one with ECN of each comes a SYN-ACK, which is ended.
                let good = answers >= 9 * hosts && rsts >= 7 * hosts;
                let text = format!("{probes} probes, {answers} answers, {rsts} RSTs");
                check(good && record["unaccounted"] == 0, text)
            }),
        ],
        Expected::Scan { mode, pairs, sockets } => {
            let zc = format!("zc:{}", u8::from(mode == "zerocopy"));
            let umems: Vec<&String> =
                step.lines.iter().filter(|line| line.contains("umem(")).collect();
            let alike = umems.iter().filter(|line| says(line, &zc)).count();
            vec![
                check(step.code == 0, format!("exit code {}", step.code)),
                told(step, "scan_started", &|record| {
                    let given = &record["xdp_mode"];
                    check(given == mode, format!("XDP_OPTIONS of prtip's sockets says {given}"))
                }),
                check(
                    umems.len() == sockets && alike == sockets,
                    format!("ss saw {} sockets, of {sockets}, {alike} with {zc}", umems.len()),
                ),
                drops(step, sockets),
                told(step, "scan_started", &|record| {
                    let targets = &record["targets"];
                    let given = targets.as_str().and_then(|text| text.parse().ok());
                    check(given == Some(pairs), format!("{targets} pairs of {pairs}"))
                }),
                truth(step),
                told(step, "ledger", &|record| {
                    let open = &record["unaccounted"];
                    check(*open == 0, format!("unaccounted in the ledger: {open}"))
                }),
                told(step, "ledger", &|record| {
                    let count = |name| record[name].as_u64().unwrap_or(u64::MAX);
                    let names = ["submitted", "completed", "tx_failed"];
                    let [sent, back, failed] = names.map(count);
                    let text =
                        format!("{sent} frames submitted, {back} completed, {failed} failed");
                    // In copy mode a driver may be out of room; zero-copy waits for it.
                    let whole = sent == back.saturating_add(failed) && sent >= pairs;
                    check(whole && (mode != "zerocopy" || failed == 0), text)
                }),
            ]
        }
    }
}

/// What ss last saw of the sockets' statistics: no frame lost, and the fill ring found
/// empty hardly ever. At the bind it is, for a moment; a receiver that starves counts on.
fn drops(step: &Step, sockets: usize) -> Check {
    const AT_THE_BIND: u64 = 8;
    let lists: Vec<&String> = step.lines.iter().filter(|line| line.contains("stats(")).collect();
    let sum = |name: &str| -> Option<u64> {
        let count = |line: &&String| {
            let after = line.split_once(name)?.1.strip_prefix(':')?;
            after.split([',', ')']).next()?.parse::<u64>().ok()
        };
        lists.iter().map(count).sum()
    };
    let names = ["rx dropped", "rx queue full", "rx fill ring empty"];
    let [Some(dropped), Some(full), Some(empty)] = names.map(sum) else {
        return Err("ss told no statistics".to_owned());
    };
    let text = format!(
        "{dropped} frames dropped, {full} found no room; the fill ring was empty {empty} times"
    );
    let good = (dropped, full) == (0, 0) && empty <= AT_THE_BIND * sockets as u64;
    if good && lists.len() == sockets { Ok(text) } else { Err(text) }
}

/// Whether a list such as `umem(id:0,zc:1,refs:1)` has that item.
fn says(line: &str, item: &str) -> bool {
    line.split(['(', ')', ',', ' ']).any(|part| part == item)
}

fn told(step: &Step, kind: &str, judge: &dyn Fn(&Value) -> Check) -> Check {
    let records: Vec<Value> = step
        .lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|record: &Value| record["type"] == kind)
        .collect();
    match records.as_slice() {
        [record] => judge(record),
        _ => Err(format!("{} records of type {kind}", records.len())),
    }
}

/// The four lines of `lab check`, all zero.
fn truth(step: &Step) -> Check {
    let mut texts = Vec::new();
    for name in ["missed", "invented", "repeated", "wrong"] {
        let begin = format!("{name}: ");
        let counts: Vec<&str> =
            step.lines.iter().filter_map(|line| line.strip_prefix(&begin)).collect();
        match counts.as_slice() {
            [count] => texts.push(format!("{name} {count}")),
            _ => return Err(format!("no judgement: {} lines of {name}", counts.len())),
        }
    }
    let text = texts.join(", ");
    if texts.iter().all(|text| text.ends_with(" 0")) { Ok(text) } else { Err(text) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GOOD: &str = "prtip-vm begin zerocopy\r\n\
        users umem(id:0,size:1,zc:1,refs:1)\r\n\
        stats(rx dropped:0,rx invalid:0,rx queue full:0,rx fill ring empty:3,tx invalid:0)\r\n\
        {\"type\":\"scan_started\",\"xdp_mode\":\"zerocopy\",\"targets\":\"5\"}\r\n\
        {\"type\":\"ledger\",\"unaccounted\":0,\"submitted\":5,\"completed\":5,\"tx_failed\":0}\r\n\
        missed: 0\r\ninvented: 0\r\nrepeated: 0\r\nwrong: 0\r\n! all is well\r\n\
        prtip-vm end zerocopy 0\r\nprtip-vm over\r\n";
    const EXPECTED: Expected = Expected::Scan { mode: "zerocopy", pairs: 5, sockets: 1 };

    fn faults(transcript: &str) -> usize {
        let steps = steps(transcript).unwrap();
        judge(&steps[0], EXPECTED).iter().filter(|check| check.is_err()).count()
    }

    #[test]
    fn a_good_scan_passes_and_each_fault_is_seen() {
        assert_eq!(faults(GOOD), 0);
        for (good, bad) in [
            ("zc:1", "zc:0"),
            ("umem(id:0,size:1,zc:1", "umem(id:0,size:zc:11"),
            ("rx dropped:0", "rx dropped:1"),
            ("full:0", "full:1"),
            ("empty:3", "empty:9"),
            ("empty:3", "empty:"),
            ("stats(", "stat("),
            ("\"zerocopy\"", "\"copy\""),
            ("\"5\"", "\"4\""),
            ("wrong: 0", "wrong: 10"),
            ("missed: 0", "missed: 0\r\nmissed: 0"),
            ("repeated: 0\r\n", ""),
            ("unaccounted\":0", "unaccounted\":1"),
            ("completed\":5", "completed\":4"),
            ("completed\":5,\"tx_failed\":0", "completed\":4,\"tx_failed\":1"),
            (",\"tx_failed\":0", ""),
            ("end zerocopy 0", "end zerocopy 1"),
        ] {
            assert_eq!(faults(&GOOD.replace(good, bad)), 1, "{bad}");
        }
        assert!(faults(&GOOD.replace("ledger", "other")) > 0);
    }

    #[test]
    fn a_refusal_has_its_code_and_its_remedy() {
        let said = vec!["bind … in zero-copy mode: x".to_owned(), "leave out --require".to_owned()];
        let step = |code, said| Step { name: "x".into(), lines: vec![], said, code };
        assert!(judge(&step(4, said.clone()), Expected::Refused)[0].is_ok());
        assert!(judge(&step(1, said), Expected::Refused)[0].is_err());
        assert!(judge(&step(4, vec![]), Expected::Refused)[0].is_err());
    }

    #[test]
    fn half_a_transcript_is_none() {
        for (at, _) in GOOD.match_indices('\n').take(9) {
            assert!(steps(&GOOD[..=at]).is_err(), "{at}");
        }
        for bad in [
            "prtip-vm end a 0",
            "noise",
            "prtip-vm begin a\nprtip-vm begin b",
            "prtip-vm begin a\nprtip-vm end b 0",
            "prtip-vm begin a\nprtip-vm end a 256\nprtip-vm over",
            "prtip-vm over\nprtip-vm over",
        ] {
            assert!(steps(bad).is_err(), "{bad:?}");
        }
    }
}
