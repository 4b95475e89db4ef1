//! What one difference is worth: by a test at a time that was fixed, by one that may be looked at whenever, and by a
//! posterior.

use super::arm::Adjusted;
use super::{Design, Prior};
use crate::interval::Interval;
use crate::special::{
    normal_cdf, normal_density, normal_quantile, student_critical, student_two_sided,
};

/// A difference between a treatment and the control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The difference.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Welch's t-test, two-sided: valid at a time that was chosen beforehand.
    pub p_value: f64,
    /// Of Welch's test.
    pub interval: Interval,
    /// Valid at any time, however often somebody looks.
    pub sequential_p_value: f64,
    /// Holds the truth at all times together.
    pub sequential_interval: Interval,
    /// The probability that the treatment is better.
    pub chance_to_win: f64,
    /// Of the posterior.
    pub credible_interval: Interval,
    /// What is lost on average by keeping the control.
    pub risk_control: f64,
    /// What is lost on average by choosing the treatment.
    pub risk_treatment: f64,
}

pub(super) struct Sample {
    pub(super) a: Adjusted,
    pub(super) b: Adjusted,
}

impl Sample {
    fn difference(&self, relative: bool) -> f64 {
        let difference = self.b.mean - self.a.mean;
        if relative {
            difference / self.a.raw_mean
        } else {
            difference
        }
    }

    /// Of the difference; for a relative one by the delta method.
    fn variance(&self, relative: bool) -> f64 {
        let (a, b) = (&self.a, &self.b);
        if relative {
            let base = a.raw_mean * a.raw_mean;
            b.variance / (base * b.users)
                + a.variance * b.raw_mean * b.raw_mean / (base * base * a.users)
        } else {
            b.variance / b.users + a.variance / a.users
        }
    }

    /// Whether no number on the way to an effect leaves what a float holds.
    pub(super) fn is_measurable(&self) -> bool {
        let squared = self.difference(false) * self.difference(false);
        self.freedom().is_finite() && (squared / self.variance(false)).is_finite()
    }

    /// Degrees of freedom by Welch and Satterthwaite.
    fn freedom(&self) -> f64 {
        let part = |arm: &Adjusted| arm.variance / arm.users;
        let (a, b) = (part(&self.a), part(&self.b));
        (a + b) * (a + b) / (a * a / (self.a.users - 1.0) + b * b / (self.b.users - 1.0))
    }
}

impl Effect {
    pub(super) fn of(
        sample: &Sample,
        relative: bool,
        design: &Design,
        prior: Option<Prior>,
    ) -> Self {
        let difference = sample.difference(relative);
        let variance = sample.variance(relative);
        let error = variance.sqrt();
        let freedom = sample.freedom();
        let users = sample.a.users + sample.b.users;
        let (sequential_p_value, sequential_width) =
            sequential(difference, variance, users, design);
        let (mean, deviation) = posterior(difference, variance, prior);
        let credible = normal_quantile(1.0 - 0.5 * design.alpha) * deviation;
        // The means of the parts of the posterior above and below 0.
        let (at, density) = (mean / deviation, normal_density(mean / deviation));
        let chance_to_win = normal_cdf(at);
        Self {
            difference,
            standard_error: error,
            p_value: student_two_sided(difference / error, freedom),
            interval: Interval::around(difference, student_critical(design.alpha, freedom) * error),
            sequential_p_value,
            sequential_interval: Interval::around(difference, sequential_width),
            chance_to_win,
            credible_interval: Interval::around(mean, credible),
            risk_control: (mean * chance_to_win + deviation * density).max(0.0),
            risk_treatment: (deviation * density - mean * normal_cdf(-at)).max(0.0),
        }
    }
}

/// The p-value and half of the interval of the mixture sequential probability ratio test.
fn sequential(difference: f64, variance: f64, users: f64, design: &Design) -> (f64, f64) {
    let log = -2.0 * design.alpha.ln();
    let rho2 = (log + (log + 1.0).ln()) / design.sequential_tuning;
    let spread = users * rho2 + 1.0;
    let width = (variance * users).sqrt()
        * (2.0 * spread * (spread.sqrt() / design.alpha).ln() / (users * users * rho2)).sqrt();
    let statistic = difference * difference * users / variance;
    let log_evidence = rho2 * statistic / (2.0 * spread) - 0.5 * spread.ln();
    ((-log_evidence).exp().min(1.0), width)
}

/// The mean and the standard deviation of what is believed afterwards.
fn posterior(difference: f64, variance: f64, prior: Option<Prior>) -> (f64, f64) {
    let Some(prior) = prior else {
        return (difference, variance.sqrt());
    };
    let before = prior.standard_deviation * prior.standard_deviation;
    let precision = 1.0 / variance + 1.0 / before;
    let mean = (difference / variance + prior.mean / before) / precision;
    (mean, (1.0 / precision).sqrt())
}
