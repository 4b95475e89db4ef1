//! What numbers looked like when all was well.

use serde::{Deserialize, Serialize};

use super::{Drift, MIN_COUNT, ks_p_value, ks_statistic, ordered};

/// How many numbers a reference keeps. Of more, it keeps as many in even steps of rank, which moves no value of the
/// distribution function by more than one part in this many.
const MAX_POINTS: usize = 2048;
const DEFAULT_BINS: usize = 10;
const MAX_BINS: usize = 100;
/// What is added to each bin's count (H. Jeffreys' prior), so that an empty bin gives a large index, not an infinite one.
const SMOOTHING: f64 = 0.5;

/// A reference window: at most 2,048 numbers, whatever it was made of, as JSON about 20 KiB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Reference {
    count: u64,
    bins: usize,
    /// In order.
    points: Vec<f64>,
    /// Upper ends of all bins but the last.
    edges: Vec<f64>,
    /// The smoothed share of each bin.
    shares: Vec<f64>,
}

/// Why numbers make no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// Too few finite numbers.
    #[error("{count} finite numbers are too few for a reference; at least {MIN_COUNT} are needed")]
    TooFew {
        /// How many there are.
        count: usize,
    },
    /// A number of bins out of range.
    #[error("a reference has 2 to {MAX_BINS} bins, not {bins}")]
    Bins {
        /// How many were asked for.
        bins: usize,
    },
    /// A stored reference that this crate never wrote.
    #[error("the stored reference is damaged: {reason}; make it again from samples")]
    Damaged {
        /// What is wrong with it.
        reason: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    count: u64,
    bins: usize,
    points: Vec<f64>,
}

impl Reference {
    /// A reference with ten bins from samples. Those that are not finite are left out.
    ///
    /// # Errors
    /// Where fewer than [`MIN_COUNT`] samples are finite.
    pub fn new(samples: &[f64]) -> Result<Self, ReferenceError> {
        Self::with_bins(samples, DEFAULT_BINS)
    }

    /// A reference with so many bins, 2 to 100.
    ///
    /// # Errors
    /// As for [`Reference::new`], and where `bins` is out of range.
    pub fn with_bins(samples: &[f64], bins: usize) -> Result<Self, ReferenceError> {
        let points = ordered(samples);
        let count = points.len();
        if count <= MAX_POINTS {
            return Self::from_points(count as u64, bins, points);
        }
        // The middle of each of equal steps of rank.
        let step = |i: usize| points[(2 * i + 1) * count / (2 * MAX_POINTS)];
        Self::from_points(count as u64, bins, (0..MAX_POINTS).map(step).collect())
    }

    fn from_points(count: u64, bins: usize, points: Vec<f64>) -> Result<Self, ReferenceError> {
        if points.len() < MIN_COUNT {
            let count = points.len();
            return Err(ReferenceError::TooFew { count });
        }
        if !(2..=MAX_BINS).contains(&bins) {
            return Err(ReferenceError::Bins { bins });
        }
        let edges = edges(&points, bins);
        let scale = count as f64 / points.len() as f64;
        let shares = shares(&edges, &points, scale);
        Ok(Self {
            count,
            bins,
            points,
            edges,
            shares,
        })
    }

    /// How many numbers it was made of.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How far these numbers are from the reference; none where fewer than [`MIN_COUNT`] of them are finite.
    ///
    /// The population stability index is the sum over bins of `(a - e) ln(a / e)` for the actual share `a` and the
    /// expected share `e`, the symmetric divergence of S. Kullback and R. Leibler, 1951, over the quantiles of the
    /// reference. A share is `(count + 0.5) / (all + 0.5 * bins)`.
    #[must_use]
    pub fn compare(&self, values: &[f64]) -> Option<Drift> {
        let values = ordered(values);
        if values.len() < MIN_COUNT {
            return None;
        }
        let actual = shares(&self.edges, &values, 1.0);
        let pairs = actual.iter().zip(&self.shares);
        let ks = ks_statistic(&self.points, &values);
        Some(Drift {
            psi: pairs.map(|(a, e)| (a - e) * (a / e).ln()).sum(),
            ks,
            p_value: ks_p_value(ks, self.count as f64, values.len() as f64),
            reference_count: self.count,
            count: values.len() as u64,
        })
    }
}

/// The quantiles of the points, linear between neighbours. A number that fills a whole bin gets a bin of its own, so
/// that what comes to lie below it does not hide among its like.
fn edges(points: &[f64], bins: usize) -> Vec<f64> {
    let quantile = |i: usize| {
        let rank = i as f64 / bins as f64 * (points.len() - 1) as f64;
        let low = points[rank.floor() as usize];
        let high = points[rank.ceil() as usize];
        // In two parts, because the distance between two finite numbers may be none.
        low * (1.0 - rank.fract()) + high * rank.fract()
    };
    let quantiles: Vec<f64> = (1..bins).map(quantile).collect();
    let mut edges = Vec::with_capacity(2 * bins);
    for alike in quantiles.chunk_by(|a, b| a == b) {
        if alike.len() > 1 {
            edges.push(alike[0].next_down());
        }
        edges.push(alike[0]);
    }
    edges
}

