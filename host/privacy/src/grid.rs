//! Values in whole steps, so that sums and their sensitivity are exact.

/// Clamped values as integers: a value is `centre + step × integer`.
///
/// The step is a power of two with at least 2^29 steps from the centre to the farther bound. Rounding moves a
/// value by half a step, a billionth of the bound; what a unit can change is a matter of integers alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    lower: f64,
    upper: f64,
    centre: f64,
    step: f64,
    low: i64,
    high: i64,
}

impl Grid {
    /// Distances from zero.
    pub(crate) fn from_zero(lower: f64, upper: f64) -> Self {
        Self::new(lower, upper, 0.0)
    }

    /// Distances from the middle of the bounds.
    pub(crate) fn from_middle(lower: f64, upper: f64) -> Self {
        Self::new(lower, upper, lower + (upper - lower) / 2.0)
    }

    fn new(lower: f64, upper: f64, centre: f64) -> Self {
        // Bounds are within 1e15 and not equal: the width is a normal number.
        let width = (lower - centre).abs().max((upper - centre).abs());
        let step = 2_f64.powf(width.log2().floor() - 29.0);
        let whole = |bound: f64| ((bound - centre) / step).round() as i64;
        Self {
            lower,
            upper,
            centre,
            step,
            low: whole(lower),
            high: whole(upper),
        }
    }

    /// The value in steps; none where it is missing.
    pub(crate) fn steps(&self, value: f64) -> Option<i64> {
        let clamped = value.clamp(self.lower, self.upper);
        let steps = ((clamped - self.centre) / self.step).round() as i64;
        value.is_finite().then(|| steps.clamp(self.low, self.high))
    }

    /// The most steps of one value, either way.
    pub(crate) fn most(&self) -> u64 {
        self.low.unsigned_abs().max(self.high.unsigned_abs())
    }

    /// A sum of distances.
    pub(crate) fn sum(&self, steps: f64) -> f64 {
        steps * self.step
    }

    /// The mean of `count` values whose distances from the centre have this sum, within the bounds.
    pub(crate) fn mean(&self, steps: i64, count: i64) -> f64 {
        let mean = self.centre + self.sum(steps as f64) / count.max(1) as f64;
        mean.clamp(self.lower, self.upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn steps_are_bounded_and_near(a in -1e15..1e15_f64, width in 1e-3..1e15_f64, value in any::<f64>(), at in 0.0..1.0_f64) {
            let (lower, upper) = (a.min(1e15 - width), (a + width).min(1e15));
            prop_assume!(upper - lower >= 1e-3);
            for grid in [Grid::from_zero(lower, upper), Grid::from_middle(lower, upper)] {
                prop_assert!(grid.most() >= 1 << 28 && grid.most() <= 1 << 30, "{}", grid.most());
                if let Some(steps) = grid.steps(value) {
                    prop_assert!(steps.unsigned_abs() <= grid.most());
                } else {
                    prop_assert!(!value.is_finite());
                }
                let inside = lower + (upper - lower) * at;
                let back = grid.centre + grid.sum(grid.steps(inside).unwrap() as f64);
                let wide = lower.abs().max(upper.abs());
                prop_assert!((back - inside).abs() <= wide * 1e-8, "{inside} {back}");
                let mean = grid.mean(grid.steps(inside).unwrap(), 1);
                prop_assert!((lower..=upper).contains(&mean));
            }
        }
    }
}
