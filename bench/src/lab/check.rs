//! `prtip-bench lab check`: a scan's JSON lines against the truth.
//!
//! What is compared is the word of the record against what the scan's
//! [`Question`](super::question::Question) lets a lossless scanner see. A pair
//! that answers and is reported by a word for silence only is missed.
//!
//! Two passes: every record is noted under its pair (half a byte each), then
//! every pair is compared. So the check needs no order of the records, streams
//! them, and takes the last of several records for a pair, as `revised` asks.
//! Records of the lab's own addresses (real servers) are no part of the truth
//! and are left alone.

use std::borrow::Cow;
use std::io::BufRead;
use std::net::IpAddr;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;

use super::rule::{Rule, State};
use super::targets::Addresses;
use super::truth::Pairs;

/// How many faults are described one by one.
const EXAMPLES: usize = 10;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Pairs with a state that was not reported.
    pub missed: u64,
    /// Reported pairs that are silent or were not asked for.
    pub invented: u64,
    /// Records that follow an earlier one of their pair without being a revision.
    pub repeated: u64,
    /// Pairs reported with another state than theirs.
    pub wrong: u64,
    /// Pairs with a record.
    pub reported: u64,
    /// Pairs with one of the compared states in the truth.
    pub expected: u64,
    /// Records of the lab's own addresses.
    pub own: u64,
    /// The first few faults.
    pub examples: Vec<String>,
}

impl Verdict {
    /// Whether the scan told the truth.
    pub fn is_clean(&self) -> bool {
        self.missed == 0 && self.invented == 0 && self.repeated == 0 && self.wrong == 0
    }

    fn example(&mut self, text: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(text());
        }
    }
}

/// The fields of a record that matter here.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ip: Option<Cow<'a, str>>,
    port: Option<u32>,
    #[serde(borrow)]
    proto: Option<Cow<'a, str>>,
    #[serde(borrow)]
    state: Option<Cow<'a, str>>,
    #[serde(default)]
    revised: bool,
}

/// Half a byte a pair: 0 no record, else 1 + the state's place in [`NOTED`].
struct Notes(Vec<u8>);

/// What a record can say; the last one stands for any other word.
const NOTED: [&str; 8] =
    ["open", "closed", "filtered", "unfiltered", "up", "open|filtered", "down", "another state"];

impl Notes {
    fn new(pairs: usize) -> Self {
        Self(vec![0; pairs.div_ceil(2)])
    }

    fn get(&self, pair: usize) -> Option<usize> {
        usize::from(self.0[pair / 2] >> (pair % 2 * 4) & 15).checked_sub(1)
    }

    fn set(&mut self, pair: usize, state: usize) {
        let shift = pair % 2 * 4;
        let byte = &mut self.0[pair / 2];
        *byte = *byte & !(15 << shift) | (state as u8 + 1) << shift;
    }
}

/// Compares the records in `results` with the truth, for the given states.
pub fn check(
    pairs: &Pairs,
    rule: Rule,
    states: &[State],
    mut results: impl BufRead,
) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let mut notes = Notes::new(pairs.count()?);
    let own = Addresses::of_the_lab_itself();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if results.read_until(b'\n', &mut line).with_context(|| format!("line {number}"))? == 0 {
            break;
        }
        if !line.trim_ascii().is_empty() {
            note(pairs, &own, &line, &mut notes, &mut verdict)
                .with_context(|| format!("line {number}"))?;
        }
    }
    compare(pairs, rule, states, &notes, &mut verdict);
    Ok(verdict)
}

fn note(
    pairs: &Pairs,
    own: &Addresses,
    line: &[u8],
    notes: &mut Notes,
    verdict: &mut Verdict,
) -> Result<()> {
    ensure!(line.ends_with(b"\n"), "the line is cut off");
    let record: Record<'_> = serde_json::from_slice(line).context("not a JSON object")?;
    let wanted = pairs.question.record();
    if record.kind.as_deref().is_some_and(|kind| kind != wanted) {
        return Ok(());
    }
    let field = |name| move || anyhow!("a {wanted} record without {name:?}");
    let of_host = wanted == "host";
    if !of_host || record.kind.is_none() {
        let proto = record.proto.as_deref().ok_or_else(field("proto"))?;
        if proto != pairs.question.protocol().name() {
            return Ok(());
        }
    }
    let ip = record.ip.as_deref().ok_or_else(field("ip"))?;
    let ip: IpAddr = ip.parse().with_context(|| format!("address {ip:?}"))?;
    let port = if of_host { 0 } else { record.port.ok_or_else(field("port"))? };
    let port = u16::try_from(port).with_context(|| format!("port {port}"))?;
    let state = record.state.as_deref().ok_or_else(field("state"))?;
    if own.rank(ip).is_some() {
        verdict.own += 1;
        return Ok(());
    }
    let Some((address, place)) = pairs.addresses.rank(ip).zip(pairs.ports.rank(port)) else {
        verdict.invented += 1;
        verdict.example(|| format!("invented: {ip} {port} {state:?} was not asked for"));
        return Ok(());
    };
    let pair = address as usize * pairs.ports.list().len() + place;
    match notes.get(pair) {
        Some(_) if !record.revised => {
            verdict.repeated += 1;
            verdict.example(|| format!("repeated: {ip} {port} {state:?}"));
        }
        Some(_) => {}
        None => verdict.reported += 1,
    }
    let known = NOTED.iter().position(|known| *known == state).unwrap_or(NOTED.len() - 1);
    notes.set(pair, known);
    Ok(())
}

