//! How long calls take: histograms of durations with quantiles.
//!
//! Buckets are log-linear, 64 for each doubling of a microsecond, as in HdrHistogram (<https://hdrhistogram.org>): a
//! duration is known to one part in 128 (or half a microsecond), from 1 µs to 71 minutes; longer ones count as that. The
//! crate `hdrhistogram` records through `&mut`, and its concurrent form wants a recorder for each thread, which tasks that
//! move between threads do not have; here [`Latency::record`] is a few relaxed additions from wherever it is called.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets for each doubling, as a power of two.
const BITS: u32 = 6;
const PER_DOUBLING: u64 = 1 << BITS;
/// The longest duration told apart, in microseconds.
const MAX_MICROS: u64 = u32::MAX as u64;
const BUCKETS: usize = ((u32::BITS - BITS + 1) as usize) << BITS;

fn bucket(duration: Duration) -> usize {
    let micros = u64::try_from(duration.as_micros()).map_or(MAX_MICROS, |v| v.min(MAX_MICROS));
    if micros < PER_DOUBLING {
        return micros as usize;
    }
    let shift = micros.ilog2() - BITS;
    ((u64::from(shift) << BITS) + (micros >> shift)) as usize
}

/// The lower end of a bucket and its width, in microseconds.
fn range(bucket: usize) -> (u64, u64) {
    let (doubling, place) = (bucket as u64 >> BITS, bucket as u64 % PER_DOUBLING);
    match doubling {
        0 => (place, 1),
        _ => (
            (PER_DOUBLING + place) << (doubling - 1),
            1 << (doubling - 1),
        ),
    }
}

/// The middle of a bucket, in microseconds.
fn middle(bucket: usize) -> f64 {
    let (low, width) = range(bucket);
    low as f64 + width as f64 / 2.0
}

fn micros(value: f64) -> Duration {
    Duration::from_nanos((value * 1e3) as u64)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A histogram that one owner fills, and what [`Latency::snapshot`] gives: 14 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durations {
    counts: Box<[u64]>,
    count: u64,
    sum_nanos: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS].into(),
            count: 0,
            sum_nanos: 0,
        }
    }
}

impl Durations {
    /// Adds one.
    pub fn record(&mut self, duration: Duration) {
        self.counts[bucket(duration)] += 1;
        self.count += 1;
        self.sum_nanos = self.sum_nanos.saturating_add(nanos(duration));
    }

    /// Adds all of another's.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.sum_nanos = self.sum_nanos.saturating_add(other.sum_nanos);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_nanos)
    }

    /// The mean; none of none.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(self.sum_nanos / self.count))
    }

    /// The duration that a share `q` of all, 0 to 1, does not pass; none of none.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let rank = (q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64;
        self.bucket_of_rank(rank.max(1))
            .map(|at| micros(middle(at)))
    }

    /// For each bound how many are at most as long: the buckets of a Prometheus histogram, without that of infinity,
    /// which is [`Durations::count`]. A bound within a bucket counts it whole or not at all, as the bucket's middle lies.
    #[must_use]
    pub fn cumulative(&self, bounds: &[Duration]) -> Vec<u64> {
        let up_to = |bound: &Duration| {
            let bound = nanos(*bound) as f64 / 1e3;
            let counts = self.counts.iter().enumerate();
            let within = counts.take_while(|(at, _)| middle(*at) <= bound);
            within.map(|(_, count)| count).sum()
        };
        bounds.iter().map(up_to).collect()
    }

    /// How many are certainly longer.
    pub(crate) fn longer_than(&self, bound: Duration) -> u64 {
        self.counts[bucket(bound) + 1..].iter().sum()
    }

    /// Where the `rank`th shortest certainly ends, ranks from 1.
    pub(crate) fn at_rank(&self, rank: u64) -> Option<Duration> {
        let (low, width) = range(self.bucket_of_rank(rank)?);
        Some(Duration::from_micros(low + width))
    }

    /// Mean and variance of the natural logarithm.
    pub(crate) fn log_moments(&self) -> Option<(f64, f64)> {
        if self.count < 2 {
            return None;
        }
        let count = self.count as f64;
        let logs = || (0..BUCKETS).filter(|&at| self.counts[at] > 0);
        let logs = || logs().map(|at| (self.counts[at] as f64, middle(at).ln()));
        let mean = logs().map(|(n, log)| n * log).sum::<f64>() / count;
        let squares = logs().map(|(n, log)| n * (log - mean).powi(2));
        Some((mean, squares.sum::<f64>() / (count - 1.0)))
    }

    fn bucket_of_rank(&self, rank: u64) -> Option<usize> {
        let mut seen = 0;
        self.counts.iter().position(|count| {
            seen += count;
            seen >= rank && seen > 0
        })
    }
}

