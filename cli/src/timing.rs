//! `-T0` to `-T5`: rate, retries and cooldown under nmap's names. Each of the three
//! gives way to its own flag.

use std::time::Duration;

use prtip_engine::scan::Rate;

use crate::args::PaceArgs;

/// One of nmap's timings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Timing {
    /// Probes a second.
    pub(crate) pps: f64,
    /// Further attempts; `None`: as where nothing is asked for.
    pub(crate) retries: Option<u8>,
    /// Seconds to listen after the last probe.
    pub(crate) cooldown_s: u64,
}

/// By number: name, probes a second, retries, seconds.
const TIMINGS: [(&str, Timing); 6] = [
    ("paranoid", Timing { pps: 1.0, retries: Some(3), cooldown_s: 10 }),
    ("sneaky", Timing { pps: 10.0, retries: Some(3), cooldown_s: 10 }),
    ("polite", Timing { pps: 100.0, retries: Some(2), cooldown_s: 6 }),
    ("normal", Timing { pps: 1_000.0, retries: None, cooldown_s: 4 }),
    ("aggressive", Timing { pps: 10_000.0, retries: None, cooldown_s: 3 }),
    ("insane", Timing { pps: 100_000.0, retries: Some(0), cooldown_s: 2 }),
];

impl Timing {
    /// The timing with this number or name.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let known = |(number, (name, _)): &(usize, &(&str, Self))| {
            *name == text || number.to_string() == text
        };
        let found = TIMINGS.iter().enumerate().find(known);
        found.map(|(_, (_, timing))| *timing).ok_or("a timing is a number from 0 to 5".into())
    }
}

/// How fast, with how many retries, and how long to listen: what was asked for by its
/// own flag, else what the timing says.
pub(crate) fn resolve(pace: &PaceArgs) -> (Rate, Option<u8>, Duration) {
    let timing = pace.timing;
    (
        pace.rate.unwrap_or(Rate::PerSecond(timing.pps)),
        pace.retries.or(timing.retries),
        pace.cooldown.unwrap_or(Duration::from_secs(timing.cooldown_s)),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::args::Cli;
    use clap::{CommandFactory, Parser};

    fn resolved(line: &str) -> (Rate, Option<u8>, Duration) {
        let args = std::iter::once("prtip").chain(line.split_whitespace());
        resolve(&Cli::try_parse_from(args).unwrap().scan.pace)
    }

    #[test]
    fn a_higher_timing_is_faster_in_everything() {
        for pair in TIMINGS.windows(2) {
            let [(_, slow), (_, fast)] = pair else { panic!("pairs") };
            assert!(slow.pps < fast.pps && slow.cooldown_s >= fast.cooldown_s);
            // Unset is 1 or 0.
            assert!(slow.retries.unwrap_or(1) >= fast.retries.unwrap_or(0));
        }
    }

    #[test]
    fn nothing_asked_for_is_normal() {
        let usual = (Rate::PerSecond(1000.0), None, Duration::from_secs(4));
        assert_eq!(resolved("host"), usual);
        assert_eq!(resolved("-T3 host"), usual);
        assert_eq!(resolved("--timing normal host"), usual);
        assert!(Timing::parse("6").is_err() && Timing::parse("").is_err());
    }

    #[test]
    fn each_setting_gives_way_to_its_own_flag() {
        let seconds = Duration::from_secs;
        assert_eq!(resolved("-T0 host"), (Rate::PerSecond(1.0), Some(3), seconds(10)));
        assert_eq!(resolved("-T5 host"), (Rate::PerSecond(1e5), Some(0), seconds(2)));
        assert_eq!(resolved("-T5 --rate 7 host"), (Rate::PerSecond(7.0), Some(0), seconds(2)));
        assert_eq!(resolved("-T5 --retries 2 host"), (Rate::PerSecond(1e5), Some(2), seconds(2)));
        assert_eq!(resolved("--cooldown 1 -T2 host"), (Rate::PerSecond(1e2), Some(2), seconds(1)));
        assert_eq!(resolved("-T4 --rate auto host"), (Rate::Auto, None, seconds(3)));
    }

    #[test]
    fn the_help_says_what_the_table_holds() {
        let help = Cli::command().render_long_help().to_string();
        for (number, (name, timing)) in TIMINGS.iter().enumerate() {
            let line = help.lines().find(|line| line.contains(&format!("-T{number}  {name}")));
            let words: Vec<&str> = line.unwrap().split_whitespace().collect();
            assert_eq!(words[2].replace(',', ""), timing.pps.to_string(), "{words:?}");
            let retries = words[5].parse::<u8>().unwrap();
            assert_eq!(retries, timing.retries.unwrap_or(1), "{words:?}");
            assert_eq!(words.contains(&"*"), timing.retries.is_none(), "{words:?}");
            let cooldown = words.iter().position(|word| *word == "s").unwrap() - 1;
            assert_eq!(words[cooldown], timing.cooldown_s.to_string(), "{words:?}");
        }
    }
}
