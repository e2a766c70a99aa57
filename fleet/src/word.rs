//! What a worker of a job says of itself, every now and then.

use serde::{Deserialize, Serialize};

/// What a worker says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Word {
    /// Its name.
    pub worker: String,
    /// Version of prtip.
    pub version: String,
    /// Probes a second that its operator lets it send; none: as many as it gets.
    pub limit: Option<f64>,
    /// What it takes as its part of the job's rate.
    pub share: Option<f64>,
    /// Probes of its ended runs and of this one.
    pub sent: u64,
    /// Probes a second in the last seconds.
    pub pps: f64,
    /// Results it has stored or is about to.
    pub found: u64,
    /// How many ranges it has.
    pub held: usize,
    /// How many it has finished.
    pub finished: u64,
    /// It says a word every so many milliseconds.
    pub beat_ms: u64,
    /// It stops.
    #[serde(default)]
    pub leaves: bool,
    /// Which run of a worker of that name says this: when it began, microseconds of 1970.
    #[serde(default)]
    pub run: u64,
    /// It works already: one that comes and is called the same has to go.
    #[serde(default)]
    pub settled: bool,
}
