//! What duplicates are looked for, as it comes from the command line or over the network.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use steward_registry::ModelRef;

use crate::DataError;

/// What duplicates are looked for among the rows that the steps leave; at least one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DuplicatesGiven {
    /// Texts that are nearly the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<NearGiven>,
    /// Texts that mean the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semantic: Option<SemanticGiven>,
    /// Passages that stood in an earlier text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentences: Option<SentencesGiven>,
    /// Which row of a cluster stays.
    #[serde(default)]
    pub keep: Keep,
    /// Whether rows and passages stay and are marked.
    #[serde(default)]
    pub mark: bool,
}

/// Texts that are nearly the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearGiven {
    /// The least Jaccard similarity of their shingles, between 0.1 and 1. Default 0.8.
    #[serde(default = "usual_near")]
    pub similarity: f64,
    /// The cleaner whose MinHash values are used. Default `text-cleaner`, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
}

/// Texts that mean the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SemanticGiven {
    /// A model that embeds.
    pub model: ModelRef,
    /// The least cosine of their vectors, between 0.5 and 1. Default 0.95.
    #[serde(default = "usual_semantic")]
    pub similarity: f64,
}

/// Passages that stood in an earlier text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentencesGiven {
    /// Sentences of a passage, 1 to 100. Default 3.
    #[serde(default = "usual_passage")]
    pub passage: usize,
    /// A passage of fewer characters stays. Default 20.
    #[serde(default = "usual_characters")]
    pub min_characters: usize,
}

fn usual_near() -> f64 {
    0.8
}

fn usual_semantic() -> f64 {
    0.95
}

fn usual_passage() -> usize {
    3
}

fn usual_characters() -> usize {
    20
}

/// Which row of a cluster stays: `first`, `longest`, `highest:FIELD` or `lowest:FIELD`; of equals the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Keep {
    /// The first.
    #[default]
    First,
    /// The one with most characters.
    Longest,
    /// The one with the highest number in this field; rows without a number come last.
    Highest(String),
    /// The one with the lowest.
    Lowest(String),
}

impl FromStr for Keep {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        match text.split_once(':') {
            None if text == "first" => Ok(Self::First),
            None if text == "longest" => Ok(Self::Longest),
            Some(("highest", field)) if !field.is_empty() => Ok(Self::Highest(field.into())),
            Some(("lowest", field)) if !field.is_empty() => Ok(Self::Lowest(field.into())),
            _ => Err(DataError::Invalid(format!(
                "`{text}` does not say which row stays; that is first, longest, highest:FIELD or lowest:FIELD"
            ))),
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("first"),
            Self::Longest => f.write_str("longest"),
            Self::Highest(field) => write!(f, "highest:{field}"),
            Self::Lowest(field) => write!(f, "lowest:{field}"),
        }
    }
}

impl Serialize for Keep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for SemanticGiven {
    type Err = DataError;

    /// `MODEL` or `MODEL:SIMILARITY`
    fn from_str(text: &str) -> Result<Self, DataError> {
        let wrong = |why: String| DataError::Invalid(format!("`{text}`: {why}"));
        let (model, similarity) = match text.rsplit_once(':') {
            None => (text, usual_semantic()),
            Some((model, similarity)) => {
                let similarity = similarity.parse();
                let why = |_| wrong("it is MODEL:SIMILARITY, as minilm:0.95".into());
                (model, similarity.map_err(why)?)
            }
        };
        let model = model.parse().map_err(|e| wrong(format!("{e}")))?;
        Ok(Self { model, similarity })
    }
}

impl FromStr for SentencesGiven {
    type Err = DataError;

    /// `SENTENCES` or `SENTENCES:CHARACTERS`
    fn from_str(text: &str) -> Result<Self, DataError> {
        let (passage, characters) = text.split_once(':').unwrap_or((text, "20"));
        match (passage.parse(), characters.parse()) {
            (Ok(passage), Ok(min_characters)) => Ok(Self {
                passage,
                min_characters,
            }),
            _ => Err(DataError::Invalid(format!(
                "`{text}` is no passage: it is SENTENCES or SENTENCES:CHARACTERS, as 3 or 3:50"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_read_and_written_alike() {
        let given: DuplicatesGiven = serde_json::from_str(
            r#"{"near":{},"semantic":{"model":"minilm@1.0.0"},"sentences":{},"keep":"highest:votes"}"#,
        )
        .unwrap();
        assert_eq!(given.near.as_ref().unwrap().similarity, 0.8);
        assert_eq!(
            given.semantic.clone().unwrap(),
            "minilm@1.0.0".parse().unwrap()
        );
        assert_eq!(given.sentences.clone().unwrap(), "3".parse().unwrap());
        assert_eq!(given.keep, Keep::Highest("votes".into()));
        let written = serde_json::to_string(&given).unwrap();
        assert_eq!(
            serde_json::from_str::<DuplicatesGiven>(&written).unwrap(),
            given
        );
        for bad in ["", "best", "highest", "highest:", "first:x"] {
            assert!(bad.parse::<Keep>().is_err(), "{bad}");
        }
        for bad in ["", "M:0.9", "minilm:", "minilm:x", ":0.9"] {
            assert!(bad.parse::<SemanticGiven>().is_err(), "{bad}");
        }
        for bad in ["", "x", "3:", "3:x", "-1"] {
            assert!(bad.parse::<SentencesGiven>().is_err(), "{bad}");
        }
    }
}
