//! What bodies look like. The types themselves are records of the registry and of the data crate.
#![allow(dead_code, reason = "these describe records of other crates")]

use serde_json::Value;
use utoipa::ToSchema;

/// A labelling project to create.
#[derive(ToSchema)]
#[schema(as = LabelProjectGiven)]
pub(crate) struct ProjectGivenBody {
    #[schema(example = "intents")]
    name: String,
    /// `choice`: one label for each task; `spans`: labels of parts of its text.
    #[schema(default = "choice")]
    kind: Option<String>,
    /// In the order that annotators see; the first wins nothing, but is named first in a tie.
    #[schema(example = json!(["billing", "bug"]))]
    labels: Vec<String>,
    /// How many annotators label each task, 1 to 100.
    #[schema(default = 2)]
    overlap: Option<u32>,
    /// For how many seconds a task is an annotator's.
    #[schema(default = 1800)]
    lease_seconds: Option<u32>,
    /// Every how manieth task of an annotator is a gold question; 0 for none.
    #[schema(default = 0)]
    gold_every: Option<u32>,
    /// What annotators are told, as Markdown.
    #[schema(example = "Take what the customer wants done, not what they complain about.")]
    guideline: String,
}

/// What a project asks.
#[derive(ToSchema)]
#[schema(as = LabelProjectSpec)]
struct SpecBody {
    kind: String,
    labels: Vec<String>,
    overlap: u32,
    lease_seconds: u32,
    gold_every: u32,
}

/// A labelling project.
#[derive(ToSchema)]
#[schema(as = LabelProject)]
pub(crate) struct ProjectBody {
    name: String,
    spec: SpecBody,
    /// The version of the newest guideline.
    guideline: u32,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: String,
}

/// How far a project is.
#[derive(ToSchema)]
#[schema(as = LabelStatus)]
pub(crate) struct StatusBody {
    /// Gold questions.
    gold: u64,
    /// Tasks that want annotations.
    open: u64,
    /// Those of them that have none yet.
    untouched: u64,
    /// Tasks with as many annotations as the overlap says.
    complete: u64,
    /// Tasks that a judge has decided.
    adjudicated: u64,
    /// Complete tasks whose annotations differ, and which nobody has decided.
    disputed: u64,
    /// Annotations, those of gold questions too.
    annotations: u64,
    /// Tasks in the hands of annotators now.
    leased: u64,
    /// How often a task was skipped.
    skipped: u64,
}

/// One version of what annotators are told.
#[derive(ToSchema)]
#[schema(as = LabelGuideline)]
pub(crate) struct GuidelineBody {
    /// 1, 2, 3 … in the project.
    version: u32,
    text: String,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: String,
}

/// Tasks to add: rows of a dataset, or `tasks`.
#[derive(ToSchema)]
#[schema(as = LabelTasksGiven)]
pub(crate) struct AddBody {
    /// The snapshot whose rows become tasks.
    #[schema(example = "messages@1")]
    dataset: Option<String>,
    /// The field with the text.
    #[schema(default = "text")]
    text_field: Option<String>,
    /// The field with the name of the task; where a row has none, its line is its name.
    #[schema(default = "id")]
    id_field: Option<String>,
    /// A field with the label of rows whose label is known: they become gold questions. Annotators do not see it.
    gold_field: Option<String>,
    /// How many rows to pass over.
    skip: Option<u64>,
    /// How many rows to take.
    limit: Option<u64>,
    /// Tasks with a name (`task`), a `text` or other `data`, and, where it is known, the label (`gold`).
    #[schema(example = json!([{"task": "t1", "text": "Where is my parcel?"}]))]
    tasks: Option<Vec<Value>>,
}

/// What became of the rows.
#[derive(ToSchema)]
#[schema(as = LabelTasksAdded)]
pub(crate) struct AddedBody {
    added: u64,
    /// Gold questions among the rows.
    gold: u64,
    /// Tasks that the project had; they stay as they are.
    present: u64,
    /// Rows that are no tasks.
    rejected: u64,
    /// The first of these: `line` and `reason`.
    reasons: Vec<Value>,
    /// The snapshot that the rows are of.
    dataset: Option<String>,
}

/// A task in the hands of an annotator.
#[derive(ToSchema)]
#[schema(as = LabelAssignment)]
pub(crate) struct AssignmentBody {
    task: String,
    /// What is to be labelled. A row of a dataset says in `steward` where it comes from.
    data: Value,
    /// Who has it.
    annotator: String,
    /// `choice` or `spans`.
    kind: String,
    /// What can be answered.
    labels: Vec<String>,
    /// The version of the guideline to read.
    guideline: u32,
    #[schema(format = DateTime)]
    leased_until: String,
}

