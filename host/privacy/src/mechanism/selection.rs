//! Choosing among candidates without telling their scores.

use opendp::domains::{AtomDomain, VectorDomain};
use opendp::measurements::{TopKMeasure, make_noisy_top_k, make_private_quantile};
use opendp::measures::{MaxDivergence, ZeroConcentratedDivergence};
use opendp::metrics::{LInfDistance, SymmetricDistance};

use super::{Share, affordable};
use crate::PrivacyError;

/// The indices of the `k` highest counts, in order, where a unit changes each count by at most `each`.
pub(crate) fn top_k(
    counts: &Vec<u64>,
    each: u64,
    k: usize,
    share: Share,
) -> Result<Vec<usize>, PrivacyError> {
    match share {
        Share::Pure(epsilon) => {
            let scale = each as f64 * k as f64 / epsilon;
            top_k_by(MaxDivergence, counts, each, k, scale, epsilon)
        }
        Share::Concentrated(rho) => {
            let scale = each as f64 * (k as f64 / (8.0 * rho)).sqrt();
            top_k_by(ZeroConcentratedDivergence, counts, each, k, scale, rho)
        }
    }
}

fn top_k_by<MO: TopKMeasure>(
    measure: MO,
    counts: &Vec<u64>,
    each: u64,
    k: usize,
    scale: f64,
    allowed: f64,
) -> Result<Vec<usize>, PrivacyError> {
    let domain = VectorDomain::new(AtomDomain::<u64>::default()).with_size(counts.len());
    // A unit that comes raises counts and lowers none.
    let metric = LInfDistance::new(true);
    let make = |scale| {
        let m = make_noisy_top_k(
            domain.clone(),
            metric.clone(),
            measure.clone(),
            k,
            scale,
            false,
        )?;
        let cost = m.map(&each)?;
        Ok((m, cost))
    };
    let (mechanism, _) = affordable(scale, allowed, make)?;
    Ok(mechanism.invoke(counts)?)
}

/// The candidate nearest to the quantile, where a unit has at most `rows` of the values.
pub(crate) fn quantile(
    values: &Vec<f64>,
    rows: u32,
    q: f64,
    candidates: &[f64],
    share: Share,
) -> Result<f64, PrivacyError> {
    // A row changes a score by at most the larger of q and 1 - q, up or down.
    let change = 2.0 * f64::from(rows) * q.max(1.0 - q);
    match share {
        Share::Pure(epsilon) => {
            let scale = change / epsilon;
            quantile_by(MaxDivergence, values, rows, q, candidates, scale, epsilon)
        }
        Share::Concentrated(rho) => {
            let scale = change / (8.0 * rho).sqrt();
            quantile_by(
                ZeroConcentratedDivergence,
                values,
                rows,
                q,
                candidates,
                scale,
                rho,
            )
        }
    }
}

fn quantile_by<MO: TopKMeasure>(
    measure: MO,
    values: &Vec<f64>,
    rows: u32,
    q: f64,
    candidates: &[f64],
    scale: f64,
    allowed: f64,
) -> Result<f64, PrivacyError> {
    let make = |scale| {
        let m = make_private_quantile(
            VectorDomain::new(AtomDomain::<f64>::new_non_nan()),
            SymmetricDistance,
            measure.clone(),
            candidates.to_vec(),
            q,
            scale,
        )?;
        let cost = m.map(&rows)?;
        Ok((m, cost))
    };
    let (mechanism, _) = affordable(scale, allowed, make)?;
    Ok(mechanism.invoke(values)?)
}
