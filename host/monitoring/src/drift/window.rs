//! The latest numbers, from many threads.

use std::sync::atomic::{AtomicU64, Ordering};

/// The most numbers that a window holds: half a megabyte.
const MAX_CAPACITY: usize = 1 << 16;

/// The latest numbers, as many as its capacity. To record is one addition and one store, without a lock.
///
/// Numbers that are not finite are counted apart and not kept.
#[derive(Debug)]
pub struct Window {
    slots: Box<[AtomicU64]>,
    count: AtomicU64,
    not_finite: AtomicU64,
}

impl Window {
    /// An empty window over the latest `capacity` numbers, 1 to 65,536.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let empty = || AtomicU64::new(f64::NAN.to_bits());
        let capacity = capacity.clamp(1, MAX_CAPACITY);
        Self {
            slots: (0..capacity).map(|_| empty()).collect(),
            count: AtomicU64::new(0),
            not_finite: AtomicU64::new(0),
        }
    }

    /// Adds a number; the oldest makes place for it.
    pub fn record(&self, value: f64) {
        if !value.is_finite() {
            self.not_finite.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let place = self.count.fetch_add(1, Ordering::Relaxed) % self.slots.len() as u64;
        self.slots[place as usize].store(value.to_bits(), Ordering::Relaxed);
    }

    /// What it holds, in no order.
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        let values = self.slots.iter();
        let values = values.map(|slot| f64::from_bits(slot.load(Ordering::Relaxed)));
        // A slot is not a number until its first number is stored.
        values.filter(|value| value.is_finite()).collect()
    }

    /// How many finite numbers were recorded, kept or not.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// How many were not finite.
    #[must_use]
    pub fn not_finite(&self) -> u64 {
        self.not_finite.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_stay() {
        let window = Window::new(3);
        assert!(window.values().is_empty());
        for i in 0..5 {
            window.record(f64::from(i));
        }
        let mut values = window.values();
        values.sort_by(f64::total_cmp);
        assert_eq!(values, [2.0, 3.0, 4.0]);
    }

    #[test]
    fn what_is_no_number_never_enters() {
        let window = Window::new(4);
        for value in [1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            window.record(value);
        }
        assert_eq!(window.values(), [1.0]);
        assert_eq!((window.count(), window.not_finite()), (1, 3));
    }

    #[test]
    fn threads_lose_nothing() {
        let window = Window::new(usize::MAX);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let window = &window;
                scope.spawn(move || {
                    (0..1000).for_each(|i| window.record(f64::from(thread * 1000 + i)))
                });
            }
        });
        let mut values = window.values();
        values.sort_by(f64::total_cmp);
        assert_eq!(values, (0..4000).map(f64::from).collect::<Vec<_>>());
    }
}
