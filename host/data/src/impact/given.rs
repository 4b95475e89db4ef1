//! What is asked of a treatment, as it comes over the network and is written down.

use serde::{Deserialize, Serialize};
use steward_registry::{DatasetRef, ModelRef, Name};
use steward_training::{ClassWeights, LogisticOptions};

use crate::{DataError, Fields};

/// The most snapshots that one is compared with.
const MAX_AFTER: usize = 5;
/// The most samples that are listed of each comparison, on either side.
const MAX_LISTED: usize = 200;

/// What is asked: how well a model of labels learns from one snapshot, and how well from what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpactSpec {
    /// What became of the rows, step by step: each snapshot is compared with the one before it, the first with the one
    /// that is asked about.
    pub after: Vec<DatasetRef>,
    /// The rows that losses are measured on.
    pub evaluation: DatasetRef,
    /// The model that embeds the texts.
    pub model: ModelRef,
    /// What the loss of each comparison is called and how it adds up. None: the lineage of the snapshots says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<LossKind>,
    /// Names of the fields.
    #[serde(default)]
    pub fields: ImpactFields,
    /// The penalty of the head. Default as of [`LogisticOptions`].
    #[serde(default = "usual_l2")]
    pub l2: f64,
    /// Whether the numbers of a vector are scaled first.
    #[serde(default)]
    pub standardize: bool,
    /// Whether each label counts as much as another in the training.
    #[serde(default)]
    pub balanced: bool,
    /// What the resamples of the confidence interval are drawn from.
    #[serde(default)]
    pub seed: u64,
    /// How many samples are listed of those that lost most, and of those that gained most.
    #[serde(default = "usual_listed")]
    pub listed: usize,
    /// When a row of training is one of the evaluation, and left out.
    #[serde(default)]
    pub overlap: Overlap,
    /// The dataset that gets a snapshot with the losses of each sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Name>,
}

/// What a difference in loss is called, and how it adds up over the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LossKind {
    /// What cleaning costs: the sum of max(0, after − before), so that no gain at one sample hides a loss at another.
    Cleaning,
    /// What protection costs: the sum of after − before.
    Privacy,
    /// Both at once, or neither: the sum of after − before.
    Treatment,
}

/// When a row that a set would train on is one of the evaluation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// Where it has the id of one, or the text. A row keeps its id when it is cleaned.
    #[default]
    IdOrText,
    /// Where it has the text of one: for rows whose ids are numbers of their own file.
    Text,
}

/// Names of the fields, where they are not the usual ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImpactFields {
    /// The text. Default `text`.
    pub text: Option<String>,
    /// The name of the record. Default `id`.
    pub id: Option<String>,
    /// The label. Default `label`.
    pub label: Option<String>,
}

fn usual_l2() -> f64 {
    LogisticOptions::default().l2
}

fn usual_listed() -> usize {
    20
}

impl ImpactSpec {
    /// How the heads are trained.
    pub(super) fn options(&self) -> LogisticOptions {
        LogisticOptions {
            l2: self.l2,
            standardize: self.standardize,
            class_weights: match self.balanced {
                true => ClassWeights::Balanced,
                false => ClassWeights::Even,
            },
            ..LogisticOptions::default()
        }
    }

    /// Whether it keeps its rules, as far as that can be seen without the rows.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let wrong = |why: String| Err(DataError::Invalid(why));
        let after = self.after.len();
        if after == 0 || after > MAX_AFTER {
            return wrong(format!(
                "`after` names {after} snapshots; it names 1 to {MAX_AFTER}"
            ));
        }
        if ![0, after].contains(&self.kinds.len()) {
            return wrong(format!(
                "`kinds` names {} kinds of loss for {after} comparisons; give one for each, or none",
                self.kinds.len()
            ));
        }
        if self.listed > MAX_LISTED {
            return wrong(format!(
                "`listed` is {}; it is at most {MAX_LISTED}. `output` names a dataset for all samples",
                self.listed
            ));
        }
        let fields = self.fields.read();
        let names = [&fields.text, &fields.id, &fields.label];
        for (i, name) in names.iter().enumerate() {
            if name.is_empty() || names[..i].contains(name) {
                return wrong(format!("the field name `{name}` is empty or used twice"));
            }
        }
        let options = self.options().check();
        options.map_err(|e| DataError::Invalid(e.to_string()))
    }
}

impl ImpactFields {
    /// The fields of a row.
    pub(super) fn read(&self) -> Fields {
        let usual = Fields::default();
        Fields {
            text: self.text.clone().unwrap_or(usual.text),
            id: self.id.clone().unwrap_or(usual.id),
            label: self.label.clone().unwrap_or(usual.label),
            ..Fields::default()
        }
    }
}

/// What a training refuses is something that was given.
impl From<steward_training::TrainingError> for DataError {
    fn from(error: steward_training::TrainingError) -> Self {
        Self::Invalid(error.to_string())
    }
}
