//! The tests that look at several answers at once: how initial sequence numbers, IP
//! identifications and time stamps go on from answer to answer (the SEQ line).

use prtip_signatures::os::Fingerprint;
use prtip_signatures::os::notation::Test;

/// Answers from which a sequence is judged.
const FEWEST_NUMBERS: usize = 4;

/// One of the six answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// Which of the probes it answers, from 0.
    pub probe: u8,
    /// When that probe was sent.
    pub sent_ns: u64,
    /// Initial sequence number.
    pub number: u32,
    /// IP identification.
    pub id: u16,
    /// Time stamp; `None` where there is none.
    pub stamp: Option<u32>,
}

/// How a counter goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    Zero,
    Constant(u16),
    Random,
    RandomIncrements,
    BrokenIncrements,
    Incremental,
}

impl std::fmt::Display for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Zero => f.write_str("Z"),
            Self::Constant(value) => write!(f, "{value:X}"),
            Self::Random => f.write_str("RD"),
            Self::RandomIncrements => f.write_str("RI"),
            Self::BrokenIncrements => f.write_str("BI"),
            Self::Incremental => f.write_str("I"),
        }
    }
}

/// Judges a sequence of at least two identifications. `few`: two are no sample of a random
/// counter. `shared`: the counter is this host's own and counts our probes as well.
pub(super) fn counter(ids: &[u16], few: bool, shared: bool) -> Option<Counter> {
    let mut steps: Vec<u16> = ids.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let &first = ids.first()?;
    if steps.is_empty() {
        return None;
    }
    if ids.iter().all(|&id| id == 0) {
        return Some(Counter::Zero);
    }
    if !few && steps.iter().any(|&step| step >= 20_000) {
        return Some(Counter::Random);
    }
    if steps.iter().all(|&step| step == 0) {
        return Some(Counter::Constant(first));
    }
    if shared && steps.iter().all(|&step| step >= 2) {
        for step in &mut steps {
            *step -= if *step % 256 == 0 { 256 } else { 1 };
        }
    }
    let is_wild = |&step: &u16| step > 1000 && (step % 256 != 0 || u32::from(step) >= 256_000);
    if steps.iter().any(is_wild) {
        return Some(Counter::RandomIncrements);
    }
    if steps.iter().all(|&step| step % 256 == 0 && step <= 5120) {
        return Some(Counter::BrokenIncrements);
    }
    steps.iter().all(|&step| step < 10).then_some(Counter::Incremental)
}

/// GCD, ISR and SP: what initial sequence numbers have in common, how fast they go on, and
/// how well the next could be guessed.
pub(super) fn numbers(samples: &[Sample], line: &str, into: &mut Fingerprint) {
    if samples.len() < FEWEST_NUMBERS {
        return;
    }
    let steps: Vec<u32> = samples
        .windows(2)
        .map(|pair| {
            let step = pair[1].number.wrapping_sub(pair[0].number);
            // Backwards where that is shorter.
            step.min(step.wrapping_neg())
        })
        .collect();
    let divisor = steps.iter().fold(0, |a, &b| gcd(a, b));
    let rates: Vec<f64> = steps
        .iter()
        .zip(seconds(samples))
        .map(|(&step, seconds)| f64::from(step) / seconds)
        .collect();
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    let unit = if divisor > 9 { f64::from(divisor) } else { 1.0 };
    let spread: f64 = rates.iter().map(|rate| ((rate - mean) / unit).powi(2)).sum();
    let deviation = (spread / (rates.len() - 1) as f64).sqrt();
    let eighths = |value: f64| if value <= 1.0 { 0 } else { (value.log2() * 8.0).round() as u32 };
    let hex = |value| format!("{value:X}");
    into.set(Test::named(line, "SP"), hex(eighths(deviation)));
    into.set(Test::named(line, "GCD"), hex(divisor));
    into.set(Test::named(line, "ISR"), hex(eighths(mean)));
}

/// TS: how many steps a second time stamps make.
pub(super) fn stamps(samples: &[Sample], line: &str, into: &mut Fingerprint) {
    if samples.len() < 2 {
        return;
    }
    let stamps: Option<Vec<u32>> = samples.iter().map(|sample| sample.stamp).collect();
    let told = match stamps {
        None => "U".to_owned(),
        Some(stamps) if stamps.contains(&0) => "0".to_owned(),
        Some(stamps) => {
            let steps = stamps.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
            let rates = steps.zip(seconds(samples)).map(|(step, s)| f64::from(step) / s);
            let rate = rates.sum::<f64>() / (stamps.len() - 1) as f64;
            match rate {
                ..=5.66 => "1".to_owned(),
                70.0..=150.0 => "7".to_owned(),
                150.0..=350.0 => "8".to_owned(),
                _ => format!("{:X}", rate.log2().round() as u32),
            }
        }
    };
    into.set(Test::named(line, "TS"), told);
}

/// SS: whether echoes count with the same counter as TCP.
pub(super) fn shares_counter(samples: &[Sample], first_echo: u16) -> Option<bool> {
    let (first, last) = (samples.first()?, samples.last()?);
    let probes = u32::from(last.probe.checked_sub(first.probe).filter(|&apart| apart > 0)?);
    // A counter that has come round meanwhile is not looked for, as nmap does: the
    // difference is then far more than any echo can be ahead.
    let average = u32::from(last.id).wrapping_sub(first.id.into()) / probes;
    let far = u32::from(last.id).wrapping_add(average.wrapping_mul(3));
    Some(u32::from(first_echo) < far)
}

/// Seconds between the probes of neighbouring answers.
fn seconds(samples: &[Sample]) -> impl Iterator<Item = f64> {
    samples.windows(2).map(|pair| {
        let ns = pair[1].sent_ns.saturating_sub(pair[0].sent_ns).max(1000);
        ns as f64 / 1e9
    })
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