/// What one annotator said about a task.
#[derive(ToSchema)]
#[schema(as = LabelAnnotation)]
pub(crate) struct AnnotationBody {
    task: String,
    annotator: String,
    /// `{"choice": LABEL}` or `{"spans": [{"start", "end", "label"}]}`.
    label: Value,
    guideline: u32,
    #[schema(format = DateTime)]
    created_at: String,
}

/// What a judge decided.
#[derive(ToSchema)]
#[schema(as = LabelAdjudication)]
pub(crate) struct AdjudicationBody {
    /// 1, 2, 3 … within the task; the highest holds.
    number: u32,
    /// `{"choice": LABEL}` or `{"spans": [{"start", "end", "label"}]}`.
    label: Value,
    reason: String,
    guideline: u32,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: String,
}

/// A task with everything that was said about it.
#[derive(ToSchema)]
#[schema(as = LabelledTask)]
pub(crate) struct TaskBody {
    /// Its place in the project, from 1.
    position: u64,
    task: String,
    data: Value,
    /// Its label, where it is a gold question.
    gold: Option<Value>,
    /// The smaller, the earlier it is handed out.
    rank: i64,
    /// `gold`, `open`, `complete` or `adjudicated`.
    state: String,
    #[schema(format = DateTime)]
    created_at: String,
    annotations: Vec<AnnotationBody>,
    /// `source`, `label`, `confidence`, `created_at`, and of labelling functions `provenance`: `labellers`, `votes`.
    predictions: Vec<Value>,
    adjudications: Vec<AdjudicationBody>,
}

/// How far annotators agree, and how good each is. A measure is `{"value": n}`, or `{"undefined": reason}`.
#[derive(ToSchema)]
#[schema(as = LabelAgreement)]
pub(crate) struct AgreementBody {
    /// Tasks that two or more annotators labelled.
    tasks: u64,
    annotations: u64,
    /// Of a choice.
    krippendorff_alpha: Option<Value>,
    /// Of a choice, over the tasks with as many annotations as the overlap says, without gold questions.
    fleiss_kappa: Option<Value>,
    /// Of parts of texts: the F1 of pairs of annotators.
    span_f1: Option<Value>,
    annotators: Vec<AnnotatorBody>,
}

/// How good an annotator is.
#[derive(ToSchema)]
#[schema(as = LabelAnnotator)]
struct AnnotatorBody {
    annotator: String,
    annotations: u64,
    gold_answered: u64,
    gold_correct: u64,
    gold_accuracy: Option<f64>,
    /// The probability of a right answer, as Dawid and Skene estimate it.
    accuracy: Option<f64>,
    /// What an answer tells of the true label, 0 to 1.
    information: Option<f64>,
}

/// The label of a task.
#[derive(ToSchema)]
#[schema(as = LabelResult)]
pub(crate) struct DecidedBody {
    task: String,
    position: u64,
    state: String,
    /// `{"choice": LABEL}` or `{"spans": […]}`; null where nothing decides.
    label: Option<Value>,
    /// `gold`, `adjudication`, `majority`, `weighted-vote`, `dawid-skene`, `function`, `model`, `label-model` or
    /// `undecided`.
    method: String,
    confidence: Option<f64>,
    guideline: u32,
    /// The judge, the plugin or the model.
    by: Option<String>,
    at: Option<String>,
    votes: u64,
    /// Where votes decide nothing: what is as likely as each other.
    tied: Option<Vec<String>>,
}

/// How far a model can be trusted, measured on tasks whose label is known.
#[derive(ToSchema)]
#[schema(as = LabelTrust)]
pub(crate) struct TrustBody {
    #[schema(example = "minilm@1.0.0")]
    model: String,
    /// Predicted tasks whose label is known.
    known: u64,
    precision: f64,
    /// The lowest confidence from which on it is so often right, 19 times of 20: `threshold`, `labelled`, `correct`,
    /// `precision`, `at_least`, `coverage`.
    threshold: Option<Value>,
    /// The same for each label.
    labels: Value,
    /// What other thresholds would come to.
    thresholds: Vec<Value>,
    /// Predicted tasks that are open.
    open: u64,
    /// How many of them the threshold would label.
    labelled: u64,
}

