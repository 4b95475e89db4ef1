//! What a model has done since it was loaded, by stage. Counting is a few atomic additions; sums and names exist only
//! when somebody asks.

use std::array;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::batch::MAX_ROWS;
use crate::device::Device;

/// Upper bounds of the buckets of a [`Timing`], in microseconds.
const BOUNDS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000, 60_000_000,
];

/// What a model has done since it was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelStats {
    /// The key that it was loaded under.
    pub key: String,
    /// Where it is computed.
    pub device: Device,
    /// Rows that wait now. A row is a text, or a window of one.
    pub waiting: u64,
    /// Calls whose rows were all computed.
    pub succeeded: u64,
    /// Calls that the model failed on.
    pub failed: u64,
    /// Calls that were turned away because too many waited.
    pub refused: u64,
    /// Calls whose deadline passed before it was their turn.
    pub late: u64,
    /// Calls that were given up before they were answered.
    pub cancelled: u64,
    /// Tokens that were computed, without padding.
    pub tokens: u64,
    /// Tokens that were computed for nothing, because a batch is as wide as its longest row.
    pub padding_tokens: u64,
    /// How often batches of so many rows were computed and how long that took altogether, by number of rows.
    pub batches: Vec<BatchStats>,
    /// From the hand-over of a call's rows to its last answer, of calls that succeeded.
    pub call: Timing,
    /// Cutting the texts of a call into tokens, the wait for a thread included.
    pub tokenize: Timing,
    /// Waiting for a turn, of each row.
    pub queue: Timing,
    /// Running the model, of each batch.
    pub compute: Timing,
    /// When it last computed something.
    pub last_used: Option<SystemTime>,
}

impl ModelStats {
    /// How many rows were computed.
    pub fn rows(&self) -> u64 {
        self.batches.iter().map(|b| b.rows * b.count).sum()
    }
}

/// Batches of one number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchStats {
    /// How many rows such a batch has.
    pub rows: u64,
    /// How many there were.
    pub count: u64,
    /// How long all of them took together.
    pub compute: Duration,
}

/// How often something was done and how long it took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timing {
    /// How often.
    pub count: u64,
    /// How long altogether.
    pub sum: Duration,
    /// How often it took at most so long and longer than the bound before; none for what took longer than any bound.
    pub buckets: Vec<(Option<Duration>, u64)>,
}

/// The counters of one model.
pub(crate) struct Stats {
    pub(crate) key: String,
    /// Known once the model is loaded.
    pub(crate) device: OnceLock<Device>,
    pub(crate) failed: Counter,
    pub(crate) refused: Counter,
    pub(crate) late: Counter,
    pub(crate) cancelled: Counter,
    pub(crate) call: Histogram,
    pub(crate) tokenize: Histogram,
    pub(crate) queue: Histogram,
    compute: Histogram,
    tokens: Counter,
    padding: Counter,
    /// For 1 row, 2 rows …: how many batches, and their nanoseconds.
    batches: [(Counter, Counter); MAX_ROWS],
    last_used_ms: AtomicU64,
}

impl Stats {
    pub(crate) fn new(key: String) -> Self {
        Self {
            key,
            device: OnceLock::new(),
            failed: Counter::default(),
            refused: Counter::default(),
            late: Counter::default(),
            cancelled: Counter::default(),
            call: Histogram::default(),
            tokenize: Histogram::default(),
            queue: Histogram::default(),
            compute: Histogram::default(),
            tokens: Counter::default(),
            padding: Counter::default(),
            batches: array::from_fn(|_| <(Counter, Counter)>::default()),
            last_used_ms: AtomicU64::new(0),
        }
    }

    /// Counts one run of `rows` rows with `tokens` tokens, in a batch of `cells` places.
    pub(crate) fn computed(&self, rows: usize, tokens: usize, cells: usize, time: Duration) {
        self.compute.observe(time);
        self.tokens.add(tokens as u64);
        self.padding.add(cells.saturating_sub(tokens) as u64);
        if let Some((count, nanoseconds)) = rows.checked_sub(1).and_then(|i| self.batches.get(i)) {
            count.add(1);
            nanoseconds.add(whole(time.as_nanos()));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| whole(now.as_millis()));
        self.last_used_ms.store(now, Relaxed);
    }

    /// What was counted. What the counters do not know is empty.
    pub(crate) fn read(&self) -> ModelStats {
        let batches = (1..).zip(&self.batches).map(|(rows, batch)| BatchStats {
            rows,
            count: batch.0.get(),
            compute: Duration::from_nanos(batch.1.get()),
        });
        let call = self.call.read();
        let last_used = self.last_used_ms.load(Relaxed);
        ModelStats {
            key: self.key.clone(),
            device: self.device.get().copied().unwrap_or(Device::Cpu),
            waiting: 0,
            succeeded: call.count,
            failed: self.failed.get(),
            refused: self.refused.get(),
            late: self.late.get(),
            cancelled: self.cancelled.get(),
            tokens: self.tokens.get(),
            padding_tokens: self.padding.get(),
            batches: batches.filter(|batch| batch.count > 0).collect(),
            call,
            tokenize: self.tokenize.read(),
            queue: self.queue.read(),
            compute: self.compute.read(),
            last_used: (last_used > 0).then(|| UNIX_EPOCH + Duration::from_millis(last_used)),
        }
    }
}

/// A number that grows.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Durations by bucket.
#[derive(Default)]
pub(crate) struct Histogram {
    buckets: [Counter; BOUNDS_US.len() + 1],
    nanoseconds: Counter,
}

impl Histogram {
    pub(crate) fn observe(&self, time: Duration) {
        let us = whole(time.as_micros());
        let place = BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[place].add(1);
        self.nanoseconds.add(whole(time.as_nanos()));
    }

    fn read(&self) -> Timing {
        let bounds = BOUNDS_US.map(|us| Some(Duration::from_micros(us)));
        let buckets = bounds.into_iter().chain([None]);
        let buckets: Vec<_> = buckets.zip(self.buckets.iter().map(Counter::get)).collect();
        Timing {
            // What was read, so that the buckets add up to it even while others count.
            count: buckets.iter().map(|(_, count)| count).sum(),
            sum: Duration::from_nanos(self.nanoseconds.get()),
            buckets,
        }
    }
}

fn whole(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_under_the_first_bound_that_is_not_below_it() {
        let histogram = Histogram::default();
        for us in [0, 100, 101, 60_000_001] {
            histogram.observe(Duration::from_micros(us));
        }
        let timing = histogram.read();
        assert_eq!(
            (timing.count, timing.sum),
            (4, Duration::from_micros(60_000_202))
        );
        assert_eq!(timing.buckets[0], (Some(Duration::from_micros(100)), 2));
        assert_eq!(timing.buckets[1].1, 1);
        assert_eq!(timing.buckets[16], (None, 1));
    }

    #[test]
    fn batches_are_counted_by_their_rows() {
        let stats = Stats::new("好/m@1.0.0".into());
        assert_eq!(stats.read().last_used, None);
        for _ in 0..2 {
            stats.computed(3, 10, 12, Duration::from_millis(2));
        }
        stats.computed(1, 5, 5, Duration::from_millis(1));
        let read = stats.read();
        let of = |rows, count, ms| BatchStats {
            rows,
            count,
            compute: Duration::from_millis(ms),
        };
        assert_eq!(read.batches, [of(1, 1, 1), of(3, 2, 4)]);
        assert_eq!((read.rows(), read.tokens, read.padding_tokens), (7, 25, 4));
        assert_eq!(read.compute.count, 3);
        assert!(read.last_used.is_some());
    }
}
