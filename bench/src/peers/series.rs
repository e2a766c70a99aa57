//! Pairs of scans, and the rows that they give.

use std::collections::HashMap;

use anyhow::Result;

use super::scanner::{Installed, Pace};
use super::search::{self, Best, Choice, FULL_RECALL};
use super::trial::Outcome;
use super::work::Work;
use super::{Field, PeersArgs, SAMPLE, Series};
use crate::benchmark::{Row, Setup, Table, Target};
use crate::cpu::Ticks;
use crate::paired::Comparison;

/// What is known of a scanner so far: its best flags, and, once it was asked for, the
/// highest pace at which it loses nothing.
pub type Known = HashMap<(&'static str, Work), (Best, Option<Option<Choice>>)>;

/// What the probes per CPU second of the first scanner are meant to be, those of
/// the second being 1.
fn aim(peer: &str) -> Option<Target> {
    match peer {
        "masscan" => Some(Target::AtLeast(2.0)),
        "zmap" => Some(Target::AtLeast(1.6)),
        _ => None,
    }
}

/// Measures all series of one of ours against one peer.
///
/// # Errors
/// Those of the trials.
pub fn measure(
    args: &PeersArgs,
    field: &mut Field<'_>,
    table: &mut Table,
    work: Work,
    sides: [&Installed; 2],
    known: &mut Known,
) -> Result<()> {
    let [own, peer] = sides;
    let most = own.scanner.most_probes.min(peer.scanner.most_probes);
    let work = if work.probes() > most { Work::about(most) } else { work };
    let bests = [best(field, known, own, work)?, best(field, known, peer, work)?];
    let [ours, theirs] = bests;
    let pairs = args.bench.pairs;
    let mut compare = Compare { field, table, pairs, sides };

    if args.series.contains(&Series::Max) {
        let both = [ours.thrifty, theirs.thrifty];
        compare.rows("at maximum rate", both, work, aim(peer.scanner.name))?;
        if theirs.fast != theirs.thrifty {
            let both = [ours.thrifty, theirs.fast];
            compare.rows("at maximum rate, the peer's fastest flags", both, work, None)?;
        }
    }
    if args.series.contains(&Series::Full) {
        let full = [
            lossless(compare.field, known, own, work)?,
            lossless(compare.field, known, peer, work)?,
        ];
        let known_already =
            args.series.contains(&Series::Max) && full == [ours.thrifty, theirs.thrifty].map(Some);
        match full {
            _ if known_already => {
                eprintln!("prtip-bench: peers: both lose nothing at their maximum: see there");
            }
            [Some(ours), Some(theirs)] => {
                compare.rows(
                    "each at its highest rate without loss",
                    [ours, theirs],
                    work,
                    None,
                )?;
            }
            _ => {}
        }
    }
    if args.series.contains(&Series::Equal) {
        let rate =
            search::round(theirs.attained.rate / 2.0).min(args.most_rate.unwrap_or(u64::MAX));
        let pace = Pace::Rate(rate);
        let both = [ours.thrifty, theirs.thrifty].map(|choice| Choice { pace, ..choice });
        compare.rows("at equal rate", both, work, Some(Target::AtMost(0.5)))?;
    }
    Ok(())
}

/// The best flags, searched for once a scanner.
pub fn best(
    field: &mut Field<'_>,
    known: &mut Known,
    scanner: &Installed,
    work: Work,
) -> Result<Best> {
    let key = (scanner.scanner.name, work);
    if let Some((best, _)) = known.get(&key) {
        return Ok(*best);
    }
    let best = search::best(field, scanner, work)?;
    known.insert(key, (best, None));
    Ok(best)
}

/// The highest pace without loss, likewise.
fn lossless(
    field: &mut Field<'_>,
    known: &mut Known,
    scanner: &Installed,
    work: Work,
) -> Result<Option<Choice>> {
    let best = best(field, known, scanner, work)?;
    let key = (scanner.scanner.name, work);
    if let Some((_, Some(full))) = known.get(&key) {
        return Ok(*full);
    }
    let full = search::lossless(field, scanner, &best, work)?;
    if full.is_none() {
        eprintln!(
            "prtip-bench: peers: {} finds less than {FULL_RECALL} at every rate",
            scanner.title
        );
    }
    known.insert(key, (best, Some(full)));
    Ok(full)
}

/// A row's name, its unit, and its value for one scan.
type Measure = (&'static str, &'static str, fn(&Outcome) -> f64);

/// Runs pairs of scans of two scanners.
struct Compare<'a, 'b> {
    field: &'a mut Field<'b>,
    table: &'a mut Table,
    pairs: usize,
    sides: [&'a Installed; 2],
}

impl Compare<'_, '_> {
    /// A B A B…, and the rows. With `at most` as its target the first row is CPU
    /// time a probe, else probes per CPU second.
    fn rows(
        &mut self,
        when: &str,
        choices: [Choice; 2],
        work: Work,
        target: Option<Target>,
    ) -> Result<()> {
        let [own, peer] = self.sides;
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let (ticks, start) = (Ticks::now(), std::time::Instant::now());
        let mut pairs: Vec<[Outcome; 2]> = Vec::new();
        for _ in 0..self.pairs {
            let ours = self.field.run(own, choices[0], self.work_of(choices[0], work))?;
            let theirs = self.field.run(peer, choices[1], self.work_of(choices[1], work))?;
            pairs.push([ours, theirs]);
        }
        let used: f64 = pairs.iter().flatten().map(|outcome| outcome.cpu_s).sum();
        let wall_s = start.elapsed().as_secs_f64();
        let others = Ticks::now().others_since(ticks, cpus, used / wall_s);
        let sample = |side: usize| {
            let mut seconds: Vec<f64> = pairs.iter().map(|pair| pair[side].wall_s).collect();
            seconds.sort_by(f64::total_cmp);
            (pairs[0][side].probes, seconds[seconds.len() / 2])
        };
        let ((own_probes, own_s), (peer_probes, peer_s)) = (sample(0), sample(1));
        let note = format!(
            "samples: {own_probes} probes, {own_s:.1} s; {peer_probes}, {peer_s:.1} s; ours {}; \
             other work took {others:.2} of {cpus} CPUs",
            choices[0].text()
        );
        let vs = format!("{}: {}", peer.title, choices[1].text());
        let at_most = matches!(target, Some(Target::AtMost(_)));
        let measures: [Measure; 5] = [
            if at_most {
                ("CPU time", "CPU-s/million probes", |it| 1e6 / it.per_cpu_s())
            } else {
                ("probes per CPU second", "probes/CPU-s", Outcome::per_cpu_s)
            },
            ("probes per second", "probes/s", |it| it.rate),
            ("recall", "of the open ports", |it| it.recall),
            ("precision", "of the reported ports", |it| it.precision),
            ("peak memory", "MiB", |it| it.peak_mib),
        ];
        for (n, (what, unit, measure)) in measures.into_iter().enumerate() {
            let measured: Vec<(f64, f64)> =
                pairs.iter().map(|[ours, theirs]| (measure(ours), measure(theirs))).collect();
            self.table.print(&Row {
                bench: "peers",
                row: format!("{} {when}: {what}", own.title),
                unit,
                vs: vs.clone(),
                compared: Comparison::of(&measured),
                target: target.filter(|_| n == 0),
                setup: setup(own, pairs[0][0].xdp_mode),
                note: (n == 0).then(|| note.clone()),
            })?;
        }
        Ok(())
    }

    fn work_of(&self, choice: Choice, work: Work) -> Work {
        match choice.pace {
            Pace::Max => work,
            Pace::Rate(rate) => work.at_rate(rate, SAMPLE),
        }
    }
}

fn setup(own: &Installed, xdp_mode: Option<&str>) -> Setup {
    let name = own.scanner.name;
    Setup {
        port_engine: name.strip_prefix("prtip-").unwrap_or(name).to_owned(),
        xdp_mode: xdp_mode.map(str::to_owned),
        packet: "IPv4 SYN: prtip with MSS (84 bytes on the wire), the others with what they send"
            .to_owned(),
    }
}
