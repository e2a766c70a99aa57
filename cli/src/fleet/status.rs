//! `prtip fleet status`: how far a job is, and who works on it.

use std::fmt::Write;

use clap::Args;
use prtip_engine::error::Result;
use prtip_fleet::link::Link;
use prtip_fleet::server::{in_time, runtime};
use prtip_fleet::status::{Status, of};

use super::server_args::ServerArgs;
use crate::exit::Exit;

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The job; default: a line for each.
    #[arg(value_name = "JOB")]
    job: Option<String>,
    /// As JSON, one object a job.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &StatusArgs) -> Result<Exit> {
    let text = runtime()?.block_on(in_time("ask for the jobs", async {
        let link = Link::open(&args.server.server()).await?;
        link.permitted("ask for the jobs", text(&link, args)).await
    }))?;
    crate::print(text.as_bytes())
}

async fn text(link: &Link, args: &StatusArgs) -> Result<String> {
    let names = match &args.job {
        Some(id) => vec![id.clone()],
        None => link.job_names().await?,
    };
    let mut text = String::new();
    for id in names {
        let status = of(link, &link.job(&id).await?).await?;
        if args.json {
            text += &serde_json::to_string(&status).unwrap_or_default();
            text.push('\n');
        } else if args.job.is_some() {
            text += &in_full(&status);
        } else {
            text += &line(&status);
        }
    }
    Ok(text)
}

fn line(status: &Status) -> String {
    let Status { job, state, ranges, done, leased, waiting, missing, .. } = status;
    let missing = match missing {
        0 => String::new(),
        _ => format!(", {missing} not there: still being submitted, or never submitted to the end"),
    };
    format!(
        "{job}: {state}, {done} of {ranges} ranges done, {leased} leased, {waiting} waiting, {} put aside{missing}\n",
        status.dead.len()
    )
}

fn in_full(status: &Status) -> String {
    let mut text = line(status);
    let rate = status.rate.map_or("no limit".to_owned(), |rate| format!("{rate:.0}/s"));
    let eta = status.eta_s.map_or(String::new(), |eta| format!(", {eta:.0} s left"));
    // Writing into a string does not fail.
    let _ = writeln!(
        text,
        "{} pairs, rate {rate}, now {:.0}/s by {} workers{eta}",
        status.pairs,
        status.pps,
        status.workers.len()
    );
    let _ = writeln!(text, "{:.1} MB of results on the server", status.stored_bytes as f64 / 1e6);
    if !status.dead.is_empty() {
        let numbers: Vec<String> = status.dead.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "put aside: ranges {}", numbers.join(", "));
    }
    if status.refused > 0 {
        let _ = writeln!(text, "refused by workers: {} times; see collect", status.refused);
    }
    for word in &status.workers {
        let share = word.share.map_or("-".to_owned(), |share| format!("{share:.0}"));
        let _ = writeln!(
            text,
            "  {:<24} {:>10.0}/s of {share:>10}  {:>6} ranges, {:>6} finished  {} found, {} sent",
            word.worker, word.pps, word.held, word.finished, word.found, word.sent
        );
    }
    text
}
