//! Reads what the workers of a job have stored, as it came: a range that was scanned twice
//! is there twice.

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use futures_util::StreamExt;
use prtip_engine::error::Result;
use prtip_engine::fleet::job::Job;

use crate::link::Link;
use crate::server::{in_time, refused};

/// A message of a job's results.
#[derive(Clone, Copy, Debug)]
pub enum Stored<'a> {
    /// Lines, each a record.
    Results(&'a [u8]),
    /// The ledger record of a run.
    Ledger(&'a [u8]),
    /// Why a worker refused the job.
    Refusal(&'a [u8]),
}

/// Gives `take` all that is stored now.
///
/// # Errors
/// Where the server does not hand it out, and those of `take`.
pub async fn read(
    link: &Link,
    job: &Job,
    mut take: impl FnMut(Stored<'_>) -> Result<()>,
) -> Result<()> {
    let id = &job.id;
    let fail = |error: String| refused(format!("read the results of job {id}"), error);
    let stream = link.out_stream(id).await?;
    let state = stream.cached_info().state.clone();
    if state.messages == 0 {
        return Ok(());
    }
    let consumer = stream
        .create_consumer(OrderedConfig {
            deliver_policy: DeliverPolicy::All,
            ..OrderedConfig::default()
        })
        .await
        .map_err(|error| fail(error.to_string()))?;
    let mut messages = consumer.messages().await.map_err(|error| fail(error.to_string()))?;
    let next = async |messages: &mut Ordered| Ok(messages.next().await);
    while let Some(message) = in_time("read the results", next(&mut messages)).await? {
        let message = message.map_err(|error| fail(error.to_string()))?;
        let at = message.info().map_err(|error| fail(error.to_string()))?.stream_sequence;
        match message.subject.rsplit('.').next() {
            Some("results") => take(Stored::Results(&message.payload))?,
            Some("ledger") => take(Stored::Ledger(&message.payload))?,
            Some("refused") => take(Stored::Refusal(&message.payload))?,
            _ => {}
        }
        if at >= state.last_sequence {
            break;
        }
    }
    Ok(())
}
