//! What is asked.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_feedback::intake::{Incoming, Source};
use steward_registry::feedback::FeedbackFilter;
use steward_registry::{DatasetRef, Name};

use crate::HeadFields;

pub(super) fn anonymizer() -> Name {
    name("anonymizer")
}

pub(super) fn feedback() -> Name {
    name("feedback")
}

/// A name that this file spells out.
#[allow(
    clippy::expect_used,
    reason = "the callers above pass names of this file"
)]
fn name(name: &'static str) -> Name {
    name.parse().expect("a name of letters")
}

/// Feedback to take in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedbackGiven {
    /// The deployed anonymizer that it goes through first.
    #[serde(default = "anonymizer")]
    pub anonymizer: Name,
    /// The feedback.
    pub feedback: Vec<Incoming>,
}

/// The note of an interview.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterviewGiven {
    /// The deployed anonymizer that it goes through first.
    #[serde(default = "anonymizer")]
    pub anonymizer: Name,
    /// The note: its paragraphs, items of lists and quotations are one piece of feedback each.
    pub note: String,
    /// Who was asked, by an opaque name.
    #[serde(default)]
    pub respondent: Option<String>,
    /// The function that it is about.
    #[serde(default)]
    pub function: Option<String>,
    /// The model that it is about.
    #[serde(default)]
    pub model: Option<String>,
    /// When it was, in milliseconds since 1970; none: now.
    #[serde(default)]
    pub at: Option<i64>,
}

/// Which feedback.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Which {
    /// Of this survey.
    #[serde(default)]
    pub survey: Option<String>,
    /// About this function, `name` or `name@version`.
    #[serde(default)]
    pub about: Option<String>,
    /// About this model, `name` or `name@version`.
    #[serde(default)]
    pub model: Option<String>,
    /// From there.
    #[serde(default)]
    pub source: Option<Source>,
    /// Said then or later.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Said before.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

impl From<Which> for FeedbackFilter {
    fn from(which: Which) -> Self {
        Self {
            survey: which.survey,
            function: which.about,
            model: which.model,
            source: which.source.map(|source| source.as_str().to_owned()),
            since: which.since,
            until: which.until,
            after: 0,
            backwards: false,
        }
    }
}

/// What is to be understood.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnalyseGiven {
    /// The deployed function that reads it.
    #[serde(default = "feedback")]
    pub function: Name,
    /// Which feedback.
    #[serde(flatten)]
    pub which: Which,
    /// Whether texts are grouped into themes as well.
    #[serde(default)]
    pub themes: bool,
}

/// The number of a survey.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreGiven {
    /// The deployed function that computes it.
    #[serde(default = "feedback")]
    pub function: Name,
    /// Which survey.
    pub survey: String,
    /// `nps`, `csat` or `ces`.
    pub metric: String,
    /// `last`, `first` or `none` of a respondent's answers counts.
    #[serde(default = "last")]
    pub twice: String,
    /// Fewer answers give no number.
    #[serde(default = "thirty")]
    pub minimum: u32,
    /// Of the interval.
    #[serde(default = "most")]
    pub confidence: f64,
    /// Said then or later.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Said before.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

fn last() -> String {
    "last".into()
}

/// Below how many answers or people nothing is told, where nobody says otherwise.
pub const MINIMUM: u32 = 30;

pub(super) fn thirty() -> u32 {
    MINIMUM
}

fn most() -> f64 {
    0.95
}

/// The format of rows: three of TRL, and rows to train a classifier with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowsFormat {
    /// `prompt`, `chosen`, `rejected`.
    #[default]
    Standard,
    /// The same as lists of messages.
    Conversational,
    /// `prompt`, `completion`, `label`, for KTO.
    Unpaired,
    /// A text and its label: what corrects the answer of a classifier, and answers that were liked.
    Labels,
}

/// Rows to make.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferencesGiven {
    /// The dataset that gets the next snapshot.
    pub output: Name,
    /// The deployed function that makes the rows of TRL.
    #[serde(default = "feedback")]
    pub function: Name,
    /// Their format.
    #[serde(default)]
    pub format: RowsFormat,
    /// With `labels`: the rows of this snapshot come first.
    #[serde(default)]
    pub with: Option<DatasetRef>,
    /// With `labels`: the names of the fields.
    #[serde(default)]
    pub fields: HeadFields,
    /// Of which feedback.
    #[serde(flatten)]
    pub which: Which,
}

/// What the arms of an experiment are versions of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A model.
    #[default]
    Model,
    /// A function.
    Function,
}

/// What an experiment measures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measured {
    /// The share of answers that were right: liked, and corrected by nobody.
    #[default]
    Right,
    /// The mean rating.
    Rating,
}

/// One arm of an experiment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmGiven {
    /// `name@version`.
    pub name: String,
    /// The part of the traffic that it was to get, in any unit.
    #[serde(default = "one")]
    pub weight: f64,
}

/// Versions to compare, the control first.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentGiven {
    /// The deployed function that compares them.
    #[serde(default = "feedback")]
    pub function: Name,
    /// The arms.
    pub arms: Vec<ArmGiven>,
    /// What they are versions of.
    #[serde(default)]
    pub of: Subject,
    /// What is measured.
    #[serde(default)]
    pub value: Measured,
    /// The level of tests and intervals.
    #[serde(default = "level")]
    pub alpha: f64,
    /// At about how many users the sequential test is sharpest.
    #[serde(default = "tuning")]
    pub sequential_tuning: f64,
    /// Of which feedback.
    #[serde(flatten)]
    pub which: Which,
}

fn one() -> f64 {
    1.0
}

fn level() -> f64 {
    0.05
}

fn tuning() -> f64 {
    5000.0
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    /// A filter that is misspelt would not narrow anything.
    #[test]
    fn fields_that_are_none_are_refused() {
        fn refuses<T: DeserializeOwned>(good: Value) {
            assert!(serde_json::from_value::<T>(good.clone()).is_ok(), "{good}");
            let mut wrong = good;
            wrong["form"] = json!("2026-05-01T00:00:00Z");
            assert!(
                serde_json::from_value::<T>(wrong.clone()).is_err(),
                "{wrong}"
            );
        }
        let which = json!({
            "survey": "nps", "about": "support", "model": "m", "source": "api", "since": "2026-05-01T00:00:00Z",
            "until": "2026-06-01T00:00:00Z", "function": "feedback",
        });
        // So would a source that there is not narrow it to nothing.
        assert!(serde_json::from_value::<Which>(json!({ "source": "surveys" })).is_err());
        let with = |rest: Value| {
            let mut all = which.clone();
            for (name, value) in rest.as_object().into_iter().flatten() {
                all[name] = value.clone();
            }
            all
        };
        refuses::<AnalyseGiven>(with(json!({ "themes": true })));
        refuses::<PreferencesGiven>(with(json!({ "output": "rows", "format": "unpaired" })));
        refuses::<PreferencesGiven>(with(
            json!({ "output": "rows", "format": "labels", "with": "intents@1" }),
        ));
        refuses::<ExperimentGiven>(with(json!({ "arms": [{ "name": "m@1" }] })));
        refuses::<ScoreGiven>(json!({ "survey": "nps", "metric": "nps", "until": null }));
    }
}
