//! Faults made on purpose, so that tests can see the checks fail: the
//! environment variable `PRTIP_FAULT`, read once when a scan is prepared.

/// A fault to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Probes carry cookies of another key than replies are checked with.
    ForgedKey,
    /// One received frame is dropped without being counted.
    DropFrame,
    /// One result is reported twice.
    DoubleReply,
    /// Checkpoints do not wait for late replies.
    HastyCheckpoint,
    /// The control sample of `--rate auto` counts every question as answered.
    DeafControl,
    /// Replies seem to have come 100 us before they did.
    EarlyClock,
    /// The steering program is not told which hosts are asked for their systems.
    ForgottenFlows,
    /// Probes that the driver has refused are not sent again.
    ForgottenRefusals,
}

impl Fault {
    /// The fault that the environment asks for.
    #[must_use]
    pub(crate) fn from_environment() -> Option<Self> {
        match std::env::var("PRTIP_FAULT").ok()?.as_str() {
            "forged-key" => Some(Self::ForgedKey),
            "drop-frame" => Some(Self::DropFrame),
            "double-reply" => Some(Self::DoubleReply),
            "hasty-checkpoint" => Some(Self::HastyCheckpoint),
            "deaf-control" => Some(Self::DeafControl),
            "early-clock" => Some(Self::EarlyClock),
            "forgotten-flows" => Some(Self::ForgottenFlows),
            "forgotten-refusals" => Some(Self::ForgottenRefusals),
            _ => None,
        }
    }
}
