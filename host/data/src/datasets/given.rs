//! What a run is asked to do, as it comes over the network and is written down.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use steward_registry::{ModelRef, Name, TenantId};

use super::Datasets;
use crate::spec::LabelsSource;
use crate::{DataError, Deduplication, DuplicatesGiven, Fields, Step, StepSpec, step};

/// What a run is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// The dataset that gets the next snapshot; the same as the one that is read, or another.
    pub output: Name,
    /// What happens to the rows, in this order. None are needed where duplicates are looked for.
    #[serde(default)]
    pub steps: Vec<StepGiven>,
    /// Names of the fields.
    #[serde(default)]
    pub fields: FieldsGiven,
    /// Whether rows stay that say the same as one before them.
    #[serde(default)]
    pub keep_duplicates: bool,
    /// What is looked for among the rows that the steps leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<DuplicatesGiven>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StepGiven {
    /// As on the command line: a function, a plugin, `plugin@version`, `classify:MODEL:LABEL,LABEL`.
    Named(String),
    /// A model that labels.
    Classify(ClassifyGiven),
}

/// A model and what it chooses from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifyGiven {
    /// The model.
    classify: ModelRef,
    /// What it chooses from; none are its own labels.
    labels: Option<LabelsGiven>,
}

/// Labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LabelsGiven {
    /// One by one.
    Listed(Vec<String>),
    /// Each described by example texts.
    Examples(serde_json::Map<String, serde_json::Value>),
}

/// Names of the fields, where they are not the usual ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FieldsGiven {
    /// The text. Default `text`.
    pub text: Option<String>,
    /// The name of the record. Default `id`.
    pub id: Option<String>,
    /// Where an anonymizer writes. Default `findings`.
    pub findings: Option<String>,
    /// Where a classifier writes its label. Default `label`.
    pub label: Option<String>,
    /// Where a classifier writes the score. Default `score`.
    pub score: Option<String>,
    /// Whether a step may replace such a field of the input.
    pub overwrite: bool,
}

impl LabelsGiven {
    /// What a model chooses from.
    pub(crate) fn source(&self) -> Result<LabelsSource, DataError> {
        match self {
            Self::Listed(labels) => LabelsSource::of_list(labels),
            Self::Examples(examples) => LabelsSource::of_examples(examples),
        }
    }
}

impl From<FieldsGiven> for Fields {
    fn from(given: FieldsGiven) -> Self {
        let usual = Self::default();
        Self {
            text: given.text.unwrap_or(usual.text),
            id: given.id.unwrap_or(usual.id),
            findings: given.findings.unwrap_or(usual.findings),
            label: given.label.unwrap_or(usual.label),
            score: given.score.unwrap_or(usual.score),
            overwrite: given.overwrite,
        }
    }
}

impl StepGiven {
    fn spec(&self) -> Result<StepSpec, DataError> {
        match self {
            Self::Named(text) => match text.parse()? {
                StepSpec::Classify {
                    labels: LabelsSource::File(path),
                    ..
                } => Err(DataError::Invalid(format!(
                    "step `{text}`: `{}` would be a file of the host; send its labels as \
                     {{\"classify\": MODEL, \"labels\": {{\"label\": [\"example\", …]}}}}",
                    path.display()
                ))),
                spec => Ok(spec),
            },
            Self::Classify(given) => Ok(StepSpec::Classify {
                model: given.classify.clone(),
                labels: match &given.labels {
                    None => LabelsSource::Model,
                    Some(labels) => labels.source()?,
                },
            }),
        }
    }
}

impl From<&StepSpec> for StepGiven {
    fn from(spec: &StepSpec) -> Self {
        match spec {
            StepSpec::Classify {
                model,
                labels: LabelsSource::Examples(examples),
            } => {
                let labels = examples.iter().cloned();
                let labels = labels.map(|(label, texts)| (label, texts.into()));
                Self::Classify(ClassifyGiven {
                    classify: model.clone(),
                    labels: Some(LabelsGiven::Examples(labels.collect())),
                })
            }
            spec => Self::Named(spec.to_string()),
        }
    }
}

impl Datasets {
    /// What is looked for among the rows, opened.
    pub(super) async fn duplicates(
        &self,
        tenant: &TenantId,
        spec: &RunSpec,
    ) -> Result<Option<Deduplication>, DataError> {
        let Some(given) = &spec.duplicates else {
            return Ok(None);
        };
        let (functions, models) = (&self.0.functions, &self.0.models);
        let opened = Deduplication::open(functions, models, tenant, given, None);
        Ok(Some(opened.await?))
    }

    /// The steps of a run, opened.
    pub(super) async fn steps(
        &self,
        tenant: &TenantId,
        spec: &RunSpec,
    ) -> Result<Vec<Arc<dyn Step>>, DataError> {
        let mut steps = Vec::with_capacity(spec.steps.len());
        for given in &spec.steps {
            let (functions, models) = (&self.0.functions, &self.0.models);
            steps.push(step::open(functions, models, tenant, &given.spec()?).await?);
        }
        Ok(steps)
    }
}
