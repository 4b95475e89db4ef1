//! Drift: whether a number (a score, a length in tokens, the norm of an embedding) is still distributed as it was.
//!
//! A [`Reference`] says how it was, a [`Window`] holds what came lately, [`Reference::compare`] puts both side by side.
//!
//! Numbers are compared to 12 bits, about one part in 8,000. A finer difference is the noise of floating point: the norm
//! of a normalized embedding is never quite 1 and differs between `fp32` and `int8`, and without the rounding that would
//! look like the largest drift there is.

mod reference;
mod window;

use serde::Serialize;

pub use reference::{Reference, ReferenceError};
pub use window::Window;

/// Fewer numbers than this on either side allow no verdict: two samples of 200 from one distribution have a population
/// stability index of .09 on average over ten bins, close to what counts as a shift.
pub const MIN_COUNT: usize = 200;

/// How far the current numbers are from the reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Drift {
    /// Population stability index over the bins of the reference; 0 is equal. See [`Drift::shift`].
    pub psi: f64,
    /// Two-sample Kolmogorov–Smirnov statistic: the largest distance between the distribution functions, 0 to 1.
    pub ks: f64,
    /// How likely one distribution gives a statistic this large, by the asymptotic distribution.
    pub p_value: f64,
    /// How many numbers the reference was made of.
    pub reference_count: u64,
    /// How many numbers it was compared with.
    pub count: u64,
}

/// The customary reading of a population stability index.
///
/// N. Siddiqi, "Credit Risk Scorecards", 2006. The index depends on the counts as well: B. Yurdakul and J. Naranjo,
/// "Statistical properties of the population stability index", Journal of Risk Model Validation 14(4), 2020.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shift {
    /// Below .1: nothing to see.
    None,
    /// From .1: worth a look.
    Moderate,
    /// From .25: another distribution.
    Large,
}

impl Drift {
    /// What the population stability index says by custom.
    #[must_use]
    pub fn shift(&self) -> Shift {
        match self.psi {
            psi if psi < 0.1 => Shift::None,
            psi if psi < 0.25 => Shift::Moderate,
            _ => Shift::Large,
        }
    }
}

/// The nearest number of 12 bits; both zeros become one.
fn rounded(value: f64) -> f64 {
    const DROPPED: u32 = f64::MANTISSA_DIGITS - 1 - 12;
    let bits = (value + 0.0).to_bits();
    let mask = !((1_u64 << DROPPED) - 1);
    let nearest = f64::from_bits((bits + (1 << (DROPPED - 1))) & mask);
    if nearest.is_finite() {
        nearest
    } else {
        f64::from_bits(bits & mask) // the largest numbers would round up to infinity
    }
}

/// The finite numbers, rounded, in order.
fn ordered(values: &[f64]) -> Vec<f64> {
    let finite = values.iter().filter(|value| value.is_finite());
    let mut values: Vec<f64> = finite.map(|&value| rounded(value)).collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The largest distance between the distribution functions of two samples in order.
fn ks_statistic(a: &[f64], b: &[f64]) -> f64 {
    let (mut i, mut j, mut largest) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        // Equal numbers are one step of both functions.
        let value = a[i].min(b[j]);
        i += a[i..].iter().take_while(|&&x| x == value).count();
        j += b[j..].iter().take_while(|&&x| x == value).count();
        largest = largest.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    largest
}

/// How likely two samples of `n` and `m` from one distribution are at least this far apart.
///
/// Kolmogorov's limiting distribution with the correction of M. A. Stephens, "Use of the Kolmogorov–Smirnov,
/// Cramér–von Mises and related statistics without extensive tables", Journal of the Royal Statistical Society B 32,
/// 1970: within 2 % of SciPy's from 200 numbers a side, down to .001. Where numbers repeat, the truth is smaller.
fn ks_p_value(statistic: f64, n: f64, m: f64) -> f64 {
    let root = (n * m / (n + m)).sqrt();
    let x = (root + 0.12 + 0.11 / root) * statistic;
    if x < 0.3 {
        return 1.0; // 1 to five digits, and the series needs ever more terms towards 0
    }
    let mut sum = 0.0;
    for k in 1..=20 {
        let k = f64::from(k);
        let term = (-2.0 * k * k * x * x).exp();
        sum += if k % 2.0 == 1.0 { term } else { -term };
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rounding_hides_noise_and_nothing_more() {
        assert_eq!(rounded(0.999_999_94), 1.0);
        assert_eq!(rounded(1.000_000_1), 1.0);
        assert_eq!(rounded(-0.0).to_bits(), 0.0_f64.to_bits());
        assert_ne!(rounded(0.5), rounded(0.501));
        assert!(rounded(f64::MAX).is_finite() && rounded(f64::MIN).is_finite());
    }

    #[test]
    fn steps_of_both_samples_count_once() {
        assert_eq!(ks_statistic(&[1.0, 1.0, 2.0], &[1.0, 1.0, 2.0]), 0.0);
        assert_eq!(ks_statistic(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        assert_eq!(ks_statistic(&[1.0, 2.0], &[2.0, 3.0]), 0.5);
    }

    #[test]
    fn the_customary_reading() {
        let shift = |psi| {
            let drift = Drift {
                psi,
                ks: 0.0,
                p_value: 1.0,
                reference_count: 200,
                count: 200,
            };
            drift.shift()
        };
        assert_eq!(shift(0.09), Shift::None);
        assert_eq!(shift(0.1), Shift::Moderate);
        assert_eq!(shift(0.25), Shift::Large);
    }

    proptest! {
        #[test]
        fn rounding_is_near_ordered_and_done_once(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(a.is_normal() && b.is_normal());
            let near = rounded(a);
            prop_assert_eq!(rounded(near).to_bits(), near.to_bits());
            prop_assert!((near / a - 1.0).abs() <= 1.0 / 4096.0);
            prop_assert!(a > b || rounded(a) <= rounded(b));
        }

        #[test]
        fn a_p_value_falls_with_the_distance(d in 0.0..1.0_f64, more in 0.0..0.5_f64, n in 5.0..1e6_f64) {
            let far = ks_p_value((d + more).min(1.0), n, 300.0);
            prop_assert!((0.0..=1.0).contains(&far));
            prop_assert!(far <= ks_p_value(d, n, 300.0) + 1e-4);
        }
    }
}
