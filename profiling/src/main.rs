//! `prtip-profile`: flamegraphs of prtip's scenarios, their hot functions and budgets.

mod budget;
mod callgrind;
mod calls;
mod compare;
mod heap;
mod hotspots;
mod kind;
mod owner;
mod profile;
mod programs;
mod recording;
mod report;
mod run;
mod scenario;
mod summary;
mod symbols;
mod unwinding;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use run::{Counter, Ended, How};
use scenario::Scenario;

/// Flamegraphs of prtip's scenarios, their hot functions and their budgets
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The scenarios, their commands and budgets
    List,
    /// Runs scenarios and writes SCENARIO.svg, .folded, .hotspots.md and .hotspots.json
    Run(RunArguments),
    /// What has become dearer or cheaper from A to B: folders of `run --out`, or two files of
    /// collapsed stacks. Exit code 1 where a function has become dearer
    Compare {
        /// Before
        a: PathBuf,
        /// After
        b: PathBuf,
        /// Where SCENARIO.difference.svg is written
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
    /// The functions with the highest priorities over all scenarios in a folder of `run --out`
    Priorities {
        folder: PathBuf,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 5)]
        most: usize,
    },
    /// How budgets went, from commit to commit: a folder of such folders
    History {
        #[arg(default_value = "target/profile")]
        folder: PathBuf,
    },
    /// How often functions are called in one run of a scenario, as JSON
    Calls {
        /// Name of a scenario, or a file of your own that ends in .toml
        scenario: String,
        /// Names as a flamegraph has them; nothing is told of what was inlined everywhere
        #[arg(required = true, value_name = "FUNCTION")]
        functions: Vec<String>,
        /// Who counts
        #[arg(long, value_enum, default_value_t = Counter::Uprobes)]
        by: Counter,
    },
    /// The part of `run` and `calls` inside of the lab
    #[command(hide = true)]
    Inside {
        scenario: String,
        #[command(flatten)]
        how: How,
        #[arg(long, value_enum, requires = "functions")]
        count_by: Option<Counter>,
        functions: Vec<String>,
    },
}

#[derive(Args, Debug)]
struct RunArguments {
    /// Names of scenarios, `all`, or files of your own that end in .toml
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<String>,
    #[command(flatten)]
    how: How,
    /// Exit code 1 where a budget is missed, or could not be looked at
    #[arg(long)]
    enforce: bool,
}

fn main() -> ExitCode {
    match work(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("prtip-profile: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn work(what: What) -> Result<bool> {
    match what {
        What::List => {
            for scenario in Scenario::shipped()? {
                println!("{}: {}", scenario.name, scenario.title);
                println!("  prtip {}", scenario.command);
                if let Some(lab) = &scenario.lab {
                    println!("  in: prtip-bench lab run {lab}");
                }
                for budget in &scenario.budget {
                    println!("  {}: at most {} %", budget.what, budget.limit);
                }
            }
            Ok(true)
        }
        What::Run(arguments) => run_all(&arguments),
        What::Compare { a, b, out } => {
            let (text, regressed) = compare::compare(&a, &b, &out)?;
            print!("{text}");
            Ok(!regressed)
        }
        What::Priorities { folder, most } => {
            print!("{}", summary::priorities(&folder, most)?);
            Ok(true)
        }
        What::History { folder } => {
            print!("{}", summary::history(&folder)?);
            Ok(true)
        }
        What::Calls { scenario, functions, by } => {
            run::run_calls(&scenario, &Scenario::named(&scenario)?, by, &functions)
        }
        What::Inside { scenario, how, count_by, functions } => {
            let scenario = Scenario::named(&scenario)?;
            match count_by {
                Some(by) => run::tell_calls(&scenario, by, &functions),
                None => run::inside(&scenario, &how),
            }
        }
    }
}

fn run_all(arguments: &RunArguments) -> Result<bool> {
    let mut chosen = Vec::new();
    for name in &arguments.scenarios {
        if name == "all" {
            chosen.extend(Scenario::shipped()?.into_iter().map(|s| (s.name.clone(), s)));
        } else {
            chosen.push((name.clone(), Scenario::named(name)?));
        }
    }
    let mut within = true;
    for (name, scenario) in &chosen {
        match run::run(name, scenario, &arguments.how)? {
            Ended::Within(met) => within &= met,
            Ended::Skipped(why) => {
                println!("{name}: SKIPPED: {why}");
                within = false;
            }
        }
    }
    Ok(within || !arguments.enforce)
}