/// What a model shall predict.
#[derive(ToSchema)]
#[schema(as = LabelPredict)]
pub(crate) struct PredictBody {
    #[schema(example = "minilm")]
    model: String,
    /// A list, or an object with example texts of each. Default: a classifier's own; for an embedding model those of the
    /// project. Where parts of texts are labelled, an object says which kinds of the model stand for a label:
    /// `{"person": ["GIVEN_NAME", "SURNAME"]}`; without it, kinds that are labels of the project are taken.
    #[schema(example = json!({"billing": ["I was charged twice"], "bug": ["It crashes"]}))]
    labels: Option<Value>,
    /// `margin`, `entropy` or `least-confidence`: what annotators get first; null leaves the order as it is.
    #[schema(default = "margin")]
    order: Option<String>,
    /// The position after which to begin.
    after: Option<u64>,
    /// How many tasks to look at in this call, at most 10,000.
    #[schema(default = 1000)]
    limit: Option<usize>,
}

/// What a model has predicted.
#[derive(ToSchema)]
#[schema(as = LabelPredicted)]
pub(crate) struct PredictedBody {
    model: String,
    digest: String,
    predicted: u64,
    ranked: u64,
    without_text: u64,
    /// The position after which the next call goes on; null at the end.
    next: Option<u64>,
}

/// Which labelling functions shall vote.
#[derive(ToSchema)]
#[schema(as = LabelWeakGiven)]
pub(crate) struct WeakGivenBody {
    /// Deployed functions of the kind `labeller`.
    #[schema(example = json!(["labeller"]))]
    functions: Vec<String>,
    /// `margin`, `entropy` or `least-confidence`: what annotators get first; null leaves the order as it is.
    #[schema(default = "margin")]
    order: Option<String>,
    /// How frequent the labels are: `uniform`, `estimated`, or the share of each.
    #[schema(default = "uniform", example = json!({"billing": 0.3, "bug": 0.7}))]
    balance: Option<Value>,
}

/// What labelling functions came to.
#[derive(ToSchema)]
#[schema(as = LabelWeak)]
pub(crate) struct WeakBody {
    /// The source of the predictions: `weak:` and the names of the labellers.
    #[schema(example = "weak:labeller")]
    source: String,
    labellers: Vec<LabellerUsedBody>,
    functions: Vec<LabellingFunctionBody>,
    /// Tasks that were voted on.
    tasks: u64,
    without_text: u64,
    /// Tasks that have a prediction now.
    predicted: u64,
    /// Tasks on which every function abstains.
    abstained: u64,
    /// Tasks on which several labels are as likely.
    tied: u64,
    ranked: u64,
    /// Predicted tasks whose label is known.
    checked: u64,
    correct: u64,
    /// How frequent each label is taken to be.
    balance: Value,
    iterations: u64,
    converged: bool,
}

/// A labeller that was asked.
#[derive(ToSchema)]
#[schema(as = LabellerUsed)]
struct LabellerUsedBody {
    function: String,
    #[schema(example = "labeller@0.1.0")]
    plugin: String,
    digest: String,
}

/// How one labelling function does.
#[derive(ToSchema)]
#[schema(as = LabellingFunction)]
struct LabellingFunctionBody {
    #[schema(example = "labeller/refund-words")]
    function: String,
    /// The labels that it voted for.
    labels: Vec<String>,
    /// The share of tasks that it votes on.
    coverage: f64,
    /// Those that another votes on as well.
    overlap: f64,
    /// Those that it votes on and whose votes differ.
    conflict: f64,
    /// The probability that a vote of it is right, estimated without any known label; null where no other votes with it.
    estimated_accuracy: Option<f64>,
    /// Its votes on tasks whose label is known.
    checked: u64,
    correct: u64,
    accuracy: Option<f64>,
}

/// What became of a file of Label Studio.
#[derive(ToSchema)]
#[schema(as = LabelImported)]
pub(crate) struct ImportedBody {
    tasks: u64,
    annotations: u64,
    predictions: u64,
    adjudications: u64,
    /// Tasks and annotations that the project had.
    present: u64,
    /// Spans whose offsets were UTF-16 units.
    converted: u64,
    /// Spans that quote other words than stand at their place.
    misquoted: u64,
    /// What was not taken: `index` in the file and `reason`.
    rejected: Vec<Value>,
}

/// The snapshot to make.
#[derive(ToSchema)]
#[schema(as = LabelSnapshotGiven)]
pub(crate) struct SnapshotGivenBody {
    /// The dataset that gets the next snapshot.
    #[schema(example = "messages-labelled")]
    output: String,
    /// `method` (`majority`, `weighted-vote`, `dawid-skene`, `function:NAME`), `partial`, and `auto` with `model`, and `threshold` or
    /// `precision`.
    #[schema(example = json!({"method": "dawid-skene", "auto": {"precision": 0.9}}))]
    decide: Option<Value>,
    /// The field that gets the label: `label`, and `entities` for parts of texts, where nothing else is said.
    label_field: Option<String>,
    /// Whether that field of a row may be replaced.
    overwrite: Option<bool>,
    /// Whether rows without a label go out as well.
    undecided: Option<bool>,
}
