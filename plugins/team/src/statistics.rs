//! Percentiles and an interval.

use steward_sdk::team::{Percentiles, Share};
use steward_statistics::Z_95;

/// Percentiles of finite values by linear interpolation between the two nearest (R. J. Hyndman and Y. Fan, "Sample
/// quantiles in statistical packages", 1996, type 7, as NumPy has it); none where there are none.
pub fn percentiles(mut values: Vec<f64>) -> Option<Percentiles> {
    values.sort_unstable_by(f64::total_cmp);
    let at = |p: f64| {
        let place = p * (values.len().saturating_sub(1)) as f64;
        let below = *values.get(place.floor() as usize)?;
        let above = *values.get(place.ceil() as usize)?;
        Some(below + (above - below) * place.fract())
    };
    Some(Percentiles {
        of: u32::try_from(values.len()).unwrap_or(u32::MAX),
        p50: at(0.5)?,
        p85: at(0.85)?,
        p95: at(0.95)?,
    })
}

/// A share with Wilson's interval of 95 %; none of nothing.
pub fn wilson(hits: usize, of: usize) -> Option<Share> {
    if of == 0 {
        return None;
    }
    let (hits, of) = (hits as f64, of as f64);
    let interval = steward_statistics::wilson(hits, of, Z_95);
    Some(Share {
        value: hits / of,
        low: interval.low,
        high: interval.high,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_is_the_published_interval() {
        let share = wilson(8, 10).unwrap();
        assert!((share.low - 0.490_162).abs() < 1e-6, "{}", share.low);
        assert!((share.high - 0.943_318).abs() < 1e-6, "{}", share.high);
        assert!(wilson(0, 0).is_none());
    }

    #[test]
    fn percentiles_interpolate() {
        // numpy.percentile([1, 2, 3, 10], [50, 85, 95])
        let found = percentiles(vec![10.0, 1.0, 3.0, 2.0]).unwrap();
        assert!((found.p50 - 2.5).abs() < 1e-12);
        assert!((found.p85 - 6.85).abs() < 1e-12, "{}", found.p85);
        assert!((found.p95 - 8.95).abs() < 1e-12, "{}", found.p95);
        assert!(percentiles(Vec::new()).is_none());
        assert!((percentiles(vec![4.0]).unwrap().p95 - 4.0).abs() < 1e-12);
    }
}
