//! How fast somebody may ask: a token bucket without a lock.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use steward_registry::Rate;

/// The generic cell rate algorithm: one number says when the bucket will be full again.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// Nanoseconds since the start of the process.
    full_at: AtomicU64,
}

/// Nanoseconds since the first look at this clock; 584 years fit.
pub(crate) fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

impl Bucket {
    /// Takes a token, or says how long it takes until there is one.
    pub fn take(&self, rate: &Rate, now: u64) -> Result<(), Duration> {
        let interval = 1_000_000_000 / u64::from(rate.per_second.max(1));
        let depth = interval * u64::from(rate.burst.unwrap_or(rate.per_second).max(1));
        let next = |full_at: u64| full_at.max(now) + interval;
        let taken = self
            .full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                let next = next(full_at);
                (next - now <= depth).then_some(next)
            });
        match taken {
            Ok(_) => Ok(()),
            Err(full_at) => Err(Duration::from_nanos(next(full_at) - now - depth)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let bucket = Bucket::default();
        let rate = Rate {
            per_second: 10,
            burst: Some(3),
        };
        let start = 5_000_000_000;
        for _ in 0..3 {
            bucket.take(&rate, start).unwrap();
        }
        let wait = bucket.take(&rate, start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        let later = start + wait.as_nanos() as u64;
        bucket.take(&rate, later).unwrap();
        assert!(bucket.take(&rate, later).is_err());
        // A pause fills it again, and no further.
        let much_later = later + 3_600_000_000_000;
        let passed = (0..10).filter(|_| bucket.take(&rate, much_later).is_ok());
        assert_eq!(passed.count(), 3);
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate_together(
            per_second in 1_u32..1000, burst in 1_u32..50, steps in proptest::collection::vec(0_u64..50_000_000, 1..300)
        ) {
            let (bucket, rate) = (Bucket::default(), Rate { per_second, burst: Some(burst) });
            let (mut now, mut passed) = (0_u64, 0_u64);
            for step in steps {
                now += step;
                passed += u64::from(bucket.take(&rate, now).is_ok());
                let interval = 1_000_000_000 / u64::from(per_second);
                prop_assert!(passed <= u64::from(burst) + now / interval);
            }
        }
    }
}
