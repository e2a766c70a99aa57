//! How a job's rate and its ranges are divided among the workers that live.

/// What each worker sends of `total` probes a second: the same for all, but none above its
/// own limit; what those leave is the others'. In the order of `limits`.
#[must_use]
pub fn shares(total: f64, limits: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..limits.len()).collect();
    order.sort_by(|&a, &b| limits[a].total_cmp(&limits[b]));
    let mut shares = vec![0.0; limits.len()];
    let mut left = total;
    for (done, &at) in order.iter().enumerate() {
        let even = left / (limits.len() - done) as f64;
        shares[at] = limits[at].min(even);
        left -= shares[at];
    }
    shares
}

/// How many of `unfinished` ranges a worker with the part `mine` of the fleet's rate `all`
/// takes at once: its part, so that all end together, but no more than `most`.
#[must_use]
pub fn take(unfinished: u64, mine: f64, all: f64, most: u64) -> u64 {
    let part = if all > 0.0 { mine / all } else { 1.0 };
    ((unfinished as f64 * part).ceil() as u64).min(most).min(unfinished).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_slow_leave_is_the_others() {
        assert_eq!(shares(90.0, &[100.0, 100.0, 100.0]), [30.0; 3]);
        assert_eq!(shares(90.0, &[100.0, 10.0, 100.0]), [40.0, 10.0, 40.0]);
        assert_eq!(shares(90.0, &[5.0, 10.0]), [5.0, 10.0]);
        assert_eq!(shares(90.0, &[f64::INFINITY]), [90.0]);
        assert!(shares(90.0, &[]).is_empty());
    }

    #[test]
    fn equal_workers_take_equal_parts_and_the_last_range_is_taken() {
        assert_eq!(take(64, 10.0, 30.0, 1000), 22);
        assert_eq!(take(64, 10.0, 30.0, 5), 5);
        assert_eq!(take(1, 1.0, 1000.0, 5), 1);
        assert_eq!(take(0, 1.0, 1.0, 5), 1);
        assert_eq!(take(9, 0.0, 0.0, 5), 5);
    }

    proptest! {
        #[test]
        fn nobody_exceeds_a_limit_and_nothing_is_wasted(
            total in 1.0..1e9_f64,
            limits in prop::collection::vec(0.1..1e8_f64, 1..50),
        ) {
            let shares = shares(total, &limits);
            let sum: f64 = shares.iter().sum();
            let room: f64 = limits.iter().sum();
            prop_assert!(sum <= total * (1.0 + 1e-9));
            prop_assert!(sum >= total.min(room) * (1.0 - 1e-9));
            for (share, limit) in shares.iter().zip(&limits) {
                prop_assert!(*share <= *limit && *share > 0.0);
            }
        }
    }
}
