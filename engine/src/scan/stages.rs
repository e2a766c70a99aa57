//! How long the engine itself takes: `--stage-latency`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::latency::Latency;
use crate::port::SendStages;

/// The stages of a scan, all its workers.
#[derive(Clone, Debug, Default)]
pub struct Stages {
    /// Of sending, as the ports have measured it.
    pub send: SendStages,
    /// From the kernel's time stamp on a reply to the hand-over of its event.
    pub ring_to_event: Latency,
}

impl Stages {
    /// Each with its name, as files and records call it.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &Latency); 3] {
        [
            (NAMES[0], &self.send.craft_to_kick),
            (NAMES[1], &self.send.kick_to_completion),
            (NAMES[2], &self.ring_to_event),
        ]
    }
}

/// Names of the stages.
pub const NAMES: [&str; 3] = ["craft-to-kick", "kick-to-completion", "ring-to-event"];

/// Percentiles of a stage in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StageTimes {
    /// Probes or replies that were timed.
    pub count: u64,
    /// The shortest.
    pub min: u64,
    /// Half took at most so long.
    pub p50: u64,
    /// 90 % did.
    pub p90: u64,
    /// 99 % did.
    pub p99: u64,
    /// 99.9 % did.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

impl StageTimes {
    /// Of a stage; `None` where nothing was timed.
    #[must_use]
    pub fn of(latency: &Latency) -> Option<Self> {
        (latency.count() > 0).then(|| Self {
            count: latency.count(),
            min: latency.min_ns(),
            p50: latency.at_quantile_ns(0.5),
            p90: latency.at_quantile_ns(0.9),
            p99: latency.at_quantile_ns(0.99),
            p999: latency.at_quantile_ns(0.999),
            max: latency.max_ns(),
        })
    }
}
