//! What is known of how deployed weights do: counts, times, and whether their numbers drift.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use steward_monitoring::drift::{Drift, MIN_COUNT, Reference, Window};
use steward_monitoring::latency::{Durations, Latency};

/// How many of the latest numbers are held against the reference.
const WINDOW: usize = 2048;
/// How many texts make a reference.
pub(crate) const REFERENCE_TEXTS: u64 = 1000;

/// Watches one target from many threads at once.
pub(crate) struct Watch {
    calls: AtomicU64,
    errors: AtomicU64,
    refused: AtomicU64,
    latency: Latency,
    scores: Window,
    lengths: Window,
    reference: RwLock<Option<Spread>>,
    /// How many texts had come when the next reference began.
    since: AtomicU64,
}

/// How the numbers of a target were spread when they were known to be good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spread {
    /// Of the scores; none where too few answers have one.
    scores: Option<Reference>,
    /// Of the lengths of the texts, in code points.
    lengths: Reference,
}

/// How a target's numbers differ from its reference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct TargetDrift {
    /// Of the scores: of the best label, of the entities, or of the vectors. None where there are too
    /// few.
    pub scores: Option<Drift>,
    /// Of the lengths of the texts, in code points.
    pub lengths: Option<Drift>,
}

impl Watch {
    pub(crate) fn new(reference: Option<Spread>) -> Self {
        Self {
            calls: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            latency: Latency::default(),
            scores: Window::new(WINDOW),
            lengths: Window::new(WINDOW),
            reference: RwLock::new(reference),
            since: AtomicU64::new(0),
        }
    }

    /// Counts a call that was answered after that time, to these texts with these scores.
    pub(crate) fn answered(&self, after: Duration, texts: &[String], scores: &[f64]) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.latency.record(after);
        for text in texts {
            self.lengths.record(text.chars().count() as f64);
        }
        for score in scores {
            self.scores.record(*score);
        }
    }

    /// Counts a call that failed by the fault of the model.
    pub(crate) fn failed(&self, after: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(1, Ordering::Relaxed);
        self.latency.record(after);
    }

    /// Counts a call that was turned away because too many were waiting.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls that were answered or failed, those that failed, and those that were turned away.
    pub(crate) fn counts(&self) -> [u64; 3] {
        [&self.calls, &self.errors, &self.refused].map(|count| count.load(Ordering::Relaxed))
    }

    /// The latest scores.
    pub(crate) fn scores(&self) -> Vec<f64> {
        self.scores.values()
    }

    /// The lengths of the latest texts, in code points.
    pub(crate) fn lengths(&self) -> Vec<f64> {
        self.lengths.values()
    }

    /// How long calls took.
    pub(crate) fn durations(&self) -> Durations {
        self.latency.snapshot()
    }

    /// The time that 99 of 100 calls took at most. None while there were too few to say.
    pub(crate) fn slowest(&self) -> Option<Duration> {
        let durations = self.latency.snapshot();
        let enough = durations.count() >= 100;
        enough.then(|| durations.quantile(0.99)).flatten()
    }

    /// How the latest numbers differ from the reference.
    pub(crate) fn drift(&self) -> TargetDrift {
        let reference = self.reference.read();
        let Some(reference) = &*reference else {
            return TargetDrift::default();
        };
        let scores = reference.scores.as_ref();
        TargetDrift {
            scores: scores.and_then(|scores| scores.compare(&self.scores.values())),
            lengths: reference.lengths.compare(&self.lengths.values()),
        }
    }

    /// Whether there is something to measure drift from.
    pub(crate) fn has_reference(&self) -> bool {
        self.reference.read().is_some()
    }

    /// A reference from the numbers of now, where there are enough of them and there is none yet.
    pub(crate) fn take_reference(&self) -> Option<Spread> {
        if self.has_reference() || self.texts() < REFERENCE_TEXTS {
            return None;
        }
        let scores = self.scores.values();
        Some(Spread {
            scores: (scores.len() >= MIN_COUNT)
                .then(|| Reference::new(&scores).ok())
                .flatten(),
            lengths: Reference::new(&self.lengths.values()).ok()?,
        })
    }

    /// How many texts came for the next reference.
    pub(crate) fn texts(&self) -> u64 {
        self.lengths.count() - self.since.load(Ordering::Relaxed)
    }

    /// Forgets what was normal; the next texts make a new reference.
    pub(crate) fn forget_reference(&self) {
        self.since.store(self.lengths.count(), Ordering::Relaxed);
        *self.reference.write() = None;
    }

    pub(crate) fn set_reference(&self, reference: Option<Spread>) {
        *self.reference.write() = reference;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(watch: &Watch, texts: usize, length: usize) {
        let text = "好".repeat(length);
        for n in 0..texts {
            let score = 0.5 + (n % 10) as f64 / 100.0;
            watch.answered(
                Duration::from_millis(1),
                std::slice::from_ref(&text),
                &[score],
            );
        }
    }

    #[test]
    fn a_reference_is_taken_once_and_what_differs_from_it_is_drift() {
        let watch = Watch::new(None);
        answer(&watch, 999, 7);
        assert!(watch.take_reference().is_none());
        answer(&watch, 1, 7);
        let taken = watch.take_reference().unwrap();
        let json = serde_json::to_value(&taken).unwrap();
        watch.set_reference(Some(serde_json::from_value(json).unwrap()));
        assert!(watch.take_reference().is_none());
        let calm = watch.drift();
        assert!(calm.scores.unwrap().psi < 0.01 && calm.lengths.unwrap().psi < 0.01);
        answer(&watch, WINDOW, 70);
        let moved = watch.drift();
        assert!(moved.scores.unwrap().psi < 0.1 && moved.lengths.unwrap().psi > 1.0);
        assert_eq!(watch.counts(), [1000 + WINDOW as u64, 0, 0]);
    }
}
