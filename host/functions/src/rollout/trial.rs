//! A version on trial, held against the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use steward_monitoring::guard::{Bounds, Guard, GuardStatus, Outcome, Pace, Side, Verdict};
use steward_registry::FunctionSpec;

use crate::FunctionsError;

/// Judges one version from many threads at once.
pub(crate) struct Trial {
    /// Which of the targets it is.
    pub(crate) at: usize,
    guard: Guard,
    pace: Pace,
    /// Why it is over. From then on this host gives it no calls.
    over: ArcSwapOption<String>,
}

impl Trial {
    /// The trial of a deployment, if it has one.
    ///
    /// # Errors
    /// [`FunctionsError::InvalidSpec`] for bounds that are none.
    pub(crate) fn of(spec: &FunctionSpec) -> Result<Option<Arc<Self>>, FunctionsError> {
        let invalid =
            |why: String| FunctionsError::InvalidSpec(format!("the bounds `rollback`: {why}"));
        let bounds = match &spec.rollout.rollback {
            Some(bounds) => {
                serde_json::from_value(bounds.clone()).map_err(|e| invalid(e.to_string()))?
            }
            None => Bounds::default(),
        };
        let Some(candidate) = &spec.rollout.candidate else {
            return match spec.rollout.rollback {
                Some(_) => Err(invalid(
                    "there is no candidate that they could hold for".into(),
                )),
                None => Ok(None),
            };
        };
        let at = spec.targets.iter().position(|t| t.version == *candidate);
        let at = at.ok_or_else(|| {
            FunctionsError::InvalidSpec(format!("the candidate {candidate} is none of the targets"))
        })?;
        let now = Instant::now();
        Ok(Some(Arc::new(Self {
            at,
            guard: Guard::new(bounds, now).map_err(|e| invalid(e.to_string()))?,
            pace: Pace::new(now),
            over: ArcSwapOption::empty(),
        })))
    }

    pub(crate) fn answered(&self, side: Side, after: Duration) {
        self.record(side, Outcome::answer(after));
    }

    pub(crate) fn failed(&self, side: Side, after: Duration) {
        let outcome = Outcome {
            latency: after,
            ..Outcome::error()
        };
        self.record(side, outcome);
    }

    fn record(&self, side: Side, outcome: Outcome) {
        self.guard.record(side, Instant::now(), outcome);
        self.look(outcome.error);
    }

    /// Ends the trial where its figures say so. Asked after every call; thinks only once in a while.
    pub(crate) fn look(&self, failed: bool) {
        let now = Instant::now();
        if self.is_over() || !self.pace.is_due(now, failed) {
            return;
        }
        if let Verdict::RollBack { reason } = self.guard.verdict(now) {
            self.over.store(Some(Arc::new(reason)));
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load().is_some()
    }

    /// Why it is over.
    pub(crate) fn why_over(&self) -> Option<Arc<String>> {
        self.over.load_full()
    }

    pub(crate) fn status(&self) -> GuardStatus {
        self.guard.status(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trial(rollout: serde_json::Value) -> Result<Option<Arc<Trial>>, FunctionsError> {
        let spec = json!({
            "name": "f", "plugin": "p", "rollout": rollout,
            "targets": [{ "version": "1.0.0", "percent": 90 }, { "version": "1.1.0", "percent": 10 }],
        });
        Trial::of(&serde_json::from_value(spec).unwrap())
    }

    const SOON: Duration = Duration::from_millis(1);

    #[test]
    fn a_candidate_that_always_fails_is_over_and_stays_so() {
        let trial =
            trial(json!({ "candidate": "1.1.0", "rollback": { "max_consecutive_errors": 3 } }));
        let trial = trial.unwrap().unwrap();
        assert_eq!(trial.at, 1);
        trial.answered(Side::Stable, SOON);
        for _ in 0..3 {
            assert!(!trial.is_over());
            trial.failed(Side::Candidate, SOON);
        }
        let waited = Instant::now();
        while !trial.is_over() && waited.elapsed() < Duration::from_secs(5) {
            trial.look(true);
        }
        assert!(trial.why_over().unwrap().contains("last 3 calls"));
        assert_eq!(trial.status().verdict, "roll-back");
        trial.answered(Side::Candidate, SOON);
        assert!(trial.is_over());
    }

    #[test]
    fn bounds_are_for_a_candidate() {
        assert!(trial(json!({})).unwrap().is_none());
        for wrong in [
            json!({ "candidate": "2.0.0" }),
            json!({ "rollback": { "min_calls": 7 } }),
            json!({ "candidate": "1.1.0", "rollback": { "min_cals": 7 } }),
            json!({ "candidate": "1.1.0", "rollback": { "max_error_rate": 2 } }),
        ] {
            assert!(trial(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
