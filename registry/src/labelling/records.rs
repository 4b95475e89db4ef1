//! The rows of labelling, as the rest of the host sees them.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::label::{Label, LabelKind};
use crate::id::Name;

/// What annotators are asked, and how the work is shared out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectSpec {
    /// What is labelled.
    pub kind: LabelKind,
    /// The labels, 2 to 1000 for a choice; their order is the one that annotators see, and decides ties.
    pub labels: Vec<String>,
    /// How many annotators label each task, 1 to 100.
    pub overlap: u32,
    /// For how many seconds a task is an annotator's, 10 to 86,400.
    #[serde(default = "half_an_hour")]
    pub lease_seconds: u32,
    /// Every how manieth task of an annotator is a gold question, as long as there are some that it has
    /// not answered; 0 for none, 1 for nothing else.
    #[serde(default)]
    pub gold_every: u32,
}

fn half_an_hour() -> u32 {
    1800
}

/// A labelling project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its name.
    pub name: Name,
    /// What it asks.
    pub spec: ProjectSpec,
    /// The version of the newest guideline.
    pub guideline: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// Id of the principal that created it.
    pub created_by: String,
}

/// One version of what annotators are told. Immutable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guideline {
    /// 1, 2, 3 … within the project.
    pub version: u32,
    /// The text, as Markdown.
    pub text: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// Id of the principal that wrote it.
    pub created_by: String,
}

/// A task to add.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// Its name within the project.
    pub task: String,
    /// What is to be labelled.
    pub data: serde_json::Value,
    /// Its label, where it is known: the task is then a gold question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gold: Option<Label>,
    /// The smaller, the earlier; of equals, in the order in which they are added.
    #[serde(default)]
    pub rank: i64,
}

/// A task in the hands of an annotator. It does not say whether it is a gold question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The task.
    pub task: String,
    /// What is to be labelled.
    pub data: serde_json::Value,
    /// The version of the guideline to read.
    pub guideline: u32,
    /// Until when nobody else is handed the task in this annotator's place.
    pub leased_until: Timestamp,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// Its label is known; every annotator may be asked.
    Gold,
    /// Annotations are wanted.
    Open,
    /// As many annotators as the overlap says have labelled it.
    Complete,
    /// A judge has decided.
    Adjudicated,
}

impl TaskState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gold => "gold",
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Adjudicated => "adjudicated",
        }
    }
}

impl FromStr for TaskState {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        [Self::Gold, Self::Open, Self::Complete, Self::Adjudicated]
            .into_iter()
            .find(|state| state.as_str() == s)
            .ok_or_else(|| format!("`{s}` is not a state of a task"))
    }
}

/// What one annotator said about a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenAnnotation {
    /// The task.
    pub task: String,
    /// Who.
    pub annotator: String,
    /// What.
    pub label: Label,
    /// The version of the guideline that the annotator was given.
    pub guideline: u32,
    /// When.
    pub created_at: Timestamp,
}

/// What a model or a labelling function said about a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// The task.
    pub task: String,
    /// Which, as `sentiment@1.2.0~int8`.
    pub source: String,
    /// What.
    pub label: Label,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// When.
    pub created_at: Timestamp,
    /// What it follows from, where it follows from what others said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<serde_json::Value>,
}

/// What a judge decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjudication {
    /// 1, 2, 3 … within the task; the highest holds.
    pub number: u32,
    /// The label.
    pub label: Label,
    /// Why, in a sentence; may be empty.
    pub reason: String,
    /// The version of the newest guideline at that time.
    pub guideline: u32,
    /// When.
    pub created_at: Timestamp,
    /// Id of the principal that decided.
    pub created_by: String,
}

/// A task with everything that was said about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelledTask {
    /// Its place in the project, from 1, in the order in which tasks were added.
    pub position: u64,
    /// Its name.
    pub task: String,
    /// What is labelled.
    pub data: serde_json::Value,
    /// Its label, where it is a gold question.
    pub gold: Option<Label>,
    /// The smaller, the earlier it is handed out.
    pub rank: i64,
    /// Where it stands.
    pub state: TaskState,
    /// When it was added.
    pub created_at: Timestamp,
    /// What annotators said, the earliest first.
    pub annotations: Vec<GivenAnnotation>,
    /// What models and labelling functions said, the earliest first.
    pub predictions: Vec<Prediction>,
    /// What judges decided, the latest last: that one holds.
    pub adjudications: Vec<Adjudication>,
}

/// How far a project is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Gold questions.
    pub gold: u64,
    /// Tasks that want annotations.
    pub open: u64,
    /// Those of them that have none yet.
    pub untouched: u64,
    /// Tasks with as many annotations as the overlap says.
    pub complete: u64,
    /// Tasks that a judge has decided.
    pub adjudicated: u64,
    /// Complete tasks whose annotations differ, and which nobody has decided.
    pub disputed: u64,
    /// Annotations, those of gold questions too.
    pub annotations: u64,
    /// Tasks in the hands of annotators now.
    pub leased: u64,
    /// How often a task was skipped.
    pub skipped: u64,
}
