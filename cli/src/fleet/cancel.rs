//! `prtip fleet cancel`: ends a job.

use bytes::Bytes;
use clap::Args;
use prtip_engine::error::Result;
use prtip_fleet::link::{Link, out_stream, work_stream};
use prtip_fleet::server::{in_time, refused, runtime};

use super::server_args::ServerArgs;
use crate::exit::Exit;
use crate::say::say;

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The job.
    #[arg(value_name = "JOB")]
    job: String,
    /// Forget it altogether, with what was found.
    #[arg(long)]
    delete: bool,
}

pub(super) fn run(args: &CancelArgs) -> Result<Exit> {
    runtime()?.block_on(in_time("cancel the job", async {
        let link = Link::open(&args.server.server()).await?;
        link.permitted("cancel the job", cancel(&link, args)).await
    }))
}

async fn cancel(link: &Link, args: &CancelArgs) -> Result<Exit> {
    let job = link.job(&args.job).await?;
    let id = &job.id;
    let fail = |error: String| refused(format!("cancel the job {id}"), error);
    // Workers look for this, and have no more ranges to take.
    let marked = link.jobs.put(format!("{id}.cancelled"), Bytes::new()).await;
    marked.map_err(|error| fail(error.to_string()))?;
    let work = link.work_stream(id).await;
    if let Ok(work) = &work {
        work.purge().await.map_err(|error| fail(error.to_string()))?;
    }
    if args.delete {
        for name in [work_stream(id), out_stream(id)] {
            // One that a submission that failed has not made.
            let _ = link.jetstream.delete_stream(name).await;
        }
        for key in [id.clone(), format!("{id}.cancelled")] {
            link.jobs.purge(key).await.map_err(|error| fail(error.to_string()))?;
        }
        say(format_args!("prtip: job {id} is gone"));
    } else {
        work?;
        say(format_args!("prtip: job {id} is cancelled; what was found can be collected"));
    }
    Ok(Exit::Done)
}
