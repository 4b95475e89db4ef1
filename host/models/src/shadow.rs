//! Calls computed a second time by weights on trial, to be compared; nobody gets those answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use steward_inference::{Caller, InferenceError};

use crate::Models;
use crate::answer::Answer;
use crate::judge::{Both, Side};
use crate::line::{Deployed, Line};
use crate::question::Question;

/// How many calls are computed again at the same time. What comes while as many run is not compared:
/// a comparison may cost idle time, and never the time of those who wait.
pub(crate) const AT_ONCE: usize = 4;

impl Models {
    /// Has a share of the calls that the stable version answered computed by the shadow too.
    pub(crate) fn compare<Q: Question>(
        &self,
        line: &Arc<Line>,
        deployed: &Arc<Deployed>,
        question: &Q,
        given: &Q::Answer,
        stable_after: Duration,
    ) {
        let Some(trial) = &deployed.shadow else {
            return;
        };
        if rand::random::<f64>() >= f64::from(trial.percent) / 100.0 {
            return;
        }
        let Some(model) = trial.target.model() else {
            self.load_soon(&trial.target);
            trial.judge.dropped();
            return;
        };
        let Ok(turn) = self.shadows().try_acquire_owned() else {
            trial.judge.dropped();
            return;
        };
        let model = model.with_caller(Caller::bulk(line.tenant.as_str()));
        let (question, given) = (question.to_owned(), given.clone());
        let (models, line, deployed) = (self.clone(), Arc::clone(line), Arc::clone(deployed));
        let trial = trial.clone();
        tokio::spawn(async move {
            let _turn = turn;
            let begin = Instant::now();
            let answer = question.ask(&model).await;
            let after = begin.elapsed();
            let failed = match answer {
                Ok(answer) => {
                    let (scores, agreement) = (answer.scores(), given.agreement(&answer));
                    trial
                        .target
                        .watch
                        .answered(after, &question.lengths(), &scores);
                    trial.judge.compared(&Both {
                        agreement: &agreement,
                        same: Q::Answer::SAME,
                        scores: &scores,
                        own: after,
                        stable: stable_after,
                    });
                    false
                }
                Err(InferenceError::Overloaded { .. } | InferenceError::Late) => {
                    trial.judge.dropped();
                    false
                }
                // The stable version has answered the same call.
                Err(error) => {
                    tracing::debug!(model = %line.name, target = %trial.target.target, %error, "a shadow failed");
                    trial.target.watch.failed(after);
                    trial.judge.failed(Side::Candidate, after);
                    true
                }
            };
            models.look_at(&line, &deployed, &trial, failed);
        });
    }
}
