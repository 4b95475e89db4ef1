//! How likely chance alone explains what was counted.

/// A bound counts as passed where chance explains it less often than this. Small, because the same candidate is judged
/// again and again.
pub(super) const CHANCE: f64 = 1e-4;

/// How many standard errors leave [`CHANCE`] above them in a normal distribution.
pub(super) const Z: f64 = 3.719;

/// How likely at most it is that `hits` or more of `calls` hit where each does with a chance of `rate`.
///
/// W. Hoeffding, "Probability inequalities for sums of bounded random variables", Journal of the American Statistical
/// Association 58, 1963, inequality 2.1: an upper bound of the binomial tail at every count, exact where all hit.
/// So it never fires more often than the exact test, and it needs no special function.
pub(super) fn at_least(hits: u64, calls: u64, rate: f64) -> f64 {
    let (n, share) = (calls as f64, hits as f64 / calls.max(1) as f64);
    if share <= rate {
        return 1.0;
    }
    // A share over the rate: the rate is below 1, and neither logarithm is of a negative number.
    let hit = share * (share / rate).ln();
    let miss = match 1.0 - share {
        0.0 => 0.0,
        missed => missed * (missed / (1.0 - rate)).ln(),
    };
    (-n * (hit + miss)).exp()
}

/// The share of the first of two weights.
pub(super) fn share_of(first: f64, second: f64) -> f64 {
    first / (first + second)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The binomial tail itself, term by term.
    fn exact(hits: u64, calls: u64, rate: f64) -> f64 {
        let mut term = (1.0 - rate).powi(calls as i32);
        let mut sum = 0.0;
        for k in 0..=calls {
            if k >= hits {
                sum += term;
            }
            term *= (calls - k) as f64 / (k + 1) as f64 * rate / (1.0 - rate);
        }
        sum
    }

    #[test]
    fn edges() {
        assert_eq!(at_least(0, 0, 0.0), 1.0);
        assert_eq!(at_least(0, 10, 0.0), 1.0);
        assert_eq!(at_least(1, 10, 0.0), 0.0);
        assert_eq!(at_least(10, 10, 1.0), 1.0);
        assert!((at_least(10, 10, 0.5) - 0.5_f64.powi(10)).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn never_below_the_exact_tail_and_not_far_above(calls in 1..300_u64, part in 0.0..=1.0_f64, rate in 0.001..0.9_f64) {
            let hits = (part * calls as f64) as u64;
            let (bound, exact) = (at_least(hits, calls, rate), exact(hits, calls, rate));
            prop_assert!(bound >= exact * (1.0 - 1e-9));
            // The price of the simplicity: some square root of the number of calls.
            prop_assert!(bound <= exact * 3.0 * (calls as f64 + 1.0).sqrt() + 1e-300 || hits as f64 <= rate * calls as f64);
        }
    }
}
