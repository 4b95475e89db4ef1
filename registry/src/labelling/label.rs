//! What a task can be labelled with.

use serde::{Deserialize, Serialize};

use super::MAX_LABEL_BYTES;
use crate::id::shown;
use crate::{RegistryError, rows};

/// What is labelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelKind {
    /// The task as a whole, with one label.
    Choice,
    /// Parts of a text, each with a label.
    Spans,
}

/// The label of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// One label for the whole.
    Choice(String),
    /// Labels of parts of a text; none is an answer, too.
    Spans(Vec<LabelSpan>),
}

/// A labelled part of a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSpan {
    /// The first code point.
    pub start: u32,
    /// The code point after the last.
    pub end: u32,
    /// The label.
    pub label: String,
}

impl Label {
    /// Which kind it is.
    pub fn kind(&self) -> LabelKind {
        match self {
            Self::Choice(_) => LabelKind::Choice,
            Self::Spans(_) => LabelKind::Spans,
        }
    }

    /// The one spelling that is stored, so that equal labels are equal text: spans in order.
    pub(super) fn to_json(
        &self,
        kind: LabelKind,
        labels: &[String],
    ) -> Result<String, RegistryError> {
        if self.kind() != kind {
            return Err(RegistryError::Invalid(match kind {
                LabelKind::Choice => "this project wants one label for the whole task".into(),
                LabelKind::Spans => "this project wants labels of parts of the text".into(),
            }));
        }
        let known = |label: &String| {
            if labels.contains(label) {
                return Ok(());
            }
            Err(RegistryError::Invalid(format!(
                "`{}` is none of the labels of this project: {}",
                shown(label),
                shown(&labels.join(", "))
            )))
        };
        let stored = match self {
            Self::Choice(label) => {
                known(label)?;
                self.clone()
            }
            Self::Spans(spans) => {
                for span in spans {
                    known(&span.label)?;
                    if span.start >= span.end {
                        return Err(RegistryError::Invalid(format!(
                            "a span from {} to {} holds no character",
                            span.start, span.end
                        )));
                    }
                }
                let mut spans = spans.clone();
                spans.sort();
                spans.dedup();
                Self::Spans(spans)
            }
        };
        rows::to_json("label", &stored, MAX_LABEL_BYTES)
    }
}
