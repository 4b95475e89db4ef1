//! Intervals around shares and means.

pub use steward_statistics::Interval;

use crate::special::{normal_quantile, student_critical};

/// Wilson's interval of a share: `successes` of `trials`, which is not 0. It stays within 0 and 1.
pub fn wilson(successes: f64, trials: f64, confidence: f64) -> Interval {
    let z = normal_quantile(0.5 + 0.5 * confidence);
    steward_statistics::wilson(successes, trials, z)
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
