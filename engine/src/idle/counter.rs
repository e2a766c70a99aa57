//! What a host's IP identifications say of how it counts packets.

use std::fmt;

/// Identifications from which a counter is judged.
pub const SAMPLES: usize = 6;
/// Packets in another's name with which it is asked whether all hosts are counted together.
pub const FOREIGN: u16 = 4;
/// A counter that goes on by more than so many packets between two of ours is none.
const WILD: u16 = 256;
/// Packets to others, in the whole sample, that a usable zombie may send.
const BUSY: u16 = 6;

/// A counter that counts packets to all hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// What a packet adds to it: 1 or 2.
    pub step: u16,
    /// The identification is written with its low byte first.
    pub swapped: bool,
}

/// Why a host cannot be a zombie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// No packet can be sent to it.
    NoWay,
    /// It does not answer, or not reliably.
    Silent,
    /// All its packets have this identification.
    Constant(u16),
    /// There is no order in them.
    Random,
    /// Packets to others do not count.
    PerHost,
    /// It sent so many packets to others meanwhile.
    Busy(u16),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWay => f.write_str("there is no way to it"),
            Self::Silent => f.write_str("it does not answer a SYN-ACK with a RST"),
            Self::Constant(0) => f.write_str("its IP identification is always 0"),
            Self::Constant(id) => write!(f, "its IP identification is always {id}"),
            Self::Random => f.write_str("its IP identifications are random"),
            Self::PerHost => f.write_str(
                "it counts for each host apart, or packets in another's name do not reach it",
            ),
            Self::Busy(others) => {
                write!(f, "it is busy: {others} packets to others between a few of ours")
            }
        }
    }
}

impl Counter {
    /// Judges identifications of consecutive answers.
    ///
    /// # Errors
    /// Why the host will not do.
    pub fn of(ids: &[u16]) -> Result<Self, Unfit> {
        if ids.len() < SAMPLES {
            return Err(Unfit::Silent);
        }
        if ids.iter().all(|id| *id == ids[0]) {
            return Err(Unfit::Constant(ids[0]));
        }
        let steps = |swapped: bool| -> Vec<u16> {
            let read = |id: u16| if swapped { id.swap_bytes() } else { id };
            ids.windows(2).map(|pair| read(pair[1]).wrapping_sub(read(pair[0]))).collect()
        };
        // The order of bytes in which it goes on more slowly is the right one.
        let sum = |steps: &[u16]| steps.iter().map(|step| u64::from(*step)).sum::<u64>();
        let swapped = sum(&steps(true)) < sum(&steps(false));
        let steps = steps(swapped);
        if steps.iter().any(|step| *step == 0 || *step > WILD) {
            return Err(Unfit::Random);
        }
        let step = if steps.iter().all(|step| step % 2 == 0) { 2 } else { 1 };
        let others = steps.iter().map(|one| one / step - 1).sum();
        if others > BUSY { Err(Unfit::Busy(others)) } else { Ok(Self { step, swapped }) }
    }

    /// Packets from one identification to a later one.
    #[must_use]
    pub fn packets(self, from: u16, to: u16) -> u16 {
        let read = |id: u16| if self.swapped { id.swap_bytes() } else { id };
        read(to).wrapping_sub(read(from)) / self.step
    }

    /// Whether packets to others count too: [`FOREIGN`] of them were drawn between two
    /// identifications. One may have been lost.
    ///
    /// # Errors
    /// Where they do not.
    pub fn counts_others(self, from: u16, to: u16) -> Result<(), Unfit> {
        match self.packets(from, to) {
            packets if packets > FOREIGN + 1 + BUSY => Err(Unfit::Busy(packets - FOREIGN - 1)),
            packets if packets >= FOREIGN => Ok(()),
            _ => Err(Unfit::PerHost),
        }
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "counts packets to all hosts, {} a packet", self.step)?;
        if self.swapped { f.write_str(", low byte first") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_known_by_its_steps() {
        let counter = |step, swapped| Ok(Counter { step, swapped });
        assert_eq!(Counter::of(&[7, 8, 9, 10, 11, 12]), counter(1, false));
        assert_eq!(Counter::of(&[0xfffe, 0xffff, 0, 1, 2, 3]), counter(1, false));
        // Somebody else was answered too.
        assert_eq!(Counter::of(&[7, 8, 10, 11, 14, 15]), counter(1, false));
        assert_eq!(Counter::of(&[8, 10, 12, 14, 16, 18]), counter(2, false));
        let swapped = [254_u16, 255, 256, 257, 258, 259].map(u16::swap_bytes);
        assert_eq!(Counter::of(&swapped), counter(1, true));
        assert_eq!(Counter::of(&[0; 6]), Err(Unfit::Constant(0)));
        assert_eq!(Counter::of(&[9; 6]), Err(Unfit::Constant(9)));
        assert_eq!(Counter::of(&[1, 2, 3]), Err(Unfit::Silent));
        assert_eq!(Counter::of(&[5, 40_000, 7, 19_000, 3, 50_000]), Err(Unfit::Random));
        assert_eq!(Counter::of(&[1, 11, 21, 31, 41, 52]), Err(Unfit::Busy(46)));
    }

    #[test]
    fn whether_others_count_is_asked() {
        for (step, swapped) in [(1, false), (2, false), (1, true)] {
            let counter = Counter { step, swapped };
            let id = |packets: u16| {
                let id = 65_530_u16.wrapping_add(packets * step);
                if swapped { id.swap_bytes() } else { id }
            };
            assert_eq!(counter.packets(id(0), id(9)), 9);
            assert_eq!(counter.counts_others(id(0), id(1)), Err(Unfit::PerHost));
            assert_eq!(counter.counts_others(id(0), id(5)), Ok(()));
            assert_eq!(counter.counts_others(id(0), id(60)), Err(Unfit::Busy(55)));
        }
    }
}
