//! Laplace and Gaussian noise for integers.
//!
//! Both are discrete, so that no floating point can tell of the data: C. Canonne, G. Kamath and T. Steinke, "The
//! Discrete Gaussian for Differential Privacy", 2020.

use opendp::core::Measurement;
use opendp::domains::{AtomDomain, VectorDomain};
use opendp::error::Fallible;
use opendp::measurements::{make_gaussian, make_laplace};
use opendp::measures::{MaxDivergence, ZeroConcentratedDivergence};
use opendp::metrics::{L1Distance, L2Distance};

use super::{Sensitivity, Share, affordable};
use crate::PrivacyError;

type Integers = VectorDomain<AtomDomain<i64>>;
type Laplace = Measurement<Integers, L1Distance<f64>, MaxDivergence, Vec<i64>>;
type Gaussian = Measurement<Integers, L2Distance<f64>, ZeroConcentratedDivergence, Vec<i64>>;

/// Integers with noise.
pub(crate) struct Noisy {
    pub(crate) values: Vec<i64>,
    /// A value is within this of the truth in 95 of 100 cases.
    pub(crate) error: f64,
}

/// Adds noise to each value.
pub(crate) fn noisy(
    values: &Vec<i64>,
    sensitivity: Sensitivity,
    share: Share,
) -> Result<Noisy, PrivacyError> {
    let error = error(sensitivity, share);
    let values = match share {
        Share::Pure(epsilon) => {
            let (d_in, start) = (sensitivity.l1(), laplace_scale(sensitivity, epsilon));
            let make = |scale| -> Fallible<(Laplace, f64)> {
                let m: Laplace =
                    make_laplace(Integers::default(), L1Distance::default(), scale, None)?;
                let cost = m.map(&d_in)?;
                Ok((m, cost))
            };
            affordable(start, epsilon, make)?.0.invoke(values)?
        }
        Share::Concentrated(rho) => {
            let (d_in, start) = (sensitivity.l2(), gaussian_scale(sensitivity, rho));
            let make = |scale| -> Fallible<(Gaussian, f64)> {
                let m: Gaussian =
                    make_gaussian(Integers::default(), L2Distance::default(), scale, None)?;
                let cost = m.map(&d_in)?;
                Ok((m, cost))
            };
            affordable(start, rho, make)?.0.invoke(values)?
        }
    };
    Ok(Noisy { values, error })
}

/// The standard deviation of the noise, nearly: that of the continuous distribution.
pub(crate) fn deviation(sensitivity: Sensitivity, share: Share) -> f64 {
    match share {
        Share::Pure(epsilon) => laplace_scale(sensitivity, epsilon) * std::f64::consts::SQRT_2,
        Share::Concentrated(rho) => gaussian_scale(sensitivity, rho),
    }
}

/// How far the noise goes in 95 of 100 cases.
pub(super) fn error(sensitivity: Sensitivity, share: Share) -> f64 {
    match share {
        // ln 20, and the quantile .975 of the normal distribution.
        Share::Pure(epsilon) => laplace_scale(sensitivity, epsilon) * 20_f64.ln(),
        Share::Concentrated(rho) => gaussian_scale(sensitivity, rho) * 1.959_963_984_540_054,
    }
}

pub(super) fn laplace_scale(sensitivity: Sensitivity, epsilon: f64) -> f64 {
    sensitivity.l1() / epsilon
}

pub(super) fn gaussian_scale(sensitivity: Sensitivity, rho: f64) -> f64 {
    sensitivity.l2() / (2.0 * rho).sqrt()
}
