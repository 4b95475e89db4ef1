//! Krippendorff's alpha.

use super::Level;
use crate::LabelsError;
use crate::error::at_most;

/// The most distinct values: every pair of them is looked at.
const MAX_VALUES: usize = 20_000;
/// The most pairs of distinct values within units, all together.
const MAX_PAIRS: usize = 1 << 30;

/// Krippendorff's alpha: 1 − observed over expected disagreement.
///
/// A unit is a list of the values that were given to it; who gave none is left out, and units with fewer than two values
/// do not count. Nominal and ordinal values are any numbers that stand for the labels, ordinal ones in their order.
///
/// K. Krippendorff, "Computing Krippendorff's alpha-reliability", 2011; "Content Analysis", 3rd edition, 2013, chapter 12.
///
/// # Errors
/// [`LabelsError::Undefined`] where no unit has two values or all values are alike; [`LabelsError::Invalid`] for a value
/// that is not finite, or negative where proportions count; [`LabelsError::TooMany`] over 20,000 distinct values, or
/// where units hold too many distinct ones.
pub fn krippendorff_alpha(units: &[Vec<f64>], level: Level) -> Result<f64, LabelsError> {
    let mut pairable: Vec<Vec<f64>> = Vec::new();
    for unit in units {
        if let Some(bad) = unit.iter().find(|value| !value.is_finite()) {
            return Err(LabelsError::invalid(format!(
                "{bad} is no value; leave it out of the unit"
            )));
        }
        if level == Level::Ratio && unit.iter().any(|value| *value < 0.0) {
            return Err(LabelsError::invalid(
                "a ratio starts at 0, and a value is negative; use the interval level",
            ));
        }
        if unit.len() >= 2 {
            // Both zeros are one value.
            pairable.push(unit.iter().map(|value| value + 0.0).collect());
        }
    }
    let undefined = |reason| Err(LabelsError::undefined("Krippendorff's alpha", reason));
    if pairable.is_empty() {
        return undefined("no task has two annotations; let a second annotator label some");
    }
    let mut values: Vec<f64> = pairable.iter().flatten().copied().collect();
    let all = values.len() as f64;
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    at_most("distinct values", values.len(), MAX_VALUES)?;
    if values.len() < 2 {
        return undefined("all annotations are alike, so chance would agree as well");
    }

    // How often each value occurs, in the whole and in each unit.
    let mut totals = vec![0.0; values.len()];
    let mut counted: Vec<(f64, Vec<(usize, f64)>)> = Vec::with_capacity(pairable.len());
    let mut pairs = 0_usize;
    for mut unit in pairable {
        unit.sort_unstable_by(f64::total_cmp);
        let counts: Vec<(usize, f64)> = unit
            .chunk_by(|a, b| a == b)
            .map(|alike| {
                let place = values.partition_point(|value| *value < alike[0]);
                (place, alike.len() as f64)
            })
            .collect();
        for (place, count) in &counts {
            totals[*place] += count;
        }
        pairs = pairs.saturating_add(counts.len().saturating_mul(counts.len()));
        at_most("pairs of values within the tasks", pairs, MAX_PAIRS)?;
        counted.push((unit.len() as f64, counts));
    }
    let distance = Distance::new(level, &values, &totals);
    let mut observed = 0.0;
    for (size, counts) in &counted {
        let mut sum = 0.0;
        for (i, (one, count)) in counts.iter().enumerate() {
            for (other, others) in &counts[i + 1..] {
                sum += count * others * distance.squared(*one, *other);
            }
        }
        observed += 2.0 * sum / (size - 1.0);
    }
    let mut expected = 0.0;
    for one in 0..values.len() {
        for other in one + 1..values.len() {
            expected += totals[one] * totals[other] * distance.squared(one, other);
        }
    }
    Ok(1.0 - observed * (all - 1.0) / (2.0 * expected))
}

struct Distance<'a> {
    level: Level,
    values: &'a [f64],
    totals: &'a [f64],
    /// How many values come before each.
    before: Vec<f64>,
}

