//! What is asked of a training, as it comes over the network and is written down.

use serde::{Deserialize, Serialize};
use steward_registry::{DatasetRef, ModelRef, Name};
use steward_training::{ClassWeights, LogisticOptions, MAX_FOLDS, MlpOptions};

use crate::labelling::DecideGiven;
use crate::{DataError, Fields};

/// The largest share that is kept for measuring.
const MAX_HELD_OUT: f64 = 0.5;

/// What is asked: a classifier of labels, on the vectors of a model that is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadSpec {
    /// The model that embeds the texts.
    pub base: ModelRef,
    /// The rows with texts and labels; or `project`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetRef>,
    /// The labelling project whose labels are learned; they become a snapshot first. Or `dataset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Name>,
    /// How the labels of the project are decided.
    #[serde(default, skip_serializing_if = "is_default")]
    pub decide: DecideGiven,
    /// The dataset that gets the labels of the project as its next snapshot. Default `PROJECT-labels`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Name>,
    /// The version to register. Default 1.0.0, or the next minor one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<semver::Version>,
    /// Names of the fields.
    #[serde(default)]
    pub fields: HeadFields,
    /// How many numbers the hidden layer has. None: a logistic regression, without such a layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<usize>,
    /// The penalty of the weights. Default 0.1 of a logistic regression, 0.01 of a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l2: Option<f64>,
    /// What the loss of an example counts by its label.
    #[serde(default)]
    pub class_weights: ClassWeights,
    /// How far a step of a network goes. Default 0.001.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// The most rounds of a network over the examples. Default 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_epochs: Option<u32>,
    /// After how many rounds without a gain a network is done. Default 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u32>,
    /// How many folds the cross-validation has; 0 for none.
    #[serde(default = "usual_folds")]
    pub folds: usize,
    /// The share of the texts that is never learned from, and measured on. Which texts these are follows from the texts.
    #[serde(default = "usual_held_out")]
    pub held_out: f64,
    /// Whether the head weighs characters beside the vector.
    #[serde(default)]
    pub characters: CharactersWanted,
    /// What folds, and a network, are drawn from.
    #[serde(default)]
    pub seed: u64,
    /// What the model is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Whether a head weighs characters beside the vector, for texts that the base model has no words of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CharactersWanted {
    /// Where the base model does not know one token of twenty.
    #[default]
    Auto,
    /// In any case.
    On,
    /// Never.
    Off,
}

/// Names of the fields, where they are not the usual ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadFields {
    /// The text. Default `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The label. Default `label`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

fn usual_folds() -> usize {
    5
}

fn usual_held_out() -> f64 {
    0.2
}

fn is_default(decide: &DecideGiven) -> bool {
    *decide == DecideGiven::default()
}

