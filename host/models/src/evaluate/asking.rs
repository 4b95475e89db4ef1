//! Asking a model many questions, and how long that takes it.

use std::time::{Duration, Instant};

use steward_inference::{InferenceError, Model};

use super::metrics::{mean, quantile};
use super::report::Metrics;
use crate::ModelError;
use crate::answer::Answer as _;
use crate::question::Question;

/// How many texts are asked about together.
pub(super) const BATCH: usize = 64;
/// How many texts are asked about alone, for the time of a call.
const ALONE: usize = 100;
/// How long an evaluation waits for its turn at most, all in all.
const PATIENCE: Duration = Duration::from_secs(300);

/// A model that is being measured, and what it was made from.
pub(super) struct Asking {
    model: Model,
    original: Option<Model>,
    texts: usize,
    own: Duration,
    of_original: Duration,
    agreement: Vec<f64>,
    alone: Vec<f64>,
    waited: Duration,
}

impl Asking {
    pub(super) fn new(model: Model, original: Option<Model>) -> Self {
        Self {
            model,
            original,
            texts: 0,
            own: Duration::ZERO,
            of_original: Duration::ZERO,
            agreement: Vec::new(),
            alone: Vec::new(),
            waited: Duration::ZERO,
        }
    }

    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// The answer of the model; the original answers the same, to be compared.
    pub(super) async fn ask<Q: Question>(&mut self, question: Q) -> Result<Q::Answer, ModelError> {
        let (answer, time) = self.timed(&self.model.clone(), &question).await?;
        self.texts += question.lengths().len();
        self.own += time;
        if let Some(original) = self.original.clone() {
            let (expected, time) = self.timed(&original, &question).await?;
            self.of_original += time;
            self.agreement.extend(expected.agreement(&answer));
        }
        Ok(answer)
    }

    /// Asks about the first texts one by one, for the time of a call.
    pub(super) async fn ask_alone<Q: Question>(
        &mut self,
        texts: &[String],
        question: impl Fn(&[String]) -> Q,
    ) -> Result<(), ModelError> {
        for text in texts.iter().take(ALONE) {
            let question = question(std::slice::from_ref(text));
            let (_, time) = self.timed(&self.model.clone(), &question).await?;
            self.alone.push(time.as_secs_f64() * 1e3);
        }
        Ok(())
    }

    /// Waits where others are served: nobody waits for a single row of an evaluation.
    async fn timed<Q: Question>(
        &mut self,
        model: &Model,
        question: &Q,
    ) -> Result<(Q::Answer, Duration), ModelError> {
        loop {
            let begin = Instant::now();
            match question.ask(model).await {
                Ok(answer) => return Ok((answer, begin.elapsed())),
                Err(InferenceError::Overloaded { retry_after }) if self.waited < PATIENCE => {
                    self.waited += retry_after;
                    tokio::time::sleep(retry_after).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// How fast the model is, and how alike its answers and those of the original are.
    pub(super) fn metrics(mut self, alike: &str) -> Metrics {
        let mut metrics = Metrics::default();
        let per_second = |texts: usize, time: Duration| texts as f64 / time.as_secs_f64().max(1e-9);
        metrics.set("texts_per_second", Some(per_second(self.texts, self.own)));
        metrics.set("p50_ms", quantile(&mut self.alone, 0.5));
        metrics.set("p99_ms", quantile(&mut self.alone, 0.99));
        if self.original.is_some() {
            let ratio = self.of_original.as_secs_f64() / self.own.as_secs_f64().max(1e-9);
            metrics.set("speedup", Some(ratio));
            let least = self.agreement.iter().copied().fold(f64::INFINITY, f64::min);
            if alike == SAME_LABEL {
                metrics.set(SAME_LABEL, mean(self.agreement.iter().copied()));
            } else {
                metrics.set(
                    &format!("{alike}_mean"),
                    mean(self.agreement.iter().copied()),
                );
                metrics.set(&format!("{alike}_min"), Some(least));
            }
        }
        metrics
    }
}

/// What the agreement of classifiers is called: the share of texts to which both give the same label.
pub(super) const SAME_LABEL: &str = "same_label";
