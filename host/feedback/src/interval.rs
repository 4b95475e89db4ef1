//! Intervals around shares and means.

use crate::special::{normal_quantile, student_critical};

/// Between what a number lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// From.
    pub low: f64,
    /// To.
    pub high: f64,
}

impl Interval {
    pub(crate) fn around(middle: f64, width: f64) -> Self {
        Self {
            low: middle - width,
            high: middle + width,
        }
    }
}

/// Wilson's interval of a share (E. B. Wilson, 1927): `successes` of `trials`, which is not 0. It stays within 0 and 1.
pub fn wilson(successes: f64, trials: f64, confidence: f64) -> Interval {
    let z = normal_quantile(0.5 + 0.5 * confidence);
    let share = successes / trials;
    let z2 = z * z;
    let middle = (share + z2 / (2.0 * trials)) / (1.0 + z2 / trials);
    let width = z / (1.0 + z2 / trials)
        * (share * (1.0 - share) / trials + z2 / (4.0 * trials * trials)).sqrt();
    Interval {
        // Rounding may lead past the share itself where that is 0 or 1.
        low: (middle - width).clamp(0.0, share),
        high: (middle + width).clamp(share, 1.0),
    }
}

/// The interval of a net promoter score between -1 and 1: the normal one of a mean whose single values are -1, 0 and 1.
pub fn net_promoter(promoters: f64, detractors: f64, answers: f64, confidence: f64) -> Interval {
    let z = normal_quantile(0.5 + 0.5 * confidence);
    let (up, down) = (promoters / answers, detractors / answers);
    let score = up - down;
    let width = z * ((up + down - score * score).max(0.0) / answers).sqrt();
    Interval {
        low: (score - width).max(-1.0),
        high: (score + width).min(1.0),
    }
}

/// Student's interval of the mean of at least two values.
pub fn mean(values: &[f64], confidence: f64) -> (f64, Interval) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let error = (squares / (n - 1.0) / n).sqrt();
    let width = student_critical(1.0 - confidence, n - 1.0) * error;
    (mean, Interval::around(mean, width))
}
