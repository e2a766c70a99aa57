//! Division of a rank by the number of ports without a division instruction.

/// A divisor with its precomputed reciprocal, for dividends below 2^63.
///
/// With l = ⌈log₂ d⌉ and m = ⌈2^(63+l) / d⌉, n·m / 2^(63+l) exceeds n/d by less
/// than n / 2^(63+l) < 1/d, so its whole part is the quotient (Granlund and
/// Montgomery, Division by Invariant Integers using Multiplication, 1994).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Divisor {
    divisor: u64,
    reciprocal: u64,
    shift: u32,
}

impl Divisor {
    /// Divides by `divisor`, 1 to 2^32.
    pub(crate) fn new(divisor: u64) -> Self {
        assert!((1..=1 << 32).contains(&divisor), "divisor {divisor}");
        let shift = u64::BITS - (divisor - 1).leading_zeros();
        let reciprocal = (1u128 << (63 + shift)).div_ceil(divisor.into());
        let reciprocal = u64::try_from(reciprocal).expect("2^(63+l) / d < 2^64 for d > 2^(l-1)");
        Self { divisor, reciprocal, shift }
    }

    /// The divisor, its reciprocal, and what the product is shifted by.
    pub(crate) fn constants(&self) -> (u64, u64, u32) {
        (self.divisor, self.reciprocal, self.shift)
    }

    /// Quotient and remainder of `n` < 2^63.
    #[inline]
    pub(crate) fn split(&self, n: u64) -> (u64, u64) {
        let product = u128::from(n << 1) * u128::from(self.reciprocal);
        let quotient = (product >> 64) as u64 >> self.shift;
        (quotient, n - quotient * self.divisor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_number_of_ports_divides_rightly_at_the_edges() {
        for divisor in (1..=65_535u64).chain([1 << 32]) {
            let reciprocal = Divisor::new(divisor);
            let top = (1u64 << 63) - 1;
            let last = top / divisor * divisor;
            for n in [0, 1, divisor - 1, divisor, divisor + 1, last - 1, last, top] {
                assert_eq!(reciprocal.split(n), (n / divisor, n % divisor), "{n} / {divisor}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_divides_like_the_operator(divisor in 1u64..=65_535, n in 0u64..1 << 63) {
            prop_assert_eq!(Divisor::new(divisor).split(n), (n / divisor, n % divisor));
        }
    }
}
