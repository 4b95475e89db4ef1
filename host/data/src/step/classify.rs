//! A model as a step.

use async_trait::async_trait;
use steward_inference::{InferenceError, LabelExamples, LabelScore};
use steward_models::{ModelError, OpenModel};

use super::{Document, Effect, Step, StepAbout, StepError};

/// A model with the labels it chooses from.
pub(crate) struct Classify {
    pub about: StepAbout,
    pub model: OpenModel,
    pub labels: Labels,
}

/// What the model chooses from.
pub(crate) enum Labels {
    /// The labels of a classifier, all or some.
    Named(Option<Vec<String>>),
    /// Labels described by examples, for a model that embeds.
    Examples(Vec<LabelExamples>),
}

impl Classify {
    /// The labels of each text, best first.
    pub async fn scored(&self, texts: &[String]) -> Result<Vec<Vec<LabelScore>>, ModelError> {
        let scored = match &self.labels {
            Labels::Named(labels) => self.model.classify(texts, labels.as_deref()).await,
            Labels::Examples(examples) => self.model.classify_by_examples(texts, examples).await,
        };
        Ok(scored?.value)
    }
}

#[async_trait]
impl Step for Classify {
    fn about(&self) -> &StepAbout {
        &self.about
    }

    async fn run(&self, batch: &[Document]) -> Result<Vec<Effect>, StepError> {
        let texts: Vec<String> = batch.iter().map(|d| d.text.clone()).collect();
        let scored = self.scored(&texts).await.map_err(model_error)?;
        scored
            .into_iter()
            .map(|labels| match labels.into_iter().next() {
                Some(best) => Ok(Effect::Labelled {
                    label: best.label,
                    score: best.score,
                }),
                None => Err(StepError::Batch("the model gave no label".into())),
            })
            .collect()
    }
}

pub(super) fn model_error(error: ModelError) -> StepError {
    match error {
        ModelError::Inference(error) => step_error(error),
        other => StepError::Fatal(other.to_string()),
    }
}

/// What a failure of the model means for the job.
pub(super) fn step_error(error: InferenceError) -> StepError {
    match error {
        InferenceError::InvalidInput(_) | InferenceError::Run(_) => {
            StepError::Batch(error.to_string())
        }
        InferenceError::Overloaded { retry_after } => StepError::Busy(retry_after),
        other => StepError::Fatal(other.to_string()),
    }
}