fn compare(pairs: &Pairs, rule: Rule, states: &[State], notes: &Notes, verdict: &mut Verdict) {
    let mut pair = 0;
    for ip in pairs.addresses.iter() {
        for &port in pairs.ports.list() {
            let truth = pairs.question.truth(rule, ip, port);
            let told = notes.get(pair);
            pair += 1;
            let expected = truth.is_some_and(|state| states.contains(&state));
            verdict.expected += u64::from(expected);
            let Some(told) = told else {
                if expected {
                    verdict.missed += 1;
                    verdict.example(|| format!("missed: {ip} {port} is {}", name(truth)));
                }
                continue;
            };
            let told_state = State::from_name(NOTED[told]);
            let compared = expected || told_state.is_some_and(|state| states.contains(&state));
            let silence = pairs.question.means_silence(NOTED[told]);
            if !compared || told_state == truth || truth.is_none() && silence {
                continue;
            }
            let kind = if truth.is_none() {
                verdict.invented += 1;
                "invented"
            } else if told_state.is_none() && silence {
                verdict.missed += 1;
                "missed"
            } else {
                verdict.wrong += 1;
                "wrong"
            };
            verdict.example(|| {
                format!("{kind}: {ip} {port} is {}, reported {}", name(truth), NOTED[told])
            });
        }
    }
}

