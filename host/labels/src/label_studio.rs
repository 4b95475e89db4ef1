//! Label Studio's JSON: tasks with annotations and predictions, in and out, nothing lost.
//!
//! Choices and spans of text are understood; every other kind of result, and every field that is not named here, is kept
//! as it came and goes out again.
//!
//! **Offsets.** In a [`Span`], they are Unicode code points. So they are in Label Studio's files: its editor counts the
//! characters of a selection by code points before it stores them (`fixCodePointsInRange` in the editor's
//! `selection-tools.js`). Editors from before that change, in 2021, stored UTF-16 units, as JavaScript counts, and so do
//! spans that are resized by hand today; both are the same until the text holds an emoji or a rare Chinese character.
//! [`import`] therefore looks at the words that a result quotes, and takes its offsets as UTF-16 units where only that
//! fits; see [`OffsetUnit`].

mod files;
mod offsets;
mod region;
mod votes;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use files::{FileOptions, Imported, MAX_BYTES, Rejected, export, import};
pub use offsets::OffsetUnit;
pub use region::{Choices, Region, Span};
pub use votes::{choices, ground_truth};

/// Fields that this crate does not look at.
pub type Rest = Map<String, Value>;

/// A number or a text: Label Studio has both as ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// As Label Studio counts.
    Number(i64),
    /// As others name.
    Text(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A task and what was said about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// What is to be labelled, by the names of the labelling interface.
    pub data: Map<String, Value>,
    /// What people said.
    #[serde(default)]
    pub annotations: Vec<Annotation>,
    /// What models said.
    #[serde(default)]
    pub predictions: Vec<Prediction>,
    /// Every other field.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What one person said about a task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Who: a number, an address, or an object with both. [`Annotation::annotator`] reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_by: Option<Value>,
    /// When, as RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// The person skipped the task.
    #[serde(default)]
    pub was_cancelled: bool,
    /// The annotation is known to be right.
    #[serde(default)]
    pub ground_truth: bool,
    /// The labels.
    pub result: Vec<Region>,
    /// Every other field.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Annotation {
    /// What `annotator` said.
    pub fn by(annotator: impl Into<String>, result: Vec<Region>) -> Self {
        Self {
            completed_by: Some(Value::String(annotator.into())),
            result,
            ..Self::default()
        }
    }

    /// Who it is from: the address where there is one, else the number; `anonymous` where nobody is named.
    #[must_use]
    pub fn annotator(&self) -> String {
        let named = match &self.completed_by {
            Some(Value::Object(who)) => who.get("email").or_else(|| who.get("id")),
            other => other.as_ref(),
        };
        match named {
            Some(Value::String(name)) if !name.is_empty() => name.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => "anonymous".to_owned(),
        }
    }
}

/// What one model said about a task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Which model, as `sentiment@1.2.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_version: Option<String>,
    /// How sure the model is of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The labels.
    pub result: Vec<Region>,
    /// Every other field.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Task {
    /// A task that nobody has labelled.
    #[must_use]
    pub fn new(id: Option<Id>, data: Map<String, Value>) -> Self {
        Self {
            id,
            data,
            annotations: Vec::new(),
            predictions: Vec::new(),
            rest: Rest::new(),
        }
    }

    pub(crate) fn regions_mut(&mut self) -> impl Iterator<Item = &mut Region> {
        let annotations = self.annotations.iter_mut().flat_map(|a| &mut a.result);
        annotations.chain(self.predictions.iter_mut().flat_map(|p| &mut p.result))
    }
}