/// A histogram that many threads fill at once: 14 KiB.
#[derive(Debug)]
pub struct Latency {
    counts: Box<[AtomicU64]>,
    sum_nanos: AtomicU64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            counts: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum_nanos: AtomicU64::new(0),
        }
    }
}

impl Latency {
    /// Adds one.
    pub fn record(&self, duration: Duration) {
        self.counts[bucket(duration)].fetch_add(1, Ordering::Relaxed);
        // Wraps after 584 years of waiting.
        self.sum_nanos.fetch_add(nanos(duration), Ordering::Relaxed);
    }

    /// What was recorded until now. While others record, the sum may be ahead of the counts by what is under way.
    #[must_use]
    pub fn snapshot(&self) -> Durations {
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let counts: Box<[u64]> = counts.collect();
        Durations {
            count: counts.iter().sum(),
            counts,
            sum_nanos: self.sum_nanos.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Durations {
        let mut durations = Durations::default();
        for &value in values {
            durations.record(Duration::from_micros(value));
        }
        durations
    }

    #[test]
    fn buckets_meet() {
        let mut next = 0;
        for at in 0..BUCKETS {
            let (low, width) = range(at);
            assert_eq!(low, next);
            assert_eq!(bucket(Duration::from_micros(low)), at);
            assert_eq!(bucket(Duration::from_micros(low + width - 1)), at);
            next = low + width;
        }
        assert_eq!(next, MAX_MICROS + 1);
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn nothing_has_no_quantile() {
        let none = Durations::default();
        assert_eq!(
            (none.quantile(0.5), none.mean(), none.log_moments()),
            (None, None, None)
        );
        assert_eq!(none.cumulative(&[Duration::from_secs(1)]), [0]);
    }

    #[test]
    fn threads_lose_nothing() {
        let latency = Latency::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|i| latency.record(Duration::from_micros(i))));
            }
        });
        let snapshot = latency.snapshot();
        assert_eq!(snapshot.count(), 4000);
        assert_eq!(snapshot.sum(), Duration::from_micros(4 * 499_500));
        let four: Vec<u64> = (0..4000).map(|i| i % 1000).collect();
        assert_eq!(snapshot, of(&four));
    }

    #[test]
    fn prometheus_buckets() {
        let durations = of(&[500, 1500, 1500, 20_000, 3_000_000]);
        let bounds = [1, 2, 10, 100, 10_000].map(Duration::from_millis);
        assert_eq!(durations.cumulative(&bounds), [1, 3, 3, 4, 5]);
    }

    proptest! {
        #[test]
        fn quantiles_are_within_one_part_in_128(mut values in prop::collection::vec(0..MAX_MICROS, 1..300), q in 0.0..=1.0_f64) {
            let durations = of(&values);
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).max(1);
            let exact = values[rank - 1] as f64;
            let found = durations.quantile(q).unwrap().as_nanos() as f64 / 1e3;
            prop_assert!((found - exact).abs() <= (exact / 128.0).max(0.5) + 1e-3, "{found} for {exact}");
            prop_assert!(durations.at_rank(rank as u64).unwrap() > Duration::from_micros(values[rank - 1]));
            let longer = durations.longer_than(Duration::from_micros(values[rank - 1]));
            prop_assert!(longer <= (values.len() - rank) as u64);
        }

        #[test]
        fn merged_is_all_at_once(a in prop::collection::vec(any::<u32>(), 0..200), b in prop::collection::vec(any::<u32>(), 0..200)) {
            let wide = |values: &[u32]| values.iter().map(|&v| u64::from(v)).collect::<Vec<_>>();
            let mut merged = of(&wide(&a));
            merged.merge(&of(&wide(&b)));
            prop_assert_eq!(merged, of(&wide(&[a, b].concat())));
        }
    }
}
