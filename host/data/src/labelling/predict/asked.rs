//! A model that is asked about tasks: one that labels texts, or parts of them.

use steward_inference::{LabelScore, Task};
use steward_models::ModelError;
use steward_registry::TenantId;
use steward_registry::labelling::{Label, Project};

use super::tagger::Tagger;
use super::{Labelling, PredictGiven};
use crate::step::{Classify, Labels, StepAbout, labels_for, open_model};
use crate::{ClassLabels, DataError};

/// The model.
pub(super) enum Asked {
    /// One label for the whole of a text.
    Classifier(Classify),
    /// Labels of parts of a text.
    Tagger(Tagger),
}

/// What it says about a text.
pub(super) struct Answer {
    pub label: Label,
    /// Between 0 and 1.
    pub confidence: f64,
    /// The probability of each label, where there is one for each.
    pub distribution: Option<Vec<f64>>,
}

impl Asked {
    pub fn about(&self) -> &StepAbout {
        match self {
            Self::Classifier(model) => &model.about,
            Self::Tagger(model) => &model.about,
        }
    }

    /// One answer for each text, in order; none where the model has none.
    pub async fn answers(&self, texts: &[String]) -> Result<Vec<Option<Answer>>, DataError> {
        let answers = match self {
            Self::Classifier(model) => model
                .scored(texts)
                .await
                .map(|scored| scored.into_iter().map(of_labels).collect()),
            Self::Tagger(model) => model.answers(texts).await,
        };
        answers.map_err(|source: ModelError| DataError::Model {
            step: self.about().step.clone(),
            source: Box::new(source),
        })
    }
}

fn of_labels(labels: Vec<LabelScore>) -> Option<Answer> {
    let best = labels.first()?;
    Some(Answer {
        label: Label::Choice(best.label.clone()),
        confidence: f64::from(best.score).clamp(0.0, 1.0),
        distribution: Some(labels.iter().map(|label| f64::from(label.score)).collect()),
    })
}

impl Labelling {
    /// A model of texts, with labels that are all of the project's.
    pub(super) async fn classifier(
        &self,
        tenant: &TenantId,
        project: &Project,
        given: &PredictGiven,
    ) -> Result<Asked, DataError> {
        let step = format!("classify:{}", given.model);
        let (about, model) = open_model(&self.models, tenant, &step, &given.model).await?;
        let task = model.config().task;
        let labels = match &given.labels {
            Some(labels) => labels.source()?.read()?,
            None if task == Task::Embed => ClassLabels::Named(project.spec.labels.clone()),
            None => ClassLabels::Model,
        };
        let names: Vec<&String> = match &labels {
            ClassLabels::Model => model.config().labels.iter().collect(),
            ClassLabels::Named(labels) => labels.iter().collect(),
            ClassLabels::Examples(labels) => labels.iter().map(|(label, _)| label).collect(),
        };
        if let Some(foreign) = names
            .iter()
            .find(|name| !project.spec.labels.contains(name))
        {
            return Err(foreign_label(project, "the model would choose", foreign));
        }
        let labels: Labels = labels_for(&step, task, labels)?;
        Ok(Asked::Classifier(Classify {
            about,
            model,
            labels,
        }))
    }
}

/// Refuses a label that is none of the project's.
pub(super) fn foreign_label(project: &Project, who: &str, foreign: &str) -> DataError {
    let labels = project.spec.labels.join(", ");
    DataError::Invalid(format!(
        "{who} `{}`, which is none of the labels of this project: {}; give `labels` that are",
        foreign.chars().take(80).collect::<String>(),
        labels.chars().take(200).collect::<String>()
    ))
}
