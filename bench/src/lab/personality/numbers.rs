//! Numbers that go on from packet to packet: initial sequence numbers, IP identifications
//! and time stamps, made so that the SEQ line says of them what it shall say.

use prtip_signatures::os::Fingerprint;
use prtip_signatures::os::notation::Test;

/// Sequence numbers further apart than half of their range look as if they ran backwards.
const LONGEST_STEP: f64 = (1_u32 << 31) as f64;
/// How the five rates stand around their mean, in deviations: evenly, or, where one rate
/// would be negative or too large, with one far from the others. The mean of each is 0 and
/// its deviation (of a sample) 1.
const SPREADS: [[f64; 5]; 3] = [
    [1.0, -1.0, 1.0, -1.0, 0.0],
    [-0.447_213_6, -0.447_213_6, 1.788_854_4, -0.447_213_6, -0.447_213_6],
    [0.447_213_6, 0.447_213_6, -1.788_854_4, 0.447_213_6, 0.447_213_6],
];

/// A test's value as a number.
pub(super) fn number(fingerprint: &Fingerprint, line: &str, name: &str) -> Option<u64> {
    let text = fingerprint.get(Test::named(line, name))?;
    u64::from_str_radix(text, 16).ok()
}

/// Initial sequence numbers: each is as much further as its rate makes of the time since
/// the last, in whole multiples of the divisor.
#[derive(Clone, Debug)]
pub(super) struct Initial {
    divisor: u32,
    /// A second, between each two of the six.
    rates: [f64; 5],
    value: u32,
    last_ns: u64,
    /// The common divisor of the multiples so far.
    common: u32,
}

impl Initial {
    pub(super) fn of(fingerprint: &Fingerprint, value: u32) -> Self {
        let get = |name| number(fingerprint, "SEQ", name);
        let divisor = get("GCD").map_or(1, |divisor| divisor.min(u64::from(u32::MAX)) as u32);
        let unit = if divisor > 9 { f64::from(divisor) } else { 1.0 };
        let power = |eighths: u64| {
            let eighths = u32::try_from(eighths).unwrap_or(0).min(8 * 40);
            if eighths == 0 { 0.0 } else { (f64::from(eighths) / 8.0).exp2() }
        };
        let deviation = get("SP").map_or(0.0, power) * unit;
        let mean = get("ISR").map_or(1000.0, power);
        let rates = |spread: &[f64; 5]| spread.map(|at| mean + at * deviation);
        let fits =
            |rates: &[f64; 5]| rates.iter().all(|rate| (0.0..LONGEST_STEP * 9.9).contains(rate));
        let all = SPREADS.map(|spread| rates(&spread));
        let rates = all.into_iter().find(fits).unwrap_or(all[0]);
        Self { divisor, rates, value, last_ns: 0, common: 0 }
    }

    /// The number that answers one of the six probes, from 0.
    pub(super) fn next(&mut self, probe: usize, now_ns: u64) -> u32 {
        let seconds = now_ns.saturating_sub(self.last_ns) as f64 / 1e9;
        let rate = probe.checked_sub(1).and_then(|at| self.rates.get(at));
        match rate {
            None => self.common = 0,
            Some(rate) if self.divisor > 0 => {
                let most = LONGEST_STEP - f64::from(self.divisor);
                let step = (rate * seconds).clamp(0.0, most.max(0.0));
                let mut multiple = (step / f64::from(self.divisor)).round() as u32;
                // The last one sees to it that the divisor is the largest.
                while probe == 5 && gcd(self.common, multiple) != 1 {
                    multiple += 1;
                }
                self.common = gcd(self.common, multiple);
                self.value = self.value.wrapping_add(multiple.wrapping_mul(self.divisor));
            }
            Some(_) => {}
        }
        self.last_ns = now_ns;
        self.value
    }
}

/// How identifications go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Zero,
    Constant(u16),
    Random,
    RandomIncrements,
    BrokenIncrements,
    Incremental,
    /// In steps that have no name, since the fingerprint has none.
    Nameless,
}

/// IP identifications.
#[derive(Clone, Debug)]
pub(super) struct Identifications {
    kind: Kind,
    value: u16,
}

impl Identifications {
    /// As the test `name` of the SEQ line says.
    pub(super) fn of(fingerprint: &Fingerprint, name: &str, value: u16) -> Self {
        let kind = match fingerprint.get(Test::named("SEQ", name)) {
            None => Kind::Nameless,
            Some("Z") => Kind::Zero,
            Some("RD") => Kind::Random,
            Some("RI") => Kind::RandomIncrements,
            Some("BI") => Kind::BrokenIncrements,
            Some("I") => Kind::Incremental,
            Some(text) => u16::from_str_radix(text, 16).map_or(Kind::Nameless, Kind::Constant),
        };
        Self { kind, value }
    }

    /// The next, and how far from the last it is.
    pub(super) fn next(&mut self, draw: &mut dyn FnMut(u64) -> u64) -> u16 {
        let step = match self.kind {
            Kind::Zero => return 0,
            Kind::Constant(value) => return value,
            Kind::Random => 20_000 + draw(25_000) as u16,
            // Odd, so no multiple of 256.
            Kind::RandomIncrements => 2001 + 2 * draw(1000) as u16,
            Kind::BrokenIncrements => 256,
            Kind::Incremental => 1,
            Kind::Nameless => 21 + 2 * draw(80) as u16,
        };
        self.value = self.value.wrapping_add(step);
        self.value
    }

    /// Goes on from another counter.
    pub(super) fn go_on_from(&mut self, other: &Self) {
        self.value = other.value;
    }

    /// Goes on where it does not come round within the sixteen probes.
    pub(super) fn begin_low(&mut self) {
        self.value &= 0x1fff;
    }

    /// Goes on far ahead of a counter that began low.
    pub(super) fn begin_high(&mut self) {
        self.value = 0xe000;
    }
}

/// Time stamps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamps {
    rate: f64,
    begun_ns: u64,
    first: u32,
}

impl Stamps {
    pub(super) fn of(fingerprint: &Fingerprint, begun_ns: u64, first: u32) -> Self {
        let rate = match number(fingerprint, "SEQ", "TS") {
            Some(1) => 2.0,
            Some(8) => 200.0,
            // 7, and where nothing is said.
            None | Some(0 | 7) => 100.0,
            Some(power) => f64::from(u32::try_from(power).unwrap_or(0).min(35)).exp2(),
        };
        Self { rate, begun_ns, first }
    }

    /// Never 0, which would say that there is none.
    pub(super) fn at(&self, now_ns: u64) -> u32 {
        let ticks = now_ns.saturating_sub(self.begun_ns) as f64 / 1e9 * self.rate;
        self.first.wrapping_add(ticks as u64 as u32).max(1)
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
