//! Which groups there are, told only of those that enough units are in.
//!
//! OpenDP 0.16 keeps counts that are at least the threshold, and its privacy map gives the δ of keeping those
//! that are above it. Here the mechanism runs at a threshold one higher than the map is asked about, so that what
//! is kept is what the δ is of.
//!
//! R. Rogers, "A Unifying Privacy Analysis Framework for Unknown Domain Algorithms in Differential Privacy", 2023.

use std::collections::HashMap;

use opendp::domains::{AtomDomain, MapDomain};
use opendp::measurements::{make_gaussian_threshold, make_laplace_threshold};
use opendp::measures::{Approximate, MaxDivergence, ZeroConcentratedDivergence};
use opendp::metrics::{AbsoluteDistance, L01InfDistance, L02InfDistance};

use super::noise::{error, gaussian_scale, laplace_scale};
use super::{Sensitivity, Share, affordable};
use crate::PrivacyError;

type Counts = MapDomain<AtomDomain<u32>, AtomDomain<i64>>;

/// Groups that were found and their counts with noise.
pub(crate) struct Found {
    pub(crate) counts: HashMap<u32, i64>,
    /// A count is within this of the truth in 95 of 100 cases.
    pub(crate) error: f64,
}

/// Adds noise to each count and keeps those above a threshold so high that a group of one unit passes with
/// a probability of `delta` at most.
pub(crate) fn found(
    counts: &HashMap<u32, i64>,
    sensitivity: Sensitivity,
    share: Share,
    delta: f64,
) -> Result<Found, PrivacyError> {
    let domain = || Counts::new(AtomDomain::default(), AtomDomain::default());
    let (numbers, each) = (sensitivity.numbers, sensitivity.l_inf());
    let counts = match share {
        Share::Pure(epsilon) => {
            let d_in = (numbers, sensitivity.l1(), each);
            let at = |scale, threshold| {
                let metric = L01InfDistance::<AbsoluteDistance<f64>>::default();
                let m = make_laplace_threshold::<_, _, Approximate<MaxDivergence>>(
                    domain(),
                    metric,
                    scale,
                    threshold,
                    None,
                )?;
                let cost = m.map(&d_in)?;
                Ok((m, cost))
            };
            // At a threshold as high as can be, δ is in nobody's way.
            let cost_of_noise = |scale| at(scale, i64::MAX).map(|(_, (epsilon, _))| ((), epsilon));
            let ((), scale) =
                affordable(laplace_scale(sensitivity, epsilon), epsilon, cost_of_noise)?;
            let threshold = lowest(sensitivity.each, |threshold| {
                at(scale, threshold).is_ok_and(|(_, (e, d))| e <= epsilon && d <= delta)
            })?;
            at(scale, threshold.saturating_add(1))?.0.invoke(counts)?
        }
        Share::Concentrated(rho) => {
            let d_in = (numbers, sensitivity.l2(), each);
            let at = |scale, threshold| {
                let metric = L02InfDistance::<AbsoluteDistance<f64>>::default();
                let m = make_gaussian_threshold::<_, _, Approximate<ZeroConcentratedDivergence>>(
                    domain(),
                    metric,
                    scale,
                    threshold,
                    None,
                )?;
                let cost = m.map(&d_in)?;
                Ok((m, cost))
            };
            let cost_of_noise = |scale| at(scale, i64::MAX).map(|(_, (rho, _))| ((), rho));
            let ((), scale) = affordable(gaussian_scale(sensitivity, rho), rho, cost_of_noise)?;
            let threshold = lowest(sensitivity.each, |threshold| {
                at(scale, threshold).is_ok_and(|(_, (r, d))| r <= rho && d <= delta)
            })?;
            at(scale, threshold.saturating_add(1))?.0.invoke(counts)?
        }
    };
    Ok(Found {
        counts,
        error: error(sensitivity, share),
    })
}

/// The lowest number above `each` that is high enough for counts over it to be kept.
fn lowest(each: u64, enough: impl Fn(i64) -> bool) -> Result<i64, PrivacyError> {
    let mut low = i64::try_from(each).unwrap_or(i64::MAX);
    let mut step = 1_i64;
    let mut high = low.saturating_add(step);
    while !enough(high) {
        if high == i64::MAX {
            return Err(PrivacyError::Mechanism(
                "no threshold is high enough for delta: spend more delta".into(),
            ));
        }
        low = high;
        step = step.saturating_mul(2);
        high = high.saturating_add(step);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high)
}
