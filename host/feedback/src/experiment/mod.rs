//! Experiments: every treatment against the control, and whether people were shared out as they should have been.
//!
//! The formulas and their names are those of GrowthBook's `gbstats`: Welch's t-test, the asymptotic confidence sequences of
//! Waudby-Smith et al. (arXiv 2103.06476, equations 9, 155 and 161), a normal posterior, and CUPED (Deng et al., 2013).

mod arm;
mod effect;
mod outcomes;

pub use arm::{Arm, Covariate};
pub use effect::Effect;
pub use outcomes::{Outcome, Summed, summed};

use crate::FeedbackError;
use crate::error::{at_most, shown};
use crate::special::{chi_squared_above, normal_two_sided};
use arm::Adjusted;
use effect::Sample;

/// The most arms of an experiment.
pub const MAX_ARMS: usize = 100;
/// Below it, the sizes of the arms are not what chance makes of their weights.
pub const MISMATCH_BELOW: f64 = 0.001;

/// A normal belief about the relative effect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Its mean: 0.1 is ten per cent better.
    pub mean: f64,
    /// Its standard deviation, above 0.
    pub standard_deviation: f64,
}

/// How arms are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Design {
    /// The level of tests and intervals.
    pub alpha: f64,
    /// At about how many users the sequential test is sharpest.
    pub sequential_tuning: f64,
    /// What was believed beforehand; none: nothing.
    pub prior: Option<Prior>,
}

impl Default for Design {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            sequential_tuning: 5000.0,
            prior: None,
        }
    }
}

/// How a treatment did.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The treatment.
    pub arm: String,
    /// Its mean, adjusted where there is a covariate.
    pub mean: f64,
    /// The mean of the control, adjusted where there is a covariate.
    pub control_mean: f64,
    /// The difference of the means.
    pub absolute: Effect,
    /// The difference by the mean of the control; none where that is 0.
    pub relative: Option<Effect>,
    /// The pooled two-proportion z-test, two-sided; none for means.
    pub proportions_p_value: Option<f64>,
    /// The p-value of the absolute difference, corrected by Holm for the number of treatments.
    pub corrected_p_value: f64,
}

/// What an experiment says.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentResult {
    /// Of the chi-squared test of the sizes against the weights.
    pub sample_ratio_p_value: f64,
    /// Whether that is below [`MISMATCH_BELOW`].
    pub sample_ratio_mismatch: bool,
    /// One for each treatment, in order.
    pub comparisons: Vec<Comparison>,
}

impl Design {
    /// Compares every arm with the first.
    ///
    /// # Errors
    /// Fewer than two arms, an arm without users, without variance or with sums that contradict each other: the text names
    /// it. A design that is none.
    pub fn compare(&self, arms: &[Arm]) -> Result<ExperimentResult, FeedbackError> {
        self.check()?;
        at_most("arms", arms.len(), MAX_ARMS)?;
        let [control, treatments @ ..] = arms else {
            return Err(FeedbackError::invalid(NO_ARMS));
        };
        if treatments.is_empty() {
            return Err(FeedbackError::invalid(NO_ARMS));
        }
        for (place, arm) in arms.iter().enumerate() {
            arm.check()?;
            if arms[..place].iter().any(|before| before.name == arm.name) {
                return Err(FeedbackError::invalid(format!(
                    "two arms are called `{}`; call them differently",
                    shown(&arm.name)
                )));
            }
            if arm.sum_squares.is_some() != control.sum_squares.is_some() {
                return Err(FeedbackError::invalid(format!(
                    "the arm `{}` has a mean where `{}` has a share, or the other way round; give `sum_squares` for all \
                     arms or for none",
                    shown(&arm.name),
                    shown(&control.name)
                )));
            }
        }
        let sample_ratio = sample_ratio(arms)?;
        let mut comparisons = treatments
            .iter()
            .map(|treatment| self.one(control, treatment))
            .collect::<Result<Vec<_>, _>>()?;
        let p_values: Vec<f64> = comparisons.iter().map(|c| c.absolute.p_value).collect();
        for (comparison, corrected) in comparisons.iter_mut().zip(holm(&p_values)) {
            comparison.corrected_p_value = corrected;
        }
        Ok(ExperimentResult {
            sample_ratio_p_value: sample_ratio,
            sample_ratio_mismatch: sample_ratio < MISMATCH_BELOW,
            comparisons,
        })
    }

