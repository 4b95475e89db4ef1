//! What is asked for, as it comes over the network.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_labels::active::Strategy;
use steward_registry::labelling::{Label, LabelKind, LabelSpan, NewTask, ProjectSpec};
use steward_registry::{DatasetRef, ModelRef, Name};

use super::task;
use crate::LabelsGiven;

/// A project to create.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectGiven {
    /// Its name.
    pub name: Name,
    /// What is labelled. Default: the task as a whole.
    #[serde(default = "choice")]
    pub kind: LabelKind,
    /// The labels, in the order that annotators see.
    pub labels: Vec<String>,
    /// How many annotators label each task. Default 2.
    #[serde(default = "two")]
    pub overlap: u32,
    /// For how many seconds a task is an annotator's. Default 1800.
    #[serde(default = "half_an_hour")]
    pub lease_seconds: u32,
    /// Every how manieth task is a gold question; 0 for none.
    #[serde(default)]
    pub gold_every: u32,
    /// What annotators are told, as Markdown.
    pub guideline: String,
}

fn choice() -> LabelKind {
    LabelKind::Choice
}

fn two() -> u32 {
    2
}

fn half_an_hour() -> u32 {
    1800
}

impl ProjectGiven {
    pub(super) fn spec(&self) -> ProjectSpec {
        ProjectSpec {
            kind: self.kind,
            labels: self.labels.clone(),
            overlap: self.overlap,
            lease_seconds: self.lease_seconds,
            gold_every: self.gold_every,
        }
    }
}

/// A label: `"praise"`, `{"choice": "praise"}` or `{"spans": [{"start": 0, "end": 2, "label": "person"}]}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a label is \"LABEL\", or {\"spans\": [{\"start\": 0, \"end\": 2, \"label\": \"LABEL\"}]}"
)]
pub enum LabelGiven {
    /// One label for the whole.
    Word(String),
    /// As it is stored.
    Label(Label),
    /// Labels of parts of the text.
    Parts(Vec<LabelSpan>),
}

impl From<LabelGiven> for Label {
    fn from(given: LabelGiven) -> Self {
        match given {
            LabelGiven::Word(label) => Self::Choice(label),
            LabelGiven::Label(label) => label,
            LabelGiven::Parts(spans) => Self::Spans(spans),
        }
    }
}

/// Tasks to add: rows of a snapshot, or `tasks`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddGiven {
    /// The snapshot whose rows become tasks.
    pub dataset: Option<DatasetRef>,
    /// The field with the text. Default `text`.
    pub text_field: Option<String>,
    /// The field with the name of the task. Default `id`; where a row has none, its line is its name.
    pub id_field: Option<String>,
    /// A field with the label of rows whose label is known: they become gold questions. It is not shown to annotators.
    pub gold_field: Option<String>,
    /// How many rows to pass over. Default 0.
    pub skip: u64,
    /// How many rows to take. Default all.
    pub limit: Option<u64>,
    /// The tasks.
    pub tasks: Option<Vec<TaskGiven>>,
}

/// A task that is given with the request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskGiven {
    /// Its name within the project.
    pub task: String,
    /// Its text, where there is nothing else to it.
    #[serde(default)]
    pub text: Option<String>,
    /// What is to be labelled, else.
    #[serde(default)]
    pub data: Option<Value>,
    /// Its label, where it is known.
    #[serde(default)]
    pub gold: Option<LabelGiven>,
    /// The smaller, the earlier.
    #[serde(default)]
    pub rank: i64,
}

impl TaskGiven {
    pub(super) fn task(self) -> Result<NewTask, String> {
        let data = match (self.text, self.data) {
            (Some(text), None) => serde_json::json!({ "text": text }),
            (None, Some(data)) if !data.is_null() => data,
            _ => return Err("a task has either a `text` or `data`".into()),
        };
        task::check_task(&self.task, &data)?;
        let gold = self.gold.map(Label::from);
        if let Some(gold) = &gold {
            task::check_spans(&data, gold)?;
        }
        Ok(NewTask {
            task: self.task,
            data,
            gold,
            rank: self.rank,
        })
    }
}

/// How what annotators said becomes a label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ByVotes {
    /// Most votes; a tie decides nothing.
    #[default]
    Majority,
    /// Votes weighed by how well an annotator answers gold questions.
    WeightedVote,
    /// Votes weighed by the estimated errors of the annotators.
    DawidSkene,
    /// By a deployed function of the kind `labeller`: `function:NAME`.
    Function(Name),
}

