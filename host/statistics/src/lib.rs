//! How sure a share is that was seen in a sample: the same arithmetic for surveys, labels, heads and teams, in the host and in
//! guests.
//!
//! ```
//! use steward_statistics::{Z_95, wilson};
//!
//! // 8 of 10 said yes.
//! let interval = wilson(8.0, 10.0, Z_95);
//! assert!((interval.low - 0.490_162).abs() < 1e-6 && (interval.high - 0.943_318).abs() < 1e-6);
//! ```
#![deny(missing_docs)]

/// The 97.5 % point of the normal distribution: an interval of this width holds in both directions 19 times of 20.
pub const Z_95: f64 = 1.959_963_984_540_054;
/// The 95 % point of the normal distribution: a bound of this width holds in its one direction 19 times of 20.
pub const Z_95_ONE_SIDED: f64 = 1.644_853_626_951_472_7;

/// Between what a number lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// From.
    pub low: f64,
    /// To.
    pub high: f64,
}

impl Interval {
    /// As far to each side of `middle` as `width` says.
    pub fn around(middle: f64, width: f64) -> Self {
        Self {
            low: middle - width,
            high: middle + width,
        }
    }
}

/// The interval of a share of which `successes` of `trials` were seen, as wide as the point `z` of the normal distribution
/// says (E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
/// Statistical Association 22, 1927). It stays within 0 and 1; of nothing, everything is possible.
pub fn wilson(successes: f64, trials: f64, z: f64) -> Interval {
    if trials <= 0.0 {
        return Interval {
            low: 0.0,
            high: 1.0,
        };
    }
    let share = successes / trials;
    let z2 = z * z;
    let middle = (share + z2 / (2.0 * trials)) / (1.0 + z2 / trials);
    let width = z / (1.0 + z2 / trials)
        * (share * (1.0 - share) / trials + z2 / (4.0 * trials * trials)).sqrt();
    Interval {
        // Rounding may lead past the share itself where that is 0 or 1.
        low: (middle - width).max(0.0).min(share),
        high: (middle + width).min(1.0).max(share),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_8_of_10_is_the_published_one() {
        let found = wilson(8.0, 10.0, Z_95);
        assert!((found.low - 0.490_162).abs() < 5e-7, "{found:?}");
        assert!((found.high - 0.943_318).abs() < 5e-7, "{found:?}");
    }

    #[test]
    fn it_stays_within_0_and_1_and_around_the_share() {
        for z in [Z_95, Z_95_ONE_SIDED] {
            for trials in 1..200 {
                for successes in 0..=trials {
                    let share = f64::from(successes) / f64::from(trials);
                    let found = wilson(f64::from(successes), f64::from(trials), z);
                    assert!(0.0 <= found.low && found.low <= share, "{found:?}");
                    assert!(share <= found.high && found.high <= 1.0, "{found:?}");
                }
            }
        }
    }

    #[test]
    fn of_nothing_everything_is_possible() {
        let found = wilson(0.0, 0.0, Z_95);
        assert_eq!((found.low, found.high), (0.0, 1.0));
    }
}