/// The smoothed share of each bin, from values in order.
fn shares(edges: &[f64], values: &[f64], scale: f64) -> Vec<f64> {
    let bins = edges.len() + 1;
    let all = values.len() as f64 * scale + SMOOTHING * bins as f64;
    let below = |edge: &f64| values.partition_point(|value| value <= edge);
    let mut from = 0;
    let ends = edges.iter().map(below).chain([values.len()]);
    ends.map(|end| {
        let count = (end - from) as f64 * scale;
        from = end;
        (count + SMOOTHING) / all
    })
    .collect()
}

impl From<Reference> for Stored {
    fn from(reference: Reference) -> Self {
        Self {
            count: reference.count,
            bins: reference.bins,
            points: reference.points,
        }
    }
}

impl TryFrom<Stored> for Reference {
    type Error = ReferenceError;

    fn try_from(stored: Stored) -> Result<Self, ReferenceError> {
        let damaged = |reason| Err(ReferenceError::Damaged { reason });
        let len = stored.points.len();
        if len > MAX_POINTS {
            return damaged("too many points");
        }
        // Rounded once more: a JSON number need not come back to the last bit.
        let points = ordered(&stored.points);
        if points.len() != len {
            return damaged("a point is not finite");
        }
        if stored.count < len as u64 || (len < MAX_POINTS && stored.count != len as u64) {
            return damaged("its count does not go with its points");
        }
        Self::from_points(stored.count, stored.bins, points)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ramp(count: usize, from: f64) -> Vec<f64> {
        (0..count).map(|i| from + i as f64 / 1000.0).collect()
    }

    #[test]
    fn too_few_numbers_give_no_verdict() {
        let few = ramp(MIN_COUNT - 1, 0.0);
        assert_eq!(
            Reference::new(&few),
            Err(ReferenceError::TooFew { count: 199 })
        );
        let reference = Reference::new(&ramp(1000, 0.0)).unwrap();
        assert_eq!(reference.compare(&few), None);
        let mut poisoned = few;
        poisoned.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        assert_eq!(reference.compare(&poisoned), None);
        for bins in [0, 1, 101] {
            let error = Reference::with_bins(&ramp(1000, 0.0), bins);
            assert_eq!(error, Err(ReferenceError::Bins { bins }));
        }
    }

    #[test]
    fn a_constant_that_moves_either_way_is_seen() {
        let reference = Reference::new(&[1.0; 500]).unwrap();
        for (value, drifts) in [(0.9, true), (1.1, true), (1.000_000_1, false)] {
            let drift = reference.compare(&[value; 500]).unwrap();
            assert_eq!(drift.psi > 0.25, drifts, "{value}: {drift:?}");
            assert_eq!(drift.p_value < 0.01, drifts, "{value}: {drift:?}");
        }
    }

    #[test]
    fn many_numbers_are_kept_in_bounded_size() {
        let many: Vec<f64> = (0..100_000).map(|i| f64::from(i) / 1e5).collect();
        let reference = Reference::new(&many).unwrap();
        assert_eq!(reference.count(), 100_000);
        let text = serde_json::to_string(&reference).unwrap();
        assert!(text.len() < 60_000, "{}", text.len());
        let drift = reference.compare(&many).unwrap();
        assert!(drift.psi < 1e-3 && drift.ks < 1e-3, "{drift:?}");
        assert_eq!(drift.p_value, 1.0);
    }

    #[test]
    fn the_largest_numbers_stay_finite() {
        let mut wide = vec![f64::MAX; 150];
        wide.extend([f64::MIN; 150]);
        let drift = Reference::new(&wide).unwrap().compare(&wide).unwrap();
        assert_eq!((drift.psi, drift.ks), (0.0, 0.0));
    }

    #[test]
    fn damage_is_refused() {
        let good = serde_json::to_value(Reference::new(&ramp(300, 0.0)).unwrap()).unwrap();
        let with = |key: &str, value: serde_json::Value| {
            let mut bad = good.clone();
            bad[key] = value;
            serde_json::from_value::<Reference>(bad).unwrap_err()
        };
        with("count", 5.into());
        with("bins", 1.into());
        with("points", vec![1.0; 10].into());
        with("points", vec![1.0; 3000].into());
        with("unknown", 1.into());
    }

    proptest! {
        #[test]
        fn storing_changes_nothing(values in prop::collection::vec(-1e6..1e6_f64, 200..400), bins in 2..30_usize) {
            let reference = Reference::with_bins(&values, bins).unwrap();
            let text = serde_json::to_string(&reference).unwrap();
            prop_assert_eq!(&reference, &serde_json::from_str::<Reference>(&text).unwrap());
            let same = reference.compare(&values).unwrap();
            prop_assert!(same.psi.abs() < 1e-9 && same.ks == 0.0);
        }

        #[test]
        fn any_numbers_give_numbers(a in prop::collection::vec(any::<f64>(), 0..600), b in prop::collection::vec(any::<f64>(), 0..600)) {
            if let Some(drift) = Reference::new(&a).ok().and_then(|reference| reference.compare(&b)) {
                prop_assert!(drift.psi >= 0.0 && drift.psi.is_finite());
                prop_assert!((0.0..=1.0).contains(&drift.ks) && (0.0..=1.0).contains(&drift.p_value));
            }
        }
    }
}
