//! One call of a deployed model: who answers, and what is learnt from it.
//!
//! A candidate never makes a call fail that the stable version would have answered: whatever it does,
//! the stable version is asked then. Only time that has run out cannot be given back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use steward_inference::{Caller, InferenceError, Model};

use crate::answer::Answer as _;
use crate::judge::Side;
use crate::line::{Deployed, Line, Trial};
use crate::open_model::Answered;
use crate::question::Question;
use crate::target::Target;
use crate::{ModelError, Models};

/// How long a candidate may take at least before the stable version is asked too.
const LEAST_PATIENCE: Duration = Duration::from_secs(2);
/// How many times the time that the stable version needs for 99 of 100 calls a candidate may take.
const PATIENCE: u32 = 20;
/// The same while nothing is known of the stable version.
const BLIND_PATIENCE: Duration = Duration::from_secs(20);

/// What a candidate that was asked has led to.
enum Tried<A> {
    Answered(A),
    /// There is no time left to ask anybody else.
    Late,
    /// It refused what was sent. Whether that is its fault, the stable version will tell.
    Refused(Duration),
    /// It has too much to do.
    Busy,
    /// It is at fault.
    Failed(Duration),
}

impl Models {
    pub(crate) async fn route<Q: Question>(
        &self,
        line: &Arc<Line>,
        deployed: Arc<Deployed>,
        question: Q,
        caller: &Caller,
        place: Option<f64>,
    ) -> Result<Answered<Q::Answer>, ModelError> {
        let place = match place {
            Some(place) if deployed.record.spec.sticky => place,
            _ => rand::random::<f64>(),
        };
        let mut refused = None;
        if let Some(trial) = deployed.candidate_at(place)
            && let Some(tried) = self
                .try_candidate(&deployed, trial, &question, caller)
                .await
        {
            match tried {
                Tried::Answered(value) => {
                    self.look_at(line, &deployed, trial, false);
                    return Ok(Answered {
                        value,
                        by: trial.target.target.clone(),
                    });
                }
                Tried::Late => return Err(InferenceError::Late.into()),
                Tried::Failed(after) => {
                    trial.target.watch.failed(after);
                    trial.judge.failed(Side::Candidate, after);
                    self.look_at(line, &deployed, trial, true);
                }
                Tried::Refused(after) => refused = Some((trial, after)),
                Tried::Busy => trial.target.watch.refused(),
            }
        }
        let stable = &deployed.stable;
        let model = stable.ready(self.loader()).await?;
        let model = model.with_caller(caller.clone());
        let begin = Instant::now();
        let answer = question.ask(&model).await;
        let after = begin.elapsed();
        match answer {
            Ok(value) => {
                self.learn(&deployed, stable, Side::Stable, &question, &value, after);
                if let Some((trial, after)) = refused {
                    trial.target.watch.failed(after);
                    trial.judge.failed(Side::Candidate, after);
                    self.look_at(line, &deployed, trial, true);
                }
                self.compare(line, &deployed, &question, &value, after);
                Ok(Answered {
                    value,
                    by: stable.target.clone(),
                })
            }
            Err(error) => {
                match &error {
                    InferenceError::InvalidInput(_) | InferenceError::Late => {}
                    InferenceError::Overloaded { .. } => stable.watch.refused(),
                    _ => {
                        stable.watch.failed(after);
                        for trial in deployed.trials() {
                            trial.judge.failed(Side::Stable, after);
                        }
                    }
                }
                Err(error.into())
            }
        }
    }

    /// Asks a candidate that is in memory. None where it is not yet.
    async fn try_candidate<Q: Question>(
        &self,
        deployed: &Deployed,
        trial: &Trial,
        question: &Q,
        caller: &Caller,
    ) -> Option<Tried<Q::Answer>> {
        let target = &trial.target;
        let Some(model) = target.model() else {
            self.load_soon(target);
            return target.is_broken().then_some(Tried::Failed(Duration::ZERO));
        };
        let model: Model = model.with_caller(caller.clone());
        let begin = Instant::now();
        let answer = tokio::time::timeout(patience(&deployed.stable), question.ask(&model)).await;
        let after = begin.elapsed();
        Some(match answer {
            Ok(Ok(value)) => {
                self.learn(deployed, target, Side::Candidate, question, &value, after);
                Tried::Answered(value)
            }
            Ok(Err(InferenceError::Late)) => Tried::Late,
            Ok(Err(InferenceError::Overloaded { .. })) => Tried::Busy,
            Ok(Err(InferenceError::InvalidInput(_))) => Tried::Refused(after),
            Ok(Err(error)) => {
                tracing::debug!(model = %deployed.record.name, target = %target.target, %error, "a candidate failed");
                Tried::Failed(after)
            }
            Err(_) => {
                tracing::debug!(model = %deployed.record.name, target = %target.target, ?after, "a candidate took too long");
                Tried::Failed(after)
            }
        })
    }

    /// Counts an answer and what it looks like.
    fn learn<Q: Question>(
        &self,
        deployed: &Deployed,
        target: &Target,
        side: Side,
        question: &Q,
        answer: &Q::Answer,
        after: Duration,
    ) {
        let scores = answer.scores();
        target.watch.answered(after, &question.lengths(), &scores);
        for trial in deployed.trials() {
            if side == Side::Stable || trial.target.target == target.target {
                trial.judge.answered(side, after, &scores);
            }
        }
    }
}

/// How long a candidate may take before the stable version is asked too.
fn patience(stable: &Target) -> Duration {
    match stable.watch.slowest() {
        None => BLIND_PATIENCE,
        Some(slowest) => (slowest * PATIENCE).max(LEAST_PATIENCE),
    }
}
