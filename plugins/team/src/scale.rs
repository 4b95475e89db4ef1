//! Scales of ratings, and lists of weights.

use steward_sdk::team::{Criterion, Scale};

use crate::notes::{named, number, shown};

/// How far weights may be from 1 in sum: what decimal fractions lose.
const SLACK: f64 = 1e-6;
/// The most values of a scale.
const MAX_VALUES: f64 = 1000.0;
/// The most criteria of one list.
const MAX_CRITERIA: usize = 50;

/// What is wrong with a scale.
pub fn check(scale: &Scale) -> Result<(), String> {
    let Scale {
        lowest,
        highest,
        step,
    } = *scale;
    let finite = [lowest, highest, step].iter().all(|n| n.is_finite());
    if !finite || lowest >= highest || step <= 0.0 {
        return Err(format!(
            "a scale goes up from its lowest value by a step above 0; {} to {} by {} does not",
            number(lowest),
            number(highest),
            number(step)
        ));
    }
    let steps = (highest - lowest) / step;
    if steps > MAX_VALUES || (steps - steps.round()).abs() > SLACK {
        return Err(format!(
            "the step {} does not divide the way from {} to {} in at most {MAX_VALUES} parts",
            number(step),
            number(lowest),
            number(highest)
        ));
    }
    Ok(())
}

/// The place of a value on a scale that was checked, from 0 on; none where it is none of its values.
pub fn place(scale: &Scale, value: f64) -> Option<usize> {
    let steps = (value - scale.lowest) / scale.step;
    let most = ((scale.highest - scale.lowest) / scale.step).round();
    let near = steps.round();
    let on = value.is_finite() && (steps - near).abs() <= SLACK && (0.0..=most).contains(&near);
    // Between 0 and 1,000.
    on.then_some(near as usize)
}

/// How many values a scale that was checked has.
pub fn values(scale: &Scale) -> usize {
    ((scale.highest - scale.lowest) / scale.step).round() as usize + 1
}

/// Where a value lies between the ends of the scale: 0 to 1.
pub fn share(scale: &Scale, value: f64) -> f64 {
    ((value - scale.lowest) / (scale.highest - scale.lowest)).clamp(0.0, 1.0)
}

/// The value at this share of the scale.
pub fn at(scale: &Scale, share: f64) -> f64 {
    scale.lowest + share * (scale.highest - scale.lowest)
}

/// What is wrong with weights: each is between 0 and 1, and their sum is 1.
pub fn weights(of: &str, weights: impl Iterator<Item = f64>) -> Result<(), String> {
    let mut sum = 0.0;
    for weight in weights {
        if !(0.0..=1.0).contains(&weight) {
            return Err(format!(
                "a weight of {of} is {}; weights are between 0 and 1",
                number(weight)
            ));
        }
        sum += weight;
    }
    if (sum - 1.0).abs() > SLACK {
        return Err(format!(
            "the weights of {of} sum to {}; they sum to 1",
            number(sum)
        ));
    }
    Ok(())
}

/// What is wrong with a list of criteria: names, each once, and weights.
pub fn criteria(of: &str, criteria: &[Criterion]) -> Result<(), String> {
    if criteria.is_empty() || criteria.len() > MAX_CRITERIA {
        return Err(format!(
            "{of} has {} criteria; it has 1 to {MAX_CRITERIA}",
            criteria.len()
        ));
    }
    for (place, criterion) in criteria.iter().enumerate() {
        if !named(&criterion.name) {
            return Err(format!(
                "a criterion of {of} is called `{}`; a name has 1 to 200 characters on one line",
                shown(&criterion.name)
            ));
        }
        let before = criteria.iter().take(place);
        if before.into_iter().any(|c| c.name == criterion.name) {
            return Err(format!(
                "the criterion `{}` of {of} is named twice",
                shown(&criterion.name)
            ));
        }
    }
    weights(
        &format!("the criteria of {of}"),
        criteria.iter().map(|c| c.weight),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Scale = Scale {
        lowest: 1.0,
        highest: 5.0,
        step: 0.5,
    };

    #[test]
    fn a_rating_is_one_of_the_values() {
        assert!(check(&FIVE).is_ok());
        assert_eq!(values(&FIVE), 9);
        assert_eq!(place(&FIVE, 1.0), Some(0));
        assert_eq!(place(&FIVE, 3.5), Some(5));
        assert_eq!(place(&FIVE, 5.0), Some(8));
        for off in [0.5, 5.5, 3.25, f64::NAN, f64::INFINITY, -1e300] {
            assert_eq!(place(&FIVE, off), None, "{off}");
        }
    }

    #[test]
    fn a_scale_without_sense_is_refused() {
        for (lowest, highest, step) in [
            (1.0, 1.0, 1.0),
            (5.0, 1.0, 1.0),
            (1.0, 5.0, 0.0),
            (1.0, 5.0, -1.0),
            (1.0, 5.0, 3.0),
            (0.0, 1e9, 1.0),
            (f64::NAN, 5.0, 1.0),
            (1.0, f64::INFINITY, 1.0),
        ] {
            let scale = Scale {
                lowest,
                highest,
                step,
            };
            assert!(check(&scale).is_err(), "{lowest} {highest} {step}");
        }
    }

    #[test]
    fn weights_sum_to_one() {
        assert!(weights("x", [0.1; 10].into_iter()).is_ok());
        for bad in [
            vec![],
            vec![0.5, 0.4],
            vec![0.6, 0.6],
            vec![1.5, -0.5],
            vec![f64::NAN],
        ] {
            assert!(weights("x", bad.into_iter()).is_err());
        }
    }
}