impl TryFrom<String> for ByVotes {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "majority" => Ok(Self::Majority),
            "weighted-vote" => Ok(Self::WeightedVote),
            "dawid-skene" => Ok(Self::DawidSkene),
            other => match other.strip_prefix("function:").map(str::parse) {
                Some(Ok(name)) => Ok(Self::Function(name)),
                Some(Err(wrong)) => Err(wrong.to_string()),
                None => Err(format!(
                    "`{}` is no method; it is one of majority, weighted-vote, dawid-skene, function:NAME",
                    other.chars().take(80).collect::<String>()
                )),
            },
        }
    }
}

impl From<ByVotes> for String {
    fn from(method: ByVotes) -> Self {
        match method {
            ByVotes::Majority => "majority".into(),
            ByVotes::WeightedVote => "weighted-vote".into(),
            ByVotes::DawidSkene => "dawid-skene".into(),
            ByVotes::Function(name) => format!("function:{name}"),
        }
    }
}

/// How labels are decided.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecideGiven {
    /// How what annotators said becomes a label.
    pub method: ByVotes,
    /// Whether votes decide before there are as many as the overlap says.
    pub partial: bool,
    /// Whether a model decides what people have not.
    pub auto: Option<AutoGiven>,
}

/// From which confidence on a model's prediction is a label.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AutoGiven {
    /// Whose predictions, as `minilm@1.0.0`; may be left out where there is one source alone.
    pub model: Option<String>,
    /// The confidence.
    pub threshold: Option<f64>,
    /// Instead of the confidence, how often the label shall be right at least; the lowest confidence that is known to do
    /// so is taken. It is measured on tasks whose label is known: gold questions and what a judge has decided.
    pub precision: Option<f64>,
}

/// What a model shall predict.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictGiven {
    /// The model.
    pub model: ModelRef,
    /// What it chooses from. Default: a classifier's own labels; for an embedding model those of the project.
    #[serde(default)]
    pub labels: Option<LabelsGiven>,
    /// In which order annotators shall get the open tasks; null leaves it as it is. Default: `margin`.
    #[serde(default = "margin")]
    pub order: Option<Strategy>,
    /// The position after which to begin; a page says where the next one begins.
    #[serde(default)]
    pub after: u64,
    /// How many tasks to look at in this call. Default 1,000, at most 10,000.
    #[serde(default)]
    pub limit: Option<usize>,
}

fn margin() -> Option<Strategy> {
    Some(Strategy::Margin)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_label_is_written_short_or_long() {
        let read = |json: Value| serde_json::from_value::<LabelGiven>(json).map(Label::from);
        let choice = Label::Choice("好评".into());
        assert_eq!(read(json!("好评")).unwrap(), choice);
        assert_eq!(read(json!({"choice": "好评"})).unwrap(), choice);
        let spans = json!([{"start": 0, "end": 2, "label": "person"}]);
        assert_eq!(
            read(spans.clone()).unwrap(),
            read(json!({"spans": spans})).unwrap()
        );
        for bad in [
            json!(7),
            json!({"spans": 1}),
            json!([{"start": -1, "end": 2, "label": "x"}]),
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains("a label is"), "{error}");
        }
    }

    #[test]
    fn a_method_is_a_word_or_a_function() {
        for text in [
            "majority",
            "weighted-vote",
            "dawid-skene",
            "function:my-own",
        ] {
            let method: ByVotes = serde_json::from_value(json!(text)).unwrap();
            assert_eq!(json!(method), json!(text));
        }
        for bad in ["", "Majority", "function:", "function:A B", "my-own"] {
            assert!(
                serde_json::from_value::<ByVotes>(json!(bad)).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_task_has_a_text_or_data() {
        let task = |json: Value| {
            serde_json::from_value::<TaskGiven>(json)
                .map_err(|e| e.to_string())
                .and_then(TaskGiven::task)
        };
        assert_eq!(
            task(json!({"task": "t", "text": "x"})).unwrap().data["text"],
            "x"
        );
        assert!(task(json!({"task": "t", "data": {"image": "a.png"}})).is_ok());
        for bad in [
            json!({"task": "t"}),
            json!({"task": "t", "data": null}),
            json!({"task": "t", "text": "x", "data": {}}),
            json!({"task": "", "text": "x"}),
            json!({"task": "t", "text": "x", "gold": [{"start": 0, "end": 9, "label": "l"}]}),
        ] {
            assert!(task(bad.clone()).is_err(), "{bad}");
        }
    }
}
