//! What a person writes about a model: `model.toml` beside the ONNX file, kept as JSON in the registry.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::InferenceError;

mod state;

pub use state::{MAX_SEQUENCE_IDLE_S, MAX_SEQUENCES, MAX_STATE_NUMBERS, MAX_STATES, StateConfig};

/// The longest text, in tokens, that a model may be configured for.
///
/// Attention needs memory that grows with the square of this number: 8,192 tokens and 12 heads are 3 GiB.
pub const MAX_TOKENS: u32 = 8192;

/// The largest number of labels of a classifier.
pub const MAX_LABELS: usize = 10_000;

/// How to use an ONNX file: what it computes and how its numbers become an answer.
///
/// ```
/// use steward_inference::{ModelConfig, Task};
///
/// let config: ModelConfig = serde_json::from_str(r#"{ "task": "embed", "max_tokens": 128 }"#).unwrap();
/// assert_eq!(config.task, Task::Embed);
/// assert!(config.normalize);
/// assert!(config.validate().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// What the model computes.
    pub task: Task,
    /// The model sees at most this many tokens of a text at once, its special tokens included. Default 256.
    /// What becomes of a longer text is [`long_text`](Self::long_text).
    #[serde(default = "default_max_tokens")]
    pub max_tokens: u32,
    /// The names of a classifier's outputs, in the order of the outputs (`id2label` elsewhere). Of a model of the
    /// task `tensors`, the names of the numbers along the last side of its outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What becomes of a text that is longer than [`max_tokens`](Self::max_tokens). Default `truncate`, and `window`
    /// for a token classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_text: Option<LongText>,
    /// How the vectors of the tokens become the vector of the text. Default `mean`.
    #[serde(default)]
    pub pooling: Pooling,
    /// Whether embeddings are scaled to length 1. Default true.
    #[serde(default = "yes")]
    pub normalize: bool,
    /// How long a text may wait for others to be computed with, in milliseconds, while the model has nothing to do;
    /// at most 1,000. Default 0: under load texts meet while the model is busy, and without load company only delays.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_delay_ms: u32,
    /// Whether a model of the task `tensors` may be given numbers that are infinite or not a number. Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_non_finite: bool,
    /// The states that a model of the task `tensors` hands from one call to the next. See
    /// [`Model::infer_in_sequence`](crate::Model::infer_in_sequence).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<StateConfig>,
    /// The most sequences of which the host keeps the states; one more, and the one of whoever has most that was not
    /// used the longest is forgotten. Default 1,024.
    #[serde(
        default = "default_max_sequences",
        skip_serializing_if = "is_default_max_sequences"
    )]
    pub max_sequences: u32,
    /// A sequence without a call for longer than this, in seconds, is forgotten. Default 300.
    #[serde(
        default = "default_sequence_idle_s",
        skip_serializing_if = "is_default_sequence_idle_s"
    )]
    pub sequence_idle_s: u32,
    /// What the model is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The licence of the weights, as an SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
}

fn default_max_tokens() -> u32 {
    256
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn default_max_sequences() -> u32 {
    1024
}

fn is_default_max_sequences(number: &u32) -> bool {
    *number == default_max_sequences()
}

fn default_sequence_idle_s() -> u32 {
    300
}

fn is_default_sequence_idle_s(number: &u32) -> bool {
    *number == default_sequence_idle_s()
}

fn yes() -> bool {
    true
}

/// What a model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// One vector for each text.
    Embed,
    /// One label for each text.
    Classify,
    /// One label for each token: names, addresses and the like.
    ClassifyTokens,
    /// One score for each pair of texts, which the model reads together.
    ScorePairs,
    /// Whatever the model computes: tensors in, tensors out, and no text.
    Tensors,
}

/// What becomes of a text that is longer than a model reads at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LongText {
    /// Its beginning counts; the answer says of how many texts that is so.
    Truncate,
    /// The call is refused.
    Reject,
    /// It is read whole, in windows that overlap. Vectors and probabilities of the windows are averaged, each as much
    /// as it has tokens.
    Window,
}

impl Task {
    /// Whether such a model reads text, and needs a tokenizer for it.
    pub fn reads_text(self) -> bool {
        self != Self::Tensors
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Task::Embed => "embed",
            Task::Classify => "classify",
            Task::ClassifyTokens => "classify-tokens",
            Task::ScorePairs => "score-pairs",
            Task::Tensors => "tensors",
        })
    }
}

/// How the vectors of the tokens become the vector of the text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The mean over all tokens, padding left out.
    #[default]
    Mean,
    /// The vector of the first token.
    Cls,
}

impl ModelConfig {
    /// A configuration for `task` with every other field at its default.
    pub fn new(task: Task) -> Self {
        Self {
            task,
            max_tokens: default_max_tokens(),
            labels: Vec::new(),
            pooling: Pooling::default(),
            normalize: true,
            max_delay_ms: 0,
            long_text: None,
            allow_non_finite: false,
            state: Vec::new(),
            max_sequences: default_max_sequences(),
            sequence_idle_s: default_sequence_idle_s(),
            description: None,
            license: None,
        }
    }

