//! How much may be done in a second.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// So much in each second, counted in seconds that begin with the first use. Within a second all of
/// it may come at once: the bound is on what a burst can cost, and a bucket that fills drop by drop
/// would bound it no better.
#[derive(Debug)]
pub struct Rate {
    per_second: u64,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    begun: Instant,
    spent: u64,
}

impl Rate {
    /// At most `per_second`; 0 is no limit.
    #[must_use]
    pub fn new(per_second: u64) -> Self {
        Self {
            per_second,
            window: Mutex::new(Window {
                begun: Instant::now(),
                spent: 0,
            }),
        }
    }

    /// The limit; 0 is none.
    pub fn per_second(&self) -> u64 {
        self.per_second
    }

    /// Takes `amount`, or nothing where this second has not so much left.
    pub fn take(&self, amount: u64) -> bool {
        self.per_second == 0 || self.take_at(amount, Instant::now())
    }

    fn take_at(&self, amount: u64, now: Instant) -> bool {
        let mut window = self.window.lock();
        if now.saturating_duration_since(window.begun) >= Duration::from_secs(1) {
            *window = Window {
                begun: now,
                spent: 0,
            };
        }
        let spent = window.spent.saturating_add(amount);
        if spent > self.per_second {
            return false;
        }
        window.spent = spent;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_second_has_is_taken_once() {
        let rate = Rate::new(10);
        let start = Instant::now();
        assert!(rate.take_at(6, start));
        assert!(!rate.take_at(5, start), "more than is left");
        assert!(rate.take_at(4, start), "exactly what is left");
        assert!(!rate.take_at(1, start + Duration::from_millis(999)));
        assert!(rate.take_at(10, start + Duration::from_millis(1000)));
        assert!(!rate.take_at(1, start + Duration::from_millis(1999)));
    }

    #[test]
    fn nothing_is_no_limit() {
        let rate = Rate::new(0);
        assert!((0..1000).all(|_| rate.take(u64::MAX)));
    }
}
