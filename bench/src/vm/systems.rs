//! Other kernels than this host's, asked for their systems by `prtip -O` and by Debian's
//! nmap: each boots in a machine of its own and answers there, in a namespace behind a veth
//! pair, with its own stack.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use prtip_signatures::os::Database;

use super::machine::{Extras, Machine, log};
use super::packages::{NotToBeHad, Packages};
use super::{Card, VmArgs, verdict};
use crate::beside_nmap::{Said, judge};
use crate::lab::packages::{NMAP, libraries, unpack};

/// What Debian has for this release: its own kernel, and the one of its backports.
const KERNELS: [[u32; 2]; 2] = [[6, 1], [6, 12]];

/// Random in Linux; time stamps begin anywhere, and an emulated clock is not a steady one.
const VARY: [(&str, &str); 4] = [
    ("SEQ.SP", "initial sequence numbers are random"),
    ("SEQ.ISR", "the same"),
    ("SEQ.GCD", "the same"),
    ("SEQ.TS", "time stamps begin anywhere, and may come round"),
];

/// Runs the machines; returns the exit code.
pub(super) fn run(args: &VmArgs) -> Result<u8> {
    let nmap = unpack(NMAP).map_err(|error| NotToBeHad::because(&error))?;
    let mut to = match &args.log {
        None => None,
        Some(path) => {
            Some(std::fs::File::create(path).with_context(|| format!("--log {}", path.display()))?)
        }
    };
    let bytes = std::fs::read(nmap.join("usr/share/nmap/nmap-os-db"))?;
    let database = Database::read(&bytes).map_err(|faults| anyhow!("nmap-os-db: {faults}"))?;
    let deadline = Instant::now() + Duration::from_secs(args.timeout);
    let mut faults = 0;
    for version in KERNELS {
        let packages = Packages::with_kernel(version)?;
        let [major, minor] = version;
        let name = format!("Linux {major}.{minor}");
        let data = ["nmap-os-db", "nmap-services", "nmap-mac-prefixes", "nmap-protocols"];
        let more = Extras {
            modules: &["veth"],
            programs: vec![(nmap.join("usr/bin/nmap"), libraries(&nmap))],
            files: data
                .map(|file| (format!("data/{file}"), nmap.join("usr/share/nmap").join(file)))
                .into(),
        };
        let steps = "step kernel uname -sr\nstep systems systems\n";
        let card = Card::Virtio;
        let machine = Machine { packages: &packages, card, iommu: false, steps, more };
        let started = Instant::now();
        let told = machine.run(deadline)?;
        println!("{name}: {:.0} s", started.elapsed().as_secs_f64());
        if let Some(to) = &mut to {
            log(&told, &name, to)?;
        }
        let checks = asked(&told.verdict, &name, &database).unwrap_or_else(|error| {
            eprintln!("-- its console\n{}\n-- what it printed\n{}", told.console, told.verdict);
            vec![Err(format!("{error:#}"))]
        });
        for check in checks {
            match check {
                Ok(text) => println!("  ok   {text}"),
                Err(text) => {
                    faults += 1;
                    println!("  FAIL {text}");
                }
            }
        }
    }
    println!("{}", if faults == 0 { "systems: as nmap sees them" } else { "systems: NOT so" });
    Ok(u8::from(faults > 0))
}

/// Judges what a guest has told.
fn asked(told: &str, name: &str, database: &Database) -> Result<Vec<crate::beside_nmap::Check>> {
    let steps = verdict::steps(told)?;
    let [kernel, systems] = &steps[..] else { bail!("{} steps of 2", steps.len()) };
    let release = kernel.lines.first().map_or("", String::as_str);
    let right = release.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', '-', '+']));
    let mut checks = vec![if right { Ok(release.to_owned()) } else { Err(release.to_owned()) }];
    if systems.code != 0 {
        bail!("it ended with {}: {}", systems.code, systems.said.join(" "));
    }
    let part = |wanted: &str| -> String {
        let mut now = "";
        let mut lines = String::new();
        for line in &systems.lines {
            match line.strip_prefix("part ") {
                Some(name) => now = name,
                None if now == wanted => lines = lines + line + "\n",
                None => {}
            }
        }
        lines
    };
    let [ours, ours_v6, text, xml] = ["ours", "ours-v6", "text", "theirs"].map(part);
    let said = Said { ours: &ours, ours_v6: Some(&ours_v6), text: &text, xml: &xml };
    checks.extend(judge(&said, &VARY, name, database)?);
    Ok(checks)
}
