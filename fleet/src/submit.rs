//! A job and its ranges are stored.

use async_nats::jetstream::message::PublishMessage;
use futures_util::{StreamExt, stream};
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::fleet::job::Job;

use crate::link::{IN_FLIGHT, Link};
use crate::server::refused;

/// Stores `job`: first what it is, so that whoever sees a range can read what it is of.
///
/// # Errors
/// Where there is one of that name, or the server does not take it.
pub async fn publish(link: &Link, job: &Job) -> Result<()> {
    let (id, bytes) = (&job.id, job.to_bytes());
    let most = link.client.server_info().max_payload;
    if bytes.len() > most {
        return Err(Error::new(Kind::Failed, format!("submit the job {id}"))
            .cause(format!(
                "its addresses are {} bytes, and the server takes {most} in a message",
                bytes.len()
            ))
            .remedy("set max_payload higher in the server's configuration"));
    }
    link.jobs.create(id, bytes.into()).await.map_err(|error| {
        refused(format!("submit the job {id}"), error).remedy("is there one of this name?")
    })?;
    link.create_streams(id).await?;
    let mut sent = stream::iter(0..job.ranges())
        .map(|number| async move {
            let message = PublishMessage::build().message_id(number.to_string());
            let subject = format!("prtip.work.{id}.{number}");
            link.jetstream.send_publish(subject, message).await?.await
        })
        .buffer_unordered(IN_FLIGHT);
    while let Some(sent) = sent.next().await {
        sent.map_err(|error| {
            refused(format!("store the ranges of job {id}"), error)
                .remedy(format!("prtip fleet cancel --delete {id}, and submit it again"))
        })?;
    }
    Ok(())
}
