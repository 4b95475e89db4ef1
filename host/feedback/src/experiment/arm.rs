//! One arm of an experiment, by its sums.

use crate::FeedbackError;
use crate::error::shown;

/// A measure of the same users from before the experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Covariate {
    /// Over users.
    pub sum: f64,
    /// Of its squares.
    pub sum_squares: f64,
    /// Of the measure times the measure before.
    pub sum_products: f64,
}

/// One arm.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// How many users are in it.
    pub users: u64,
    /// The sum of their values; for a share, of how many it is true.
    pub sum: f64,
    /// The sum of the squares; none for a share.
    pub sum_squares: Option<f64>,
    /// What takes noise out (CUPED).
    pub covariate: Option<Covariate>,
    /// Its part of the traffic, in any unit.
    pub weight: f64,
}

/// How far rounding may take a sum of squares below what it can be.
const ROUNDING: f64 = 1e-9;

impl Arm {
    /// An arm that counts of how many users something is true.
    pub fn share(name: &str, users: u64, of_whom: u64) -> Self {
        Self {
            name: name.into(),
            users,
            sum: of_whom as f64,
            sum_squares: None,
            covariate: None,
            weight: 1.0,
        }
    }

    pub(super) fn check(&self) -> Result<(), FeedbackError> {
        let name = shown(&self.name);
        let wrong = |what: String| Err(FeedbackError::Invalid(format!("the arm `{name}` {what}")));
        if self.users == 0 {
            return wrong(
                "has no users: nothing can be said about it; wait until somebody is assigned to it, or leave it out".into(),
            );
        }
        if self.users == 1 {
            return wrong("has one user; a variance needs at least two".into());
        }
        if !(self.weight > 0.0 && self.weight.is_finite()) {
            return wrong(format!(
                "has the weight {}; it is above 0, 1 where all arms get the same",
                self.weight
            ));
        }
        let users = self.users as f64;
        if !self.sum.is_finite() {
            return wrong("has a sum that is no number".into());
        }
        match self.sum_squares {
            None if !(0.0..=users).contains(&self.sum) => wrong(format!(
                "counts {} of {users} users; a share counts some of them, and means have `sum_squares`",
                self.sum
            )),
            Some(squares) if !possible(users, self.sum, squares) => {
                wrong("has a sum of squares that no values with this sum have".into())
            }
            _ => match self.covariate {
                Some(before)
                    if !before.sum.is_finite()
                        || !before.sum_products.is_finite()
                        || !possible(users, before.sum, before.sum_squares) =>
                {
                    wrong("has a covariate whose sums no values have".into())
                }
                _ => Ok(()),
            },
        }
    }

    fn mean(&self) -> f64 {
        self.sum / self.users as f64
    }

    fn variance(&self) -> f64 {
        variance(self.users as f64, self.sum, self.sum_squares)
    }
}

/// Whether so many values can have this sum and this sum of squares (Cauchy and Schwarz).
fn possible(users: f64, sum: f64, squares: f64) -> bool {
    squares.is_finite() && squares * (1.0 + ROUNDING) + f64::MIN_POSITIVE >= sum * sum / users
}

/// Of one value; that of a share is that of the population, as `gbstats` has it.
fn variance(users: f64, sum: f64, sum_squares: Option<f64>) -> f64 {
    match sum_squares {
        None => {
            let mean = sum / users;
            mean * (1.0 - mean)
        }
        Some(squares) => ((squares - sum * sum / users) / (users - 1.0)).max(0.0),
    }
}

fn covariance(users: f64, sum: f64, before: &Covariate) -> f64 {
    (before.sum_products - sum * before.sum / users) / (users - 1.0)
}

/// How much of the measure before is taken off: the slope of the regression over both arms together.
pub(super) fn theta(a: &Arm, b: &Arm) -> Result<f64, FeedbackError> {
    let (before_a, before_b) = match (&a.covariate, &b.covariate) {
        (None, None) => return Ok(0.0),
        (Some(before_a), Some(before_b)) => (before_a, before_b),
        _ => {
            return Err(FeedbackError::Invalid(format!(
                "of the arms `{}` and `{}` one has a covariate; give it for all arms or for none",
                shown(&a.name),
                shown(&b.name)
            )));
        }
    };
    let users = a.users as f64 + b.users as f64;
    let joint = Covariate {
        sum: before_a.sum + before_b.sum,
        sum_squares: before_a.sum_squares + before_b.sum_squares,
        sum_products: before_a.sum_products + before_b.sum_products,
    };
    let sum = a.sum + b.sum;
    let squares = a.sum_squares.zip(b.sum_squares).map(|(a, b)| a + b);
    let before = variance(users, joint.sum, Some(joint.sum_squares));
    if before == 0.0 || variance(users, sum, squares) == 0.0 {
        return Ok(0.0);
    }
    Ok(covariance(users, sum, &joint) / before)
}

/// The mean and the variance of an arm once what was there before is taken off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adjusted {
    pub(super) users: f64,
    pub(super) mean: f64,
    /// Without the adjustment.
    pub(super) raw_mean: f64,
    pub(super) variance: f64,
}

impl Adjusted {
    pub(super) fn of(arm: &Arm, theta: f64) -> Self {
        let users = arm.users as f64;
        let (raw_mean, raw_variance) = (arm.mean(), arm.variance());
        let (mean, variance) = match &arm.covariate {
            None => (raw_mean, raw_variance),
            Some(before) => (
                raw_mean - theta * before.sum / users,
                raw_variance
                    + theta * theta * variance(users, before.sum, Some(before.sum_squares))
                    - 2.0 * theta * covariance(users, arm.sum, before),
            ),
        };
        Self {
            users,
            mean,
            raw_mean,
            variance,
        }
    }
}
