//! Probabilities of labels.

use crate::LabelsError;

/// How far the probabilities of one distribution may add up beside 1: what a model rounds.
const TOLERANCE: f64 = 1e-3;
/// Probabilities this close are one: sums in another order differ in their last bits.
const TIE: f64 = 1e-9;

/// Shannon's entropy in nats.
pub(crate) fn entropy(distribution: &[f64]) -> f64 {
    let sum: f64 = distribution
        .iter()
        .filter(|&&p| p > 0.0)
        .map(|p| p * p.ln())
        .sum();
    (-sum).max(0.0)
}

/// The places of the largest probability: the first is the answer, the others tie with it.
pub(crate) fn largest(distribution: &[f64]) -> Vec<usize> {
    let most = distribution
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    (0..distribution.len())
        .filter(|&place| distribution[place] >= most - TIE)
        .collect()
}

/// Divides by the sum, which is more than 0.
pub(crate) fn normalize(weights: &mut [f64]) {
    let sum: f64 = weights.iter().sum();
    for weight in weights {
        *weight /= sum;
    }
}

/// Turns logarithms of weights into probabilities and returns the logarithm of the sum of the weights.
pub(crate) fn exponentiate(logs: &mut [f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for log in &mut *logs {
        *log = (*log - most).exp();
        sum += *log;
    }
    for weight in logs {
        *weight /= sum;
    }
    most + sum.ln()
}

/// What came from outside as a distribution over `classes` classes, its sum made 1.
pub(crate) fn checked(given: &[f64], classes: usize) -> Result<Vec<f64>, LabelsError> {
    if given.len() != classes {
        return Err(LabelsError::invalid(format!(
            "a distribution has {} probabilities, another {classes}; give one for each class",
            given.len()
        )));
    }
    let sum: f64 = given.iter().sum();
    let whole = given.iter().all(|p| p.is_finite() && *p >= 0.0);
    if !whole || (sum - 1.0).abs() > TOLERANCE {
        return Err(LabelsError::invalid(format!(
            "these are no probabilities: they add up to {sum}, or one of them is negative or not finite"
        )));
    }
    Ok(given.iter().map(|p| p / sum).collect())
}
