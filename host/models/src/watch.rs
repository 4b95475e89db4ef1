//! What is known of how deployed weights do: counts, times, and whether their numbers drift.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use steward_monitoring::drift::{Drift, Reference, Window};
use steward_monitoring::latency::{Durations, Latency};

/// How many of the latest numbers are held against the reference.
const WINDOW: usize = 2048;
/// How many texts, or other numbers where a model reads none, make a reference.
pub(crate) const REFERENCE_TEXTS: u64 = 1000;

/// Watches one target from many threads at once.
pub(crate) struct Watch {
    calls: AtomicU64,
    errors: AtomicU64,
    refused: AtomicU64,
    latency: Latency,
    /// See [`Watch::slowest`]; 0 for none.
    slowest_us: AtomicU64,
    latest: ArcSwap<Latest>,
    reference: RwLock<Option<Spread>>,
}

/// The latest numbers.
struct Latest {
    scores: Window,
    lengths: Window,
}

impl Default for Latest {
    fn default() -> Self {
        Self {
            scores: Window::new(WINDOW),
            lengths: Window::new(WINDOW),
        }
    }
}

/// How the numbers of a target were spread when they were known to be good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spread {
    /// Of the scores; none where too few answers have one.
    scores: Option<Reference>,
    /// Of the lengths of the texts, in code points; none where a model reads no texts.
    lengths: Option<Reference>,
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
            slowest_us: AtomicU64::new(0),
            latest: ArcSwap::default(),
            reference: RwLock::new(reference),
        }
    }

    /// Counts a call that was answered after that time, to texts of these lengths with these scores.
    pub(crate) fn answered(&self, after: Duration, lengths: &[f64], scores: &[f64]) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.latency.record(after);
        let latest = self.latest.load();
        lengths.iter().for_each(|n| latest.lengths.record(*n));
        scores.iter().for_each(|n| latest.scores.record(*n));
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
        self.latest.load().scores.values()
    }

    /// The lengths of the latest texts, in code points.
    pub(crate) fn lengths(&self) -> Vec<f64> {
        self.latest.load().lengths.values()
    }

    /// How long calls took.
    pub(crate) fn durations(&self) -> Durations {
        self.latency.snapshot()
    }

    /// The time that 99 of 100 calls took at most, when it was looked at last. None while there were too few to say.
    pub(crate) fn slowest(&self) -> Option<Duration> {
        match self.slowest_us.load(Ordering::Relaxed) {
            0 => None,
            us => Some(Duration::from_micros(us)),
        }
    }

    /// Looks at how long calls take, which is too much work for every call.
    pub(crate) fn look(&self) {
        let durations = self.latency.snapshot();
        if durations.count() >= 100
            && let Some(slowest) = durations.quantile(0.99)
        {
            let us = u64::try_from(slowest.as_micros()).unwrap_or(u64::MAX);
            self.slowest_us.store(us.max(1), Ordering::Relaxed);
        }
    }

    /// How the latest numbers differ from the reference.
    pub(crate) fn drift(&self) -> TargetDrift {
        let reference = self.reference.read();
        let Some(reference) = &*reference else {
            return TargetDrift::default();
        };
        let compare = |reference: &Option<Reference>, values: Vec<f64>| {
            let reference = reference.as_ref();
            reference.and_then(|reference| reference.compare(&values))
        };
        TargetDrift {
            scores: compare(&reference.scores, self.scores()),
            lengths: compare(&reference.lengths, self.lengths()),
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
        // Too few of one make no reference, and the other may have enough.
        Some(Spread {
            scores: Reference::new(&self.scores()).ok(),
            lengths: Reference::new(&self.lengths()).ok(),
        })
    }

    /// How many texts, or other numbers, came for the next reference.
    pub(crate) fn texts(&self) -> u64 {
        let latest = self.latest.load();
        latest.lengths.count().max(latest.scores.count())
    }

    /// Forgets what was normal and what came lately; the next texts make a new reference.
    pub(crate) fn forget_reference(&self) {
        self.latest.store(Arc::default());
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
        for n in 0..texts {
            let score = 0.5 + (n % 10) as f64 / 100.0;
            watch.answered(Duration::from_millis(1), &[length as f64], &[score]);
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
        // Anew, from what comes from now on alone.
        watch.forget_reference();
        answer(&watch, 1000, 70);
        watch.set_reference(watch.take_reference());
        assert!(watch.drift().lengths.unwrap().psi < 0.01);
    }

    #[test]
    fn a_model_that_reads_no_texts_has_scores_alone() {
        let watch = Watch::new(None);
        for n in 0..REFERENCE_TEXTS {
            watch.answered(Duration::from_millis(1), &[], &[(n % 10) as f64]);
        }
        watch.set_reference(watch.take_reference());
        let drift = watch.drift();
        assert!(drift.scores.unwrap().psi < 0.01 && drift.lengths.is_none());
    }
}
