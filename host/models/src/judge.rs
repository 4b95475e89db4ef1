//! Weights on trial, held against the stable version.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;
pub(crate) use steward_monitoring::guard::Side;
use steward_monitoring::guard::{Bounds, Guard, GuardStatus, Outcome, Pace, Verdict};
use steward_registry::ModelDeploymentSpec;

use crate::ModelError;

/// Judges one trial from many threads at once.
pub(crate) struct Judge {
    pub(crate) bounds: Bounds,
    guard: Guard,
    pace: Pace,
    comparison: Mutex<Comparison>,
    dropped: AtomicU64,
}

/// How the answers of weights compare with those that the stable version gave to the same calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// How many texts were compared.
    pub texts: u64,
    /// The mean agreement: the cosine between vectors, the share of texts with the same label, the
    /// overlap of entities. None where nothing was compared.
    pub agreement: Option<f64>,
    /// The least agreement.
    pub least: Option<f64>,
    /// How many times as long as the stable version it took, all calls together.
    pub latency_ratio: Option<f64>,
    /// Calls that were to be compared and were not, since too much was running or the weights failed.
    pub dropped: u64,
    #[serde(skip)]
    sums: Sums,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    agreement: f64,
    own: Duration,
    stable: Duration,
}

/// A call that both sides answered.
pub(crate) struct Both<'a> {
    /// How alike the answers are, for each text.
    pub(crate) agreement: &'a [f64],
    /// From which mean agreement on they count as the same.
    pub(crate) same: f64,
    /// The scores of the weights on trial.
    pub(crate) scores: &'a [f64],
    /// How long they took.
    pub(crate) own: Duration,
    /// How long the stable version took.
    pub(crate) stable: Duration,
}

impl Judge {
    pub(crate) fn new(bounds: Bounds) -> Result<Self, ModelError> {
        let now = Instant::now();
        let guard = Guard::new(bounds.clone(), now).map_err(|e| invalid(&e))?;
        Ok(Self {
            bounds,
            guard,
            pace: Pace::new(now),
            comparison: Mutex::default(),
            dropped: AtomicU64::new(0),
        })
    }

    /// The bounds of a deployment; those of the monitor where it names none.
    pub(crate) fn bounds(spec: &ModelDeploymentSpec) -> Result<Bounds, ModelError> {
        let Some(bounds) = &spec.rollback else {
            return Ok(Bounds::default());
        };
        serde_json::from_value(bounds.clone()).map_err(|e| invalid(&e))
    }

    /// Counts a call that a side answered.
    pub(crate) fn answered(&self, side: Side, after: Duration, scores: &[f64]) {
        let outcome = Outcome {
            score: mean(scores),
            ..Outcome::answer(after)
        };
        self.guard.record(side, Instant::now(), outcome);
    }

    /// Counts a call that a side failed.
    pub(crate) fn failed(&self, side: Side, after: Duration) {
        let outcome = Outcome {
            latency: after,
            ..Outcome::error()
        };
        self.guard.record(side, Instant::now(), outcome);
    }

    /// Counts a call that the stable version answered and these weights computed again.
    pub(crate) fn compared(&self, both: &Both<'_>) {
        let Both {
            agreement,
            same,
            scores,
            own,
            stable,
        } = *both;
        let Some(together) = mean(agreement) else {
            return;
        };
        {
            let mut known = self.comparison.lock();
            known.texts += agreement.len() as u64;
            known.sums.agreement += agreement.iter().sum::<f64>();
            known.sums.own += own;
            known.sums.stable += stable;
            let least = agreement.iter().copied().fold(f64::INFINITY, f64::min);
            known.least = Some(known.least.map_or(least, |known| known.min(least)));
        }
        let outcome = Outcome {
            score: mean(scores),
            agrees: Some(together >= same),
            ..Outcome::answer(own)
        };
        self.guard.record(Side::Candidate, Instant::now(), outcome);
    }

    /// Counts a call that was not compared.
    pub(crate) fn dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn comparison(&self) -> Comparison {
        let known = *self.comparison.lock();
        let (sums, texts) = (known.sums, known.texts);
        let stable = sums.stable.as_secs_f64();
        Comparison {
            agreement: (texts > 0).then(|| sums.agreement / texts as f64),
            latency_ratio: (stable > 0.0).then(|| sums.own.as_secs_f64() / stable),
            dropped: self.dropped.load(Ordering::Relaxed),
            ..known
        }
    }

    /// What the guard sees and says now.
    pub(crate) fn status(&self) -> GuardStatus {
        self.guard.status(Instant::now())
    }

    /// Why the trial is over, if it is. Asked after every call; answers only once in a while.
    pub(crate) fn over(&self, failed: bool) -> Option<String> {
        let now = Instant::now();
        if !self.pace.is_due(now, failed) {
            return None;
        }
        match self.guard.verdict(now) {
            Verdict::RollBack { reason } => Some(reason),
            Verdict::Keep | Verdict::Undecided { .. } => None,
        }
    }
}

fn invalid(error: &impl ToString) -> ModelError {
    ModelError::Deployment(format!("the bounds `rollback`: {}", error.to_string()))
}

fn mean(numbers: &[f64]) -> Option<f64> {
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(bounds: &str) -> Judge {
        Judge::new(serde_json::from_str(bounds).unwrap()).unwrap()
    }

    const SOON: Duration = Duration::from_millis(1);

    #[test]
    fn answers_are_compared_by_text_and_judged_by_call() {
        let judge = judge(r#"{ "min_calls": 50, "max_disagreement": 0.1 }"#);
        for _ in 0..100 {
            judge.answered(Side::Stable, SOON, &[0.9]);
            judge.compared(&Both {
                agreement: &[1.0, 0.0],
                same: 0.9,
                scores: &[],
                own: SOON * 3,
                stable: SOON,
            });
        }
        let comparison = judge.comparison();
        assert_eq!(
            (comparison.texts, comparison.agreement, comparison.least),
            (200, Some(0.5), Some(0.0))
        );
        assert!((comparison.latency_ratio.unwrap() - 3.0).abs() < 1e-9);
        let Verdict::RollBack { reason } = judge.guard.verdict(Instant::now()) else {
            panic!("{:?}", judge.status())
        };
        assert!(
            reason.contains("latency") || reason.contains("otherwise"),
            "{reason}"
        );
    }

    #[test]
    fn bounds_are_those_of_the_deployment_or_of_the_monitor() {
        let spec = |rollback: &str| -> ModelDeploymentSpec {
            serde_json::from_str(&format!(
                r#"{{ "stable": {{ "version": "1.0.0" }}{rollback} }}"#
            ))
            .unwrap()
        };
        assert_eq!(Judge::bounds(&spec("")).unwrap(), Bounds::default());
        let own = Judge::bounds(&spec(r#", "rollback": { "min_calls": 7 }"#)).unwrap();
        assert_eq!(own.min_calls, 7);
        let error = Judge::bounds(&spec(r#", "rollback": { "min_cals": 7 }"#)).unwrap_err();
        assert!(error.to_string().contains("min_cals"), "{error}");
    }
}