impl HeadSpec {
    /// Whether it keeps its rules, as far as that can be seen without the rows.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let wrong = |why: String| Err(DataError::Invalid(why));
        match (&self.dataset, &self.project) {
            (Some(_), None) if self.output.is_some() || !is_default(&self.decide) => {
                return wrong("`decide` and `output` are about the labels of a `project`".into());
            }
            (Some(_), None) | (None, Some(_)) => {}
            _ => return wrong("name what the labels are of: `dataset` or `project`".into()),
        }
        if self.folds == 1 || self.folds > MAX_FOLDS {
            return wrong(format!(
                "`folds` is {}; it is from 2 to {MAX_FOLDS}, or 0 for no cross-validation",
                self.folds
            ));
        }
        if !(0.0..=MAX_HELD_OUT).contains(&self.held_out) {
            return wrong(format!(
                "`held_out` is {}; it is from 0 to {MAX_HELD_OUT}",
                self.held_out
            ));
        }
        if self.folds == 0 && self.held_out == 0.0 {
            return wrong(
                "nothing would be measured: give `folds`, or a share to hold out with `held_out`"
                    .into(),
            );
        }
        let fields = self.fields.read();
        if fields.text.is_empty() || fields.label.is_empty() || fields.text == fields.label {
            return wrong(
                "the fields of the text and of the label are two, each with a name".into(),
            );
        }
        if self.hidden.is_none() {
            let network = [
                ("learning_rate", self.learning_rate.is_some()),
                ("max_epochs", self.max_epochs.is_some()),
                ("patience", self.patience.is_some()),
            ];
            if let Some((name, _)) = network.iter().find(|(_, given)| *given) {
                return wrong(format!(
                    "`{name}` is about a network, which `hidden` asks for"
                ));
            }
        }
        match self.network() {
            Some(network) => network.check()?,
            None => self.logistic().check()?,
        }
        Ok(())
    }

    /// How a head without a hidden layer is trained.
    pub(super) fn logistic(&self) -> LogisticOptions {
        let usual = LogisticOptions::default();
        LogisticOptions {
            l2: self.l2.unwrap_or(usual.l2),
            class_weights: self.class_weights.clone(),
            ..usual
        }
    }

    /// How one with a hidden layer is, where that is asked for.
    pub(super) fn network(&self) -> Option<MlpOptions> {
        let usual = MlpOptions::default();
        Some(MlpOptions {
            hidden: self.hidden?,
            l2: self.l2.unwrap_or(usual.l2),
            class_weights: self.class_weights.clone(),
            learning_rate: self.learning_rate.unwrap_or(usual.learning_rate),
            max_epochs: self.max_epochs.unwrap_or(usual.max_epochs),
            patience: self.patience.unwrap_or(usual.patience),
            seed: self.seed,
            ..usual
        })
    }
}

impl HeadFields {
    /// The field of the label.
    pub(super) fn label(&self) -> &str {
        self.label.as_deref().unwrap_or("label")
    }

    /// The fields of a row.
    pub(crate) fn read(&self) -> Fields {
        let usual = Fields::default();
        Fields {
            text: self.text.clone().unwrap_or(usual.text),
            label: self.label.clone().unwrap_or(usual.label),
            ..Fields::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(more: Value) -> Result<(), String> {
        let mut spec = json!({ "base": "minilm", "dataset": "intents" });
        for (name, value) in more.as_object().unwrap() {
            spec[name] = value.clone();
        }
        let spec: HeadSpec = serde_json::from_value(spec).map_err(|e| e.to_string())?;
        spec.check().map_err(|e| e.to_string())
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (more, part) in [
            (json!({ "dataset": null }), "`dataset` or `project`"),
            (json!({ "project": "p" }), "`dataset` or `project`"),
            (json!({ "output": "o" }), "`project`"),
            (json!({ "decide": { "partial": true } }), "`project`"),
            (json!({ "folds": 1 }), "`folds` is 1"),
            (json!({ "folds": 21 }), "`folds` is 21"),
            (json!({ "held_out": 0.6 }), "`held_out`"),
            (json!({ "held_out": -0.1 }), "`held_out`"),
            (
                json!({ "folds": 0, "held_out": 0 }),
                "nothing would be measured",
            ),
            (json!({ "fields": { "text": "label" } }), "two"),
            (json!({ "fields": { "label": "" } }), "two"),
            (json!({ "patience": 3 }), "`hidden`"),
            (json!({ "hidden": 0 }), "`hidden` is 0"),
            (json!({ "l2": 0 }), "`l2` is 0"),
            (
                json!({ "hidden": 8, "learning_rate": 5 }),
                "`learning_rate` is 5",
            ),
            (
                json!({ "class_weights": { "given": { "a": 0 } } }),
                "`a` is 0",
            ),
            (json!({ "more": 1 }), "more"),
        ] {
            let error = checked(more.clone()).unwrap_err();
            assert!(error.contains(part), "{more}: {error}");
        }
        checked(json!({})).unwrap();
        checked(json!({ "dataset": null, "project": "p", "output": "o", "hidden": 8 })).unwrap();
        checked(json!({ "class_weights": "balanced", "folds": 0 })).unwrap();
    }
}
