//! How often a verdict is asked for.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long after a verdict the next is asked for, while calls are answered and while they fail.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_OF_FAILURES: Duration = Duration::from_millis(10);

/// Lets many threads ask after every call whether it is time for a verdict, and one of them give it.
#[derive(Debug)]
pub struct Pace(Mutex<Instant>);

impl Pace {
    /// The first pause begins now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new(now))
    }

    /// Whether it is time; then the next pause begins. After a failure it is sooner.
    #[must_use]
    pub fn is_due(&self, now: Instant, failed: bool) -> bool {
        let pause = if failed { PAUSE_OF_FAILURES } else { PAUSE };
        // Whoever holds it is asking already.
        let Some(mut judged) = self.0.try_lock() else {
            return false;
        };
        let due = now.saturating_duration_since(*judged) >= pause;
        if due {
            *judged = now;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_makes_the_verdict_sooner() {
        let start = Instant::now();
        let pace = Pace::new(start);
        let at = |ms| start + Duration::from_millis(ms);
        assert!(!pace.is_due(at(9), true));
        assert!(!pace.is_due(at(999), false));
        assert!(pace.is_due(at(10), true));
        assert!(!pace.is_due(at(1009), false));
        assert!(pace.is_due(at(1010), false));
    }
}