    fn check(&self) -> Result<(), FeedbackError> {
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(FeedbackError::invalid(format!(
                "`alpha` is {}; it lies between 0 and 1, 0.05 for one",
                self.alpha
            )));
        }
        if !(self.sequential_tuning >= 1.0 && self.sequential_tuning.is_finite()) {
            return Err(FeedbackError::invalid(format!(
                "`sequential_tuning` is {}; it is a number of users, 5000 for one",
                self.sequential_tuning
            )));
        }
        match self.prior {
            Some(prior)
                if !(prior.mean.is_finite()
                    && prior.standard_deviation > 0.0
                    && prior.standard_deviation.is_finite()) =>
            {
                Err(FeedbackError::invalid(
                    "the prior has a finite mean and a standard deviation above 0",
                ))
            }
            _ => Ok(()),
        }
    }

    fn one(&self, control: &Arm, treatment: &Arm) -> Result<Comparison, FeedbackError> {
        let theta = arm::theta(control, treatment)?;
        let of = |arm: &Arm| Adjusted::of(arm, theta);
        let (a, b) = (of(control), of(treatment));
        if a.variance <= 0.0 || b.variance <= 0.0 {
            let still = if a.variance <= 0.0 {
                control
            } else {
                treatment
            };
            return Err(FeedbackError::invalid(format!(
                "in the arm `{}` every user has the same value, so that there is no variance to test against; wait for more \
                 users",
                shown(&still.name)
            )));
        }
        let sample = Sample { a, b };
        if !sample.is_measurable() {
            return Err(FeedbackError::invalid(format!(
                "the values of the arms `{}` and `{}` are too large or too small to be compared; give them in another unit",
                shown(&control.name),
                shown(&treatment.name)
            )));
        }
        let relative = (a.mean != 0.0 && a.raw_mean != 0.0).then(|| {
            let prior = self.prior;
            Effect::of(&sample, true, self, prior)
        });
        let scale = a.raw_mean.abs();
        // Nothing can be believed of a relative effect where the control has none to relate to.
        let prior = self.prior.filter(|_| scale > 0.0).map(|prior| Prior {
            mean: prior.mean * scale,
            standard_deviation: prior.standard_deviation * scale,
        });
        let absolute = Effect::of(&sample, false, self, prior);
        let shares = control.sum_squares.is_none();
        Ok(Comparison {
            arm: treatment.name.clone(),
            mean: b.mean,
            control_mean: a.mean,
            absolute,
            relative,
            proportions_p_value: shares.then(|| two_proportions(control, treatment)),
            corrected_p_value: absolute.p_value,
        })
    }
}

const NO_ARMS: &str = "an experiment has a control and at least one treatment; give two arms or more, the control first";

/// The pooled z-test of two shares.
fn two_proportions(a: &Arm, b: &Arm) -> f64 {
    let (n, m) = (a.users as f64, b.users as f64);
    let pooled = (a.sum + b.sum) / (n + m);
    let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    normal_two_sided((b.sum / m - a.sum / n) / error)
}

fn sample_ratio(arms: &[Arm]) -> Result<f64, FeedbackError> {
    let total: f64 = arms.iter().map(|arm| arm.users as f64).sum();
    let weights: f64 = arms.iter().map(|arm| arm.weight).sum();
    let mut statistic = 0.0;
    for arm in arms {
        let expected = arm.weight / weights * total;
        let off = arm.users as f64 - expected;
        statistic += off * off / expected;
    }
    if !statistic.is_finite() {
        return Err(FeedbackError::invalid(
            "the weights of the arms are too far apart to be compared",
        ));
    }
    Ok(chi_squared_above(statistic, (arms.len() - 1) as f64))
}

/// Holm's step-down correction, in the order of the given values.
fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut corrected = vec![0.0; p_values.len()];
    let mut least: f64 = 0.0;
    for (rank, place) in order.iter().enumerate() {
        least = least.max((p_values[*place] * (p_values.len() - rank) as f64).min(1.0));
        corrected[*place] = least;
    }
    corrected
}

#[cfg(test)]
mod tests;
