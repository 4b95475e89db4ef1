//! A latency histogram of atomics alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds: from a call in memory to the limit of a request.
const BOUNDS_US: [u64; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 5_000_000, 30_000_000,
];

/// Counts durations by bucket. The one of the `prometheus-client` crate takes a lock at each count.
#[derive(Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    pub fn observe(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[place].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Sum in seconds, count, and the count of each bucket under its upper bound in seconds.
    pub fn read(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let buckets: Vec<_> = BOUNDS_US
            .iter()
            .map(|us| *us as f64 / 1e6)
            .chain([f64::INFINITY])
            .zip(
                self.buckets
                    .iter()
                    .map(|count| count.load(Ordering::Relaxed)),
            )
            .collect();
        // The count is the sum of what was read, so that the buckets add up to it even while others count.
        let count = buckets.iter().map(|(_, count)| count).sum();
        (
            self.sum_us.load(Ordering::Relaxed) as f64 / 1e6,
            count,
            buckets,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_under_the_first_bound_that_is_not_below_it() {
        let histogram = Histogram::default();
        for us in [0, 50, 51, 30_000_000, 30_000_001] {
            histogram.observe(Duration::from_micros(us));
        }
        let (sum, count, buckets) = histogram.read();
        assert_eq!(count, 5);
        assert!((sum - 60.000_102).abs() < 1e-9);
        assert_eq!(buckets[0], (0.000_05, 2));
        assert_eq!(buckets[1].1, 1);
        assert_eq!(buckets[15].1, 1);
        assert_eq!(buckets[16], (f64::INFINITY, 1));
    }
}
