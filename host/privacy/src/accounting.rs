//! From one measure of privacy loss to another.

use opendp::combinators::ConcentratedMeasure;
use opendp::measures::{PrivacyProfile, ZeroConcentratedDivergence};
use steward_registry::{PrivacyAccounting, PrivacyBudget};

use crate::PrivacyError;
use crate::error::invalid;
use crate::units::{Atto, Nano};

/// The ε that ρ-zero-concentrated differential privacy guarantees at δ; ρ = 0.1 gives ε = 2.14194 at
/// δ = 1e-6.
///
/// C. Canonne, G. Kamath and T. Steinke, "The Discrete Gaussian for Differential Privacy", 2020,
/// proposition 7: δ(ε) is the least of exp((α − 1)(αρ − ε) + α ln(1 − 1/α)) / (α − 1) over α > 1. It is
/// tighter than ε = ρ + 2√(ρ ln(1/δ)) of M. Bun and T. Steinke, "Concentrated Differential Privacy", 2016,
/// proposition 1.3. Computed by OpenDP, rounded up.
///
/// # Errors
/// [`PrivacyError::Invalid`] unless 0 ≤ ρ ≤ 10,000 and 0 < δ < 1.
pub fn epsilon_of_rho(rho: f64, delta: f64) -> Result<f64, PrivacyError> {
    if !(0.0..=10_000.0).contains(&rho) {
        return invalid(format!("rho is {rho}: it is converted from 0 to 10000"));
    }
    check_delta(delta)?;
    // A zero with a sign is refused by OpenDP.
    Ok(profile(rho.abs())?.epsilon(delta)?)
}

/// The largest ρ up to ε, in whole units, whose guarantee at δ is no worse than ε.
///
/// # Errors
/// [`PrivacyError::Mechanism`] where it cannot be computed.
pub(crate) fn rho_of_epsilon(epsilon: Nano, delta: Atto) -> Result<Nano, PrivacyError> {
    let (target, allowed) = (epsilon.at_most(), delta.at_most());
    // δ grows with ρ. Beyond ρ = ε the loss may be ε on average, which only a δ near one half allows.
    let (mut fits, mut too_much) = (0, epsilon.units().saturating_add(1));
    while too_much - fits > 1 {
        let middle = fits + (too_much - fits) / 2;
        if profile(Nano::from_units(middle).nearest())?.delta(target)? <= allowed {
            fits = middle;
        } else {
            too_much = middle;
        }
    }
    Ok(Nano::from_units(fits))
}

/// The ε that everything spent from a budget guarantees at δ.
///
/// For a concentrated budget, δ covers what was spent of δ and the conversion of ρ: with ρ-approximation δ₀
/// the conversion takes place at (δ − δ₀) / (1 − δ₀).
///
/// # Errors
/// [`PrivacyError::Invalid`] for a δ outside (0, 1) or not more than what is spent of it already.
pub fn guarantee(budget: &PrivacyBudget, delta: f64) -> Result<f64, PrivacyError> {
    check_delta(delta)?;
    let loss = Nano::from_units(budget.spent.loss).nearest();
    let spent = Atto::from_units(budget.spent.delta).nearest();
    match budget.accounting {
        PrivacyAccounting::Pure => Ok(loss),
        _ if delta <= spent => invalid(format!(
            "delta is {delta}, and {spent} of it is spent already: ask for the guarantee at more"
        )),
        PrivacyAccounting::Approximate => Ok(loss),
        PrivacyAccounting::Concentrated => epsilon_of_rho(loss, (delta - spent) / (1.0 - spent)),
    }
}

fn check_delta(delta: f64) -> Result<(), PrivacyError> {
    if delta > 0.0 && delta < 1.0 {
        Ok(())
    } else {
        invalid(format!(
            "delta is {delta}: it is more than 0 and less than 1"
        ))
    }
}

fn profile(rho: f64) -> Result<PrivacyProfile, PrivacyError> {
    Ok(ZeroConcentratedDivergence::convert(rho)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Rounding;

    #[test]
    fn published_points_are_met() {
        // Computed with `cdp_eps` of the reference implementation by T. Steinke, "discrete-gaussian-differential-privacy".
        for (rho, delta, epsilon) in [
            (0.1, 1e-6, 2.14194),
            (1.0, 1e-6, 7.76622),
            (0.5, 1e-5, 4.72839),
            (0.01, 1e-9, 0.81017),
            (2.56, 1e-10, 17.15831),
            (10.0, 1e-6, 32.22166),
        ] {
            let got = epsilon_of_rho(rho, delta).unwrap();
            assert!((got - epsilon).abs() < 1e-5, "{rho} {delta}: {got}");
        }
        assert_eq!(epsilon_of_rho(0.0, 1e-6).unwrap(), 0.0);
        assert_eq!(epsilon_of_rho(-0.0, 1e-6).unwrap(), 0.0);
    }

    #[test]
    fn it_is_tighter_than_the_first_conversion() {
        for rho in [1e-6, 1e-3, 0.1, 1.0, 10.0, 1000.0, 10_000.0] {
            for delta in [1e-12, 1e-6, 1e-3] {
                let simple = rho + 2.0 * f64::sqrt(rho * -f64::ln(delta));
                let optimal = epsilon_of_rho(rho, delta).unwrap();
                assert!(optimal < simple, "{rho} {delta}: {optimal} {simple}");
            }
        }
    }

    #[test]
    fn there_and_back() {
        for epsilon in [0.001, 0.1, 1.0, 5.0, 100.0, 10_000.0] {
            for delta in [1e-12, 1e-6, 0.1] {
                let epsilon = Nano::of(epsilon, Rounding::Up).unwrap();
                let rho = rho_of_epsilon(epsilon, Atto::of(delta, Rounding::Up).unwrap()).unwrap();
                let back = |rho: Nano| epsilon_of_rho(rho.nearest(), delta).unwrap();
                assert!(back(rho) <= epsilon.nearest(), "{epsilon} {delta}");
                let more = Nano::from_units(rho.units() + 2);
                let all = rho == epsilon;
                assert!(all || back(more) >= epsilon.nearest(), "{epsilon} {delta}");
            }
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for (rho, delta) in [
            (-1.0, 0.5),
            (f64::NAN, 0.5),
            (f64::INFINITY, 0.5),
            (1.0, 0.0),
            (1.0, 1.0),
            (1.0, -0.1),
            (1.0, f64::NAN),
        ] {
            assert!(epsilon_of_rho(rho, delta).is_err(), "{rho} {delta}");
        }
    }
}