    /// Finds what no model could satisfy, before any file is read.
    pub fn validate(&self) -> Result<(), InferenceError> {
        let refuse = |reason: String| Err(InferenceError::Config(reason));
        if self.max_tokens == 0 || self.max_tokens > MAX_TOKENS {
            return refuse(format!(
                "`max_tokens` is {}; it must be between 1 and {MAX_TOKENS}",
                self.max_tokens
            ));
        }
        if self.max_delay_ms > 1000 {
            return refuse(format!(
                "`max_delay_ms` is {}; it must be at most 1000",
                self.max_delay_ms
            ));
        }
        match (self.task, self.labels.len()) {
            (Task::Embed | Task::Tensors | Task::ScorePairs, 0) => {}
            (Task::Embed, _) => {
                return refuse("`labels` belong to a classifier, and the task is `embed`".into());
            }
            (task, 0) => {
                return refuse(format!(
                    "the task `{task}` needs `labels`, one for each output of the model in their order"
                ));
            }
            (_, count) if count > MAX_LABELS => {
                return refuse(format!(
                    "{count} labels are more than the limit of {MAX_LABELS}"
                ));
            }
            _ => {}
        }
        self.check_labels()?;
        self.check_text()?;
        state::check(self)
    }

    fn check_labels(&self) -> Result<(), InferenceError> {
        let refuse = |reason: String| Err(InferenceError::Config(reason));
        let mut seen = BTreeSet::new();
        for label in &self.labels {
            if label.trim().is_empty() {
                return refuse("a label is empty".into());
            }
            if !seen.insert(label) {
                return refuse(format!("the label `{label}` is listed twice"));
            }
        }
        Ok(())
    }

    /// What is done with texts that are too long.
    pub(crate) fn long_texts(&self) -> LongText {
        self.long_text.unwrap_or(match self.task {
            Task::ClassifyTokens => LongText::Window,
            _ => LongText::Truncate,
        })
    }

    fn check_text(&self) -> Result<(), InferenceError> {
        let refuse = |reason: &str| Err(InferenceError::Config(reason.into()));
        match (self.task, self.long_text) {
            (Task::Tensors, Some(_)) => {
                refuse("`long_text` is about texts, and the task `tensors` reads none")
            }
            (Task::ScorePairs, Some(LongText::Window)) => refuse(
                "`long_text` is `window`; the two texts of a pair are read together and cannot be cut into \
                 windows: `truncate` or `reject`",
            ),
            _ => Ok(()),
        }
    }
}

/// The files of a model, on a local disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    /// The ONNX file.
    pub model: PathBuf,
    /// `tokenizer.json` in the format of the `tokenizers` library. Every task but `tensors` reads text and needs it.
    pub tokenizer: Option<PathBuf>,
}

impl ModelFiles {
    /// How large they are together, as far as they can be seen.
    pub(crate) async fn bytes(&self) -> u64 {
        let mut bytes = 0;
        for file in [Some(&self.model), self.tokenizer.as_ref()]
            .into_iter()
            .flatten()
        {
            bytes += file_bytes(file).await;
        }
        bytes
    }
}

pub(crate) async fn file_bytes(file: &Path) -> u64 {
    let metadata = tokio::fs::metadata(file).await;
    metadata.map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        let config: ModelConfig = serde_json::from_str(json).unwrap();
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_those_of_a_sentence_encoder() {
        let config: ModelConfig = serde_json::from_str(r#"{"task":"embed"}"#).unwrap();
        assert_eq!(config, ModelConfig::new(Task::Embed));
        assert_eq!(
            (config.max_tokens, config.pooling, config.normalize),
            (256, Pooling::Mean, true)
        );
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<ModelConfig>(&json).unwrap(), config);
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let error =
            serde_json::from_str::<ModelConfig>(r#"{"task":"embed","max_token":5}"#).unwrap_err();
        assert!(error.to_string().contains("max_token"), "{error}");
        assert!(serde_json::from_str::<ModelConfig>(r#"{"task":"sing"}"#).is_err());
        assert!(serde_json::from_str::<ModelConfig>("{}").is_err());
    }

    #[test]
    fn contradictions_are_named() {
        assert!(refused(r#"{"task":"embed","max_tokens":0}"#).contains("max_tokens"));
        assert!(refused(r#"{"task":"embed","max_tokens":9000}"#).contains("8192"));
        assert!(refused(r#"{"task":"embed","labels":["a"]}"#).contains("classifier"));
        assert!(refused(r#"{"task":"classify"}"#).contains("labels"));
        assert!(
            refused(r#"{"task":"classify","labels":["好","好"]}"#).contains("`好` is listed twice")
        );
        assert!(refused(r#"{"task":"classify-tokens","labels":["O"," "]}"#).contains("empty"));
        assert!(refused(r#"{"task":"tensors","long_text":"window"}"#).contains("reads none"));
        assert!(refused(r#"{"task":"score-pairs","long_text":"window"}"#).contains("together"));
        assert!(refused(r#"{"task":"embed","allow_non_finite":true}"#).contains("`tensors`"));
    }
}