fn name(truth: Option<State>) -> &'static str {
    truth.map_or("silent", State::name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::question::{Ping, Question};
    use super::super::rule::Protocol;
    use super::super::targets::Ports;
    use super::*;

    const RULE: Rule = Rule { seed: 5, open: 200, closed: 300, icmp: 100 };
    const ALL: [State; 3] = [State::Open, State::Closed, State::Filtered];

    fn pairs_of(question: Question) -> Pairs {
        let ports = match question {
            Question::Ping(_) => Ports::of_a_host(),
            _ => Ports::parse("1-32", Protocol::Tcp).unwrap(),
        };
        let addresses = Addresses::parse("198.18.0.0/26,2001:2::/122").unwrap();
        Pairs { addresses, ports, question }
    }

    fn pairs() -> Pairs {
        pairs_of(Question::Syn)
    }

    fn truth_of(pairs: &Pairs) -> Vec<String> {
        let mut out = Vec::new();
        super::super::truth::write(pairs, RULE, &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(|line| format!("{line}\n")).collect()
    }

    fn truth() -> Vec<String> {
        truth_of(&pairs())
    }

    fn verdict_of(pairs: &Pairs, lines: &[String], states: &[State]) -> Verdict {
        check(pairs, RULE, states, lines.concat().as_bytes()).unwrap()
    }

    fn verdict(lines: &[String], states: &[State]) -> Verdict {
        verdict_of(&pairs(), lines, states)
    }

    fn line_of(state: &str) -> usize {
        truth().iter().position(|line| line.contains(&format!("\"{state}\""))).unwrap()
    }

    #[test]
    fn the_truth_itself_is_clean() {
        let verdict = verdict(&truth(), &ALL);
        assert!(verdict.is_clean(), "{verdict:?}");
        assert!(verdict.expected > 1000 && verdict.expected == verdict.reported);
    }

    #[test]
    fn a_missing_line_is_missed_only_where_its_state_is_compared() {
        let mut lines = truth();
        lines.remove(line_of("open"));
        lines.remove(lines.iter().position(|line| line.contains("closed")).unwrap());
        assert_eq!(verdict(&lines, &ALL).missed, 2);
        assert_eq!(verdict(&lines, &[State::Open]).missed, 1);
    }

    #[test]
    fn a_wrong_state_is_wrong_once() {
        let mut lines = truth();
        let at = line_of("closed");
        lines[at] = lines[at].replace("closed", "open");
        let told = verdict(&lines, &[State::Open]);
        assert_eq!((told.wrong, told.missed, told.invented), (1, 0, 0));
        let at = line_of("filtered");
        lines[at] = lines[at].replace("filtered", "unfiltered");
        assert_eq!(verdict(&lines, &ALL).wrong, 2);
    }

    #[test]
    fn a_silent_pair_may_be_called_filtered_but_not_open() {
        let silent = |state: &str| {
            let (ip, port) = (0..64_u8)
                .flat_map(|low| (1..=32).map(move |port| ([198, 18, 0, low].into(), port)))
                .find(|(ip, port)| RULE.state(*ip, *port, Protocol::Tcp).is_none())
                .unwrap();
            format!("{{\"ip\":\"{ip}\",\"port\":{port},\"proto\":\"tcp\",\"state\":\"{state}\"}}\n")
        };
        let mut lines = truth();
        lines.push(silent("filtered"));
        assert!(verdict(&lines, &ALL).is_clean());
        lines.pop();
        lines.push(silent("open"));
        assert_eq!(verdict(&lines, &[State::Open]).invented, 1);
    }

    #[test]
    fn a_pair_that_was_not_asked_for_is_invented_but_the_labs_own_is_left_alone() {
        let mut lines = truth();
        for ip in ["198.18.0.64", "127.0.0.1", "198.19.255.10"] {
            lines.push(format!(
                "{{\"type\":\"port\",\"ip\":\"{ip}\",\"port\":1,\"proto\":\"tcp\",\"state\":\"open\"}}\n"
            ));
        }
        let told = verdict(&lines, &ALL);
        assert_eq!((told.invented, told.own), (2, 1));
    }

    #[test]
    fn the_last_revision_holds_and_a_second_record_without_it_is_a_repeat() {
        let mut lines = truth();
        let at = line_of("open");
        let open = lines[at].clone();
        lines[at] = open.replace("open", "closed");
        assert_eq!(verdict(&lines, &ALL).wrong, 1);
        lines.push(open.replace("}", ",\"revised\":true}"));
        assert!(verdict(&lines, &ALL).is_clean());
        lines.push(open);
        assert_eq!(verdict(&lines, &ALL).repeated, 1);
    }

    #[test]
    fn an_unreadable_line_is_named_by_its_number() {
        for bad in ["{\"type\":\"port\"\n", "{\"type\":\"port\"}\n", "nonsense\n", "{}"] {
            let text = format!("{}{bad}", truth()[..2].concat());
            let error = check(&pairs(), RULE, &ALL, text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "line 3", "{bad:?}");
        }
    }

    #[test]
    fn other_records_and_other_protocols_are_passed_over() {
        let mut lines = truth();
        lines.push("{\"type\":\"scan_started\",\"targets\":\"9\"}\n".into());
        lines.push(lines[0].replace("tcp", "udp"));
        assert!(verdict(&lines, &ALL).is_clean());
    }

    #[test]
    fn the_truth_of_every_question_is_clean() {
        let ping = vec![Ping::Echo, Ping::Syn(443)];
        for question in [Question::Ack, Question::Udp, Question::Ping(ping)] {
            let pairs = pairs_of(question);
            let all = [ALL.as_slice(), &[State::Unfiltered, State::Up]].concat();
            let told = verdict_of(&pairs, &truth_of(&pairs), &all);
            assert!(told.is_clean() && told.expected > 20, "{told:?}");
            assert_eq!(verdict_of(&pairs, &[], &[pairs.question.sought()]).missed, {
                let sought = pairs.question.sought().name();
                truth_of(&pairs)
                    .iter()
                    .filter(|line| line.contains(&format!("\"{sought}\"")))
                    .count() as u64
            });
        }
    }

    #[test]
    fn a_udp_pair_called_open_or_filtered_is_missed_unless_it_is_silent() {
        let pairs = pairs_of(Question::Udp);
        let lines: Vec<String> = pairs
            .addresses
            .iter()
            .flat_map(|ip| (1..=32).map(move |port| (ip, port)))
            .map(|(ip, port)| {
                format!("{{\"type\":\"port\",\"ip\":\"{ip}\",\"port\":{port},\"proto\":\"udp\",\"state\":\"open|filtered\"}}\n")
            })
            .collect();
        let told = verdict_of(&pairs, &lines, &ALL);
        assert_eq!((told.missed, told.invented, told.wrong), (told.expected, 0, 0));
        let invented = lines.join("").replace("open|filtered", "closed");
        let told = verdict_of(&pairs, &[invented], &[State::Open, State::Closed]);
        assert!(told.invented > 500 && told.wrong > 100 && told.missed == 0, "{told:?}");
    }

    #[test]
    fn a_ping_sweep_is_judged_by_its_host_records() {
        let pairs = pairs_of(Question::Ping(vec![Ping::Echo]));
        let up = |ip| pairs.question.truth(RULE, ip, 0).is_some();
        let mut lines: Vec<String> = pairs
            .addresses
            .iter()
            .map(|ip| {
                let state = if up(ip) { "up" } else { "down" };
                format!(
                    "{{\"type\":\"host\",\"ip\":\"{ip}\",\"state\":\"{state}\",\"reason\":\"x\"}}\n"
                )
            })
            .collect();
        lines.push("{\"type\":\"port\",\"ip\":\"198.18.0.1\",\"port\":1,\"proto\":\"tcp\",\"state\":\"open\"}\n".into());
        let told = verdict_of(&pairs, &lines, &[State::Up]);
        assert!(told.is_clean() && told.expected > 10, "{told:?}");
        let swapped = lines.concat().replace("\"up\"", "\"x\"").replace("\"down\"", "\"up\"");
        let told = verdict_of(&pairs, &[swapped.replace("\"x\",", "\"down\",")], &[State::Up]);
        assert_eq!((told.missed, told.wrong), (told.expected, 0));
        assert_eq!(told.invented, 128 - told.expected);
    }
}
