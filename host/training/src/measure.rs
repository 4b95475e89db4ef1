//! How good predictions are.

use serde::Serialize;
use steward_statistics::{Z_95, wilson};

/// Between which bounds a share would lie with other examples of the same kind, 19 times of 20.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ShareInterval {
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
    /// 0.95
    pub level: f64,
}

/// Wilson's interval of a share of which `right` of `all` were seen. Of nothing, everything is possible.
pub fn share_interval(right: usize, all: usize) -> ShareInterval {
    let found = wilson(right as f64, all as f64, Z_95);
    ShareInterval {
        low: found.low,
        high: found.high,
        level: 0.95,
    }
}

/// How often each label was called each: `[is][called]`.
///
/// Pairs of what is and what was called, as places of labels below `labels`; others are left out.
pub fn confusion(pairs: impl Iterator<Item = (usize, usize)>, labels: usize) -> Vec<Vec<u64>> {
    let mut table = vec![vec![0; labels]; labels];
    for (is, called) in pairs {
        if let Some(cell) = table.get_mut(is).and_then(|row| row.get_mut(called)) {
            *cell += 1;
        }
    }
    table
}

/// Whether a probability means what it says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// The expected calibration error: the mean distance between the probability of the label that was called and the share
    /// that is right, over the bins, each as much as it has predictions (C. Guo et al., "On calibration of modern neural
    /// networks", ICML 2017). 0 is best.
    pub error: f64,
    /// Ten bins of probabilities, those without predictions left out.
    pub bins: Vec<CalibrationBin>,
}

/// Predictions of about the same probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// From this probability on.
    pub from: f64,
    /// How many predictions.
    pub count: u64,
    /// Their mean probability.
    pub confidence: f64,
    /// The share that is right.
    pub accuracy: f64,
}

/// Holds probabilities of labels that were called against whether they are right.
pub fn calibration(predictions: impl Iterator<Item = (f64, bool)>) -> Calibration {
    const BINS: usize = 10;
    let mut sums = [(0_u64, 0.0, 0_u64); BINS];
    let mut all = 0_u64;
    for (probability, right) in predictions {
        let bin = ((probability * BINS as f64) as usize).min(BINS - 1);
        let (count, confidence, correct) = &mut sums[bin];
        *count += 1;
        *confidence += probability;
        *correct += u64::from(right);
        all += 1;
    }
    let filled = sums.iter().enumerate().filter(|(_, sum)| sum.0 > 0);
    let bins: Vec<CalibrationBin> = filled
        .map(|(bin, (count, confidence, correct))| CalibrationBin {
            from: bin as f64 / BINS as f64,
            count: *count,
            confidence: confidence / *count as f64,
            accuracy: *correct as f64 / *count as f64,
        })
        .collect();
    let error = bins.iter().map(|bin| {
        let share = bin.count as f64 / all.max(1) as f64;
        share * (bin.confidence - bin.accuracy).abs()
    });
    Calibration {
        error: error.sum(),
        bins,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_8_of_10_is_the_published_one() {
        let found = share_interval(8, 10);
        assert!((found.low - 0.490_162).abs() < 1e-6, "{found:?}");
        assert!((found.high - 0.943_318).abs() < 1e-6, "{found:?}");
        assert_eq!(share_interval(0, 0).high, 1.0);
        assert!(share_interval(0, 9).low.abs() < 1e-12);
    }

    #[test]
    fn a_probability_that_is_too_high_is_an_error_of_calibration() {
        let sure = |right: usize| (0..10).map(move |n| (0.95, n < right));
        let found = calibration(sure(5));
        assert!((found.error - 0.45).abs() < 1e-12, "{found:?}");
        assert_eq!((found.bins.len(), found.bins[0].count), (1, 10));
        assert!(
            calibration([(1.0, true), (0.0, false)].into_iter())
                .error
                .abs()
                < 1e-12
        );
        assert_eq!(calibration(std::iter::empty()).error, 0.0);
    }

    #[test]
    fn confusions_are_counted_by_what_is() {
        let table = confusion([(0, 0), (0, 1), (1, 1), (2, 0)].into_iter(), 2);
        assert_eq!(table, [[1, 1], [0, 1]]);
    }
}