impl<'a> Distance<'a> {
    fn new(level: Level, values: &'a [f64], totals: &'a [f64]) -> Self {
        let mut sum = 0.0;
        let before = totals
            .iter()
            .map(|total| {
                let before = sum;
                sum += total;
                before
            })
            .collect();
        Self {
            level,
            values,
            totals,
            before,
        }
    }

    /// The squared difference of two values by their places, the smaller place first.
    fn squared(&self, one: usize, other: usize) -> f64 {
        let (low, high) = (self.values[one], self.values[other]);
        let difference = match self.level {
            Level::Nominal => 1.0,
            // The values between both and half of each.
            Level::Ordinal => {
                let between = self.before[other] - self.before[one];
                between + (self.totals[other] - self.totals[one]) / 2.0
            }
            Level::Interval => high - low,
            Level::Ratio => (high - low) / (high + low), // the higher one is more than 0
        };
        difference * difference
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of "Computing Krippendorff's alpha-reliability", 2011, section C: 4 observers, 12 units, gaps.
    fn example() -> Vec<Vec<f64>> {
        let units: [&[u8]; 12] = [
            &[1, 1, 1],
            &[2, 2, 3, 2],
            &[3, 3, 3, 3],
            &[3, 3, 3, 3],
            &[2, 2, 2, 2],
            &[1, 2, 3, 4],
            &[4, 4, 4, 4],
            &[1, 1, 2, 1],
            &[2, 2, 2, 2],
            &[5, 5, 5],
            &[1, 1],
            &[3],
        ];
        let unit = |unit: &&[u8]| unit.iter().map(|v| f64::from(*v)).collect();
        units.iter().map(unit).collect()
    }

    #[test]
    fn the_published_example() {
        for (level, published) in [
            (Level::Nominal, 0.743),
            (Level::Ordinal, 0.815),
            (Level::Interval, 0.849),
            (Level::Ratio, 0.797),
        ] {
            let found = krippendorff_alpha(&example(), level).unwrap();
            assert!((found - published).abs() < 0.0005, "{level:?}: {found}");
        }
    }

    /// The example of Wikipedia's article, whose values the package krippendorff prints to six digits.
    #[test]
    fn three_coders_with_gaps() {
        let units: [&[u8]; 15] = [
            &[1],
            &[],
            &[2, 2],
            &[1, 1],
            &[3, 3],
            &[3, 3, 4],
            &[4, 4, 4],
            &[1, 3],
            &[2, 2],
            &[1, 1],
            &[1, 1],
            &[3, 3],
            &[3, 3],
            &[],
            &[3, 4],
        ];
        let unit = |unit: &&[u8]| unit.iter().map(|v| f64::from(*v)).collect();
        let units: Vec<Vec<f64>> = units.iter().map(unit).collect();
        for (level, published) in [(Level::Nominal, 0.691_358), (Level::Interval, 0.810_845)] {
            let found = krippendorff_alpha(&units, level).unwrap();
            assert!((found - published).abs() < 1e-6, "{level:?}: {found}");
        }
    }

    #[test]
    fn what_defines_no_agreement_says_so() {
        let alpha = |units: &[Vec<f64>], level| krippendorff_alpha(units, level).unwrap_err();
        let said = alpha(&[vec![1.0], vec![]], Level::Nominal).to_string();
        assert!(said.contains("no task has two annotations"), "{said}");
        let said = alpha(&[vec![1.0, 1.0], vec![1.0, 1.0]], Level::Nominal).to_string();
        assert!(said.contains("all annotations are alike"), "{said}");
        assert!(matches!(
            alpha(&[vec![0.0, -0.0]], Level::Ratio),
            LabelsError::Undefined { .. }
        ));
        for bad in [f64::NAN, f64::INFINITY] {
            assert!(matches!(
                alpha(&[vec![1.0, bad]], Level::Interval),
                LabelsError::Invalid(_)
            ));
        }
        assert!(matches!(
            alpha(&[vec![1.0, -2.0]], Level::Ratio),
            LabelsError::Invalid(_)
        ));
        let many: Vec<Vec<f64>> = (0..=MAX_VALUES).map(|i| vec![i as f64, 0.0]).collect();
        assert!(matches!(
            alpha(&many, Level::Interval),
            LabelsError::TooMany { .. }
        ));
    }
}
