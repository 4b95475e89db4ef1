//! How much of a mean is chance.

use serde::Serialize;

/// How often the samples are drawn again.
const RESAMPLES: usize = 2000;
/// How much of the means the interval holds.
const LEVEL: f64 = 0.95;

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Interval {
    pub low: f64,
    pub high: f64,
    /// 0.95
    pub level: f64,
    pub resamples: usize,
}

/// Between which bounds the mean would lie with other samples of the same kind: the percentile interval of the bootstrap
/// (B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979). It says nothing of the
/// chance in what was trained on.
pub(super) fn mean_interval(numbers: &[f64], seed: u64) -> Interval {
    let mut draw = Draw(seed);
    let count = numbers.len().max(1);
    let mean = |_| {
        let drawn = (0..numbers.len()).map(|_| numbers[draw.below(count)]);
        drawn.sum::<f64>() / count as f64
    };
    let mut means: Vec<f64> = (0..RESAMPLES).map(mean).collect();
    means.sort_by(f64::total_cmp);
    let outside = ((1.0 - LEVEL) / 2.0 * RESAMPLES as f64).round() as usize;
    Interval {
        low: means[outside],
        high: means[RESAMPLES - 1 - outside],
        level: LEVEL,
        resamples: RESAMPLES,
    }
}

/// SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): few
/// lines that give the same numbers in every version of the host.
struct Draw(u64);

impl Draw {
    /// One of `0..bound`, which is below 2³².
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        // The share that a product of 32-bit numbers has above its low half.
        (((z >> 32) * bound as u64) >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // From the reference implementation, seed 1234567, high halves against a bound of 2³².
        let mut draw = Draw(1_234_567);
        let first: Vec<usize> = (0..3).map(|_| draw.below(1 << 32)).collect();
        let published = [
            6_457_827_717_110_365_317_u64,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(first, published.map(|z| (z >> 32) as usize));
    }

    #[test]
    fn an_interval_is_that_of_the_normal_distribution_where_there_are_many_samples() {
        let numbers: Vec<f64> = (0..400)
            .map(|n| f64::from(n * 7919 % 400) / 400.0)
            .collect();
        let found = mean_interval(&numbers, 1);
        let mean = numbers.iter().sum::<f64>() / 400.0;
        let deviation = (numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 400.0).sqrt();
        let half = 1.959_964 * deviation / 20.0;
        for (bound, expected) in [(found.low, mean - half), (found.high, mean + half)] {
            assert!(
                (bound - expected).abs() < half * 0.15,
                "{found:?} {expected}"
            );
        }
        assert_eq!(found, mean_interval(&numbers, 1));
        assert_ne!(found, mean_interval(&numbers, 2));
    }

    #[test]
    fn what_does_not_vary_has_no_width() {
        let found = mean_interval(&[0.0; 12], 3);
        assert_eq!((found.low, found.high), (0.0, 0.0));
    }
}
