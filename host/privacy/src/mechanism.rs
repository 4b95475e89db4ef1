//! Drawing noise with OpenDP. Everything here runs on the thread of [`crate::worker`].
//!
//! A mechanism is built at a scale, asked by OpenDP's own privacy map what it costs, and used only where that
//! is no more than was paid.

#[cfg(test)]
mod distribution;
mod noise;
mod selection;
mod threshold;

use opendp::error::Fallible;

pub(crate) use noise::{Noisy, deviation, noisy};
pub(crate) use selection::{quantile, top_k};
pub(crate) use threshold::found;

use crate::PrivacyError;

/// What one drawing may cost, in floating point that is not more than what was paid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Share {
    /// ε of pure differential privacy: Laplace noise.
    Pure(f64),
    /// ρ of zero-concentrated differential privacy: Gaussian noise.
    Concentrated(f64),
}

/// How much one unit can change a vector of integers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sensitivity {
    /// How many numbers at most.
    pub(crate) numbers: u32,
    /// Each by how much at most.
    pub(crate) each: u64,
}

impl Sensitivity {
    /// The sum of changes, rounded up.
    fn l1(self) -> f64 {
        product_up(self.each as f64, f64::from(self.numbers))
    }

    /// The root of the sum of squared changes, rounded up.
    fn l2(self) -> f64 {
        let numbers = f64::from(self.numbers);
        let root = numbers.sqrt();
        // The square, less what it should be, without rounding in between.
        let root = if root.mul_add(root, -numbers) < 0.0 {
            root.next_up()
        } else {
            root
        };
        product_up(self.each as f64, root)
    }

    /// The largest change.
    fn l_inf(self) -> f64 {
        self.each as f64
    }
}

/// The product, rounded up: exact where it can be.
fn product_up(a: f64, b: f64) -> f64 {
    let product = a * b;
    if a.mul_add(b, -product) > 0.0 {
        product.next_up()
    } else {
        product
    }
}

/// Builds a mechanism whose cost is at most `allowed`, from a scale that is about right.
fn affordable<M>(
    scale: f64,
    allowed: f64,
    make: impl Fn(f64) -> Fallible<(M, f64)>,
) -> Result<(M, f64), PrivacyError> {
    let mut scale = scale;
    for step in 0..60 {
        let (mechanism, cost) = make(scale)?;
        if cost <= allowed {
            return Ok((mechanism, scale));
        }
        // Rounding inside OpenDP cost a little more: a little more noise, then more than that.
        scale *= 1.0 + 2_f64.powi(step - 50);
    }
    Err(PrivacyError::Mechanism(
        "no amount of noise was enough for what is spent: spend more".into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_sensitivities_are_exact() {
        let s = |numbers, each| Sensitivity { numbers, each };
        assert_eq!((s(1, 1).l1(), s(1, 1).l2()), (1.0, 1.0));
        assert_eq!((s(4, 3).l1(), s(4, 3).l2()), (12.0, 6.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn sensitivities_are_never_too_small(numbers in 1..10_000_u32, each in 1..1_u64 << 50) {
            let s = Sensitivity { numbers, each };
            // The square of the root lies just above what it must reach: compared in 128 bits by halves.
            let l2 = s.l2() / each as f64;
            prop_assert!(l2 * l2 >= f64::from(numbers) * (1.0 - 1e-15));
            prop_assert!(s.l1() as u128 >= u128::from(each) * u128::from(numbers));
        }

        #[test]
        fn no_drawing_costs_more_than_its_share(
            numbers in 1..200_u32,
            each in 1..1_u64 << 40,
            amount in 1e-6..20_f64,
            values in prop::collection::vec(any::<i32>(), 1..4),
        ) {
            let s = Sensitivity { numbers, each };
            let values: Vec<i64> = values.into_iter().map(i64::from).collect();
            // It fails where OpenDP's own map says more than the share.
            for share in [Share::Pure(amount), Share::Concentrated(amount)] {
                prop_assert_eq!(noisy(&values, s, share).unwrap().values.len(), values.len());
            }
        }
    }
}
