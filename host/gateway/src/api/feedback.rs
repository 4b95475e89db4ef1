//! Feedback: taken in through an anonymizer, read, understood by a function.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::LOCATION;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_data::Format;
use steward_data::feedback::{
    AnalyseGiven, ExperimentGiven, FeedbackGiven, InterviewGiven, PreferencesGiven, ScoreGiven,
    Source, Taken,
};
use steward_registry::Name;
use steward_registry::feedback::{ErasedFeedback, FeedbackFilter, FeedbackRecord};
use utoipa::{IntoParams, ToSchema};

use crate::api::datasets::SnapshotBody;
use crate::auth::{Caller, Publish, Read, Use};
use crate::extract::{InPath, InQuery, JsonBody, RawBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// Where feedback is.
const PATH: &str = "/api/v1/feedback";

/// Whether a request may be as large, and may take as long, as an upload.
pub(crate) fn takes_its_time(method: &str, path: &str) -> bool {
    let what = path.strip_prefix(PATH);
    method == "POST"
        && what.is_some_and(|what| {
            [
                "",
                "/imports",
                "/interviews",
                "/analyses",
                "/scores",
                "/snapshots",
                "/experiments",
                "/funnels",
                "/retentions",
                "/paths",
            ]
            .contains(&what)
        })
}

/// One piece of feedback. At least one of text, rating, liked and correction says something.
#[derive(ToSchema)]
#[schema(as = FeedbackIncoming)]
#[allow(dead_code, reason = "it describes what the crate of feedback reads")]
pub(crate) struct IncomingBody {
    /// The name that its sender has for it: the same again is the same feedback.
    id: Option<String>,
    #[schema(example = "导出太慢了")]
    text: Option<String>,
    /// Which survey it answers.
    survey: Option<String>,
    /// Who said it, by an opaque name; one in which the anonymizer finds something is refused.
    #[schema(example = "r-17")]
    respondent: Option<String>,
    /// On the scale of its survey. Where that is set as one, another rating is not taken.
    rating: Option<f64>,
    /// Thumbs up or down.
    liked: Option<bool>,
    /// What a model was asked.
    prompt: Option<String>,
    /// What it answered.
    completion: Option<String>,
    /// What it should have answered.
    correction: Option<String>,
    /// The call that it is about: the header `steward-invocation-id` of its answer.
    invocation: Option<String>,
    /// The trace of that call, or of the run of a workflow: the id in its `traceparent`. It stands for the call where that is
    /// not named.
    #[schema(example = "0af7651916cd43dd8448eb211c80319c")]
    trace: Option<String>,
    /// The function that it is about, `name` or `name@version`. With the call, its version is found.
    function: Option<String>,
    /// The model that it is about, `name` or `name@version`. With the call, the version that answered is found, and the name
    /// too where one model answered.
    model: Option<String>,
    /// When it was said, in milliseconds since 1970; none: now.
    at: Option<i64>,
}

/// Feedback to take in.
#[derive(ToSchema)]
#[schema(as = FeedbackGiven)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct GivenBody {
    /// The deployed anonymizer that it goes through first.
    #[schema(default = "anonymizer")]
    anonymizer: Option<String>,
    /// At most 10,000.
    feedback: Vec<IncomingBody>,
}

/// The note of an interview.
#[derive(ToSchema)]
#[schema(as = FeedbackInterview)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct InterviewBody {
    /// The deployed anonymizer that it goes through first.
    #[schema(default = "anonymizer")]
    anonymizer: Option<String>,
    /// Its paragraphs, items of lists and quotations are one piece of feedback each.
    #[schema(example = "- 导出太慢了\n- prices are fair")]
    note: String,
    /// Who was asked, by an opaque name.
    respondent: Option<String>,
    /// The function that it is about.
    function: Option<String>,
    /// The model that it is about.
    model: Option<String>,
    /// When it was, in milliseconds since 1970; none: now.
    at: Option<i64>,
}

/// What became of feedback.
#[derive(ToSchema)]
#[schema(as = FeedbackTaken)]
#[allow(dead_code, reason = "it describes what the crate of data says")]
pub(crate) struct TakenBody {
    added: u64,
    /// How much was there before, by its id.
    present: u64,
    rejected: u64,
    /// Why, for the first hundred: `place` and `reason`.
    reasons: Vec<Value>,
    /// The ids of all that is kept, in order.
    ids: Vec<String>,
    /// The plugin that treated it, as `anonymizer@0.1.0`.
    anonymizer: String,
}

/// Feedback that is kept.
#[derive(ToSchema)]
#[schema(as = Feedback)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct FeedbackBody {
    /// 1, 2, 3 … in the tenant.
    number: u64,
    id: String,
    /// `api`, `survey`, `import` or `interview`.
    source: String,
    survey: Option<String>,
    respondent: Option<String>,
    function: Option<String>,
    model: Option<String>,
    /// The call that caused it.
    invocation: Option<String>,
    /// Its trace, as 32 hexadecimal digits.
    trace: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    said_at: Timestamp,
    /// `text`, `rating`, `liked`, `prompt`, `completion`, `correction`, as the anonymizer left them.
    #[schema(value_type = Object)]
    said: Value,
    /// `function`, `plugin` and `digest` of what treated it.
    #[schema(value_type = Object)]
    anonymizer: Value,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    created_by: String,
}

/// Feedback in the order in which it came.
#[derive(Serialize, ToSchema)]
pub(crate) struct FeedbackPage {
    #[schema(value_type = Vec<FeedbackBody>)]
    feedback: Vec<FeedbackRecord>,
    /// What to send as `after` for what follows.
    next: u64,
}

/// Which feedback.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FeedbackQuery {
    /// Of this survey.
    survey: Option<String>,
    /// About this function, `name` or `name@version`.
    function: Option<String>,
    /// About this model, `name` or `name@version`.
    model: Option<String>,
    /// `api`, `survey`, `import` or `interview`.
    #[param(value_type = Option<String>)]
    source: Option<Source>,
    /// Said then (RFC 3339) or later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Said before.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Behind this number: `next` of the page before.
    #[serde(default)]
    after: u64,
    /// Newest first; `after` then means what is before it.
    #[serde(default)]
    newest: bool,
    /// At most so many; no more than 1000, and no more than 16 MiB of what was said, are answered.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: usize,
}

fn default_limit() -> usize {
    100
}

/// Which file it is.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileGiven {
    /// The deployed anonymizer that it goes through first.
    #[serde(default = "default_anonymizer")]
    #[param(default = "anonymizer")]
    anonymizer: String,
    /// `jsonl` or `csv`; found out where it is not said.
    #[param(value_type = Option<String>)]
    format: Option<Format>,
}

fn default_anonymizer() -> String {
    "anonymizer".into()
}

/// Which feedback; what is not named does not narrow it.
#[derive(Deserialize, ToSchema)]
#[schema(as = FeedbackWhich)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct WhichBody {
    /// Of this survey.
    survey: Option<String>,
    /// About this function, `name` or `name@version`.
    about: Option<String>,
    /// About this model, `name` or `name@version`.
    model: Option<String>,
    /// `api`, `survey`, `import` or `interview`.
    source: Option<String>,
    /// Said then or later.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Said before.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// What is to be understood.
#[derive(Deserialize, ToSchema)]
#[schema(as = FeedbackAnalyse)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct AnalyseBody {
    /// The deployed function of the world `feedback` that reads it.
    #[schema(default = "feedback")]
    function: Option<String>,
    #[serde(flatten)]
    which: WhichBody,
    /// Whether texts are grouped as well; the function needs an embedding model.
    #[schema(default = false)]
    themes: Option<bool>,
}

/// The number of a survey.
#[derive(ToSchema)]
#[schema(as = FeedbackScore)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct ScoreBody {
    /// The deployed function of the world `feedback` that computes it.
    #[schema(default = "feedback")]
    function: Option<String>,
    #[schema(example = "nps-2026")]
    survey: String,
    /// `nps`, `csat` or `ces`.
    #[schema(example = "nps")]
    metric: String,
    /// `last`, `first` or `none` of a respondent's answers counts.
    #[schema(default = "last")]
    twice: Option<String>,
    /// Fewer answers give no number.
    #[schema(default = 30)]
    minimum: Option<u32>,
    #[schema(default = 0.95)]
    confidence: Option<f64>,
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// One arm of an experiment.
#[derive(ToSchema)]
#[schema(as = FeedbackArm)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct ArmBody {
    /// A version of a model or of a function.
    #[schema(example = "intents@1.1.0")]
    name: String,
    /// The part of the traffic that it was to get, in any unit.
    #[schema(default = 1.0)]
    weight: Option<f64>,
}

/// Versions to compare by what people said of their answers.
#[derive(Deserialize, ToSchema)]
#[schema(as = FeedbackExperiment)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct ExperimentBody {
    /// The deployed function of the world `feedback` that compares them.
    #[schema(default = "feedback")]
    function: Option<String>,
    /// The control first.
    #[schema(value_type = Vec<ArmBody>)]
    arms: Vec<Value>,
    /// What they are versions of: `model` or `function`.
    #[schema(default = "model")]
    of: Option<String>,
    /// `right`: the share of answers that were liked and corrected by nobody; `rating`: the mean rating.
    #[schema(default = "right")]
    value: Option<String>,
    /// The level of tests and intervals.
    #[schema(default = 0.05)]
    alpha: Option<f64>,
    /// At about how many users the sequential test is sharpest.
    #[schema(default = 5000.0)]
    sequential_tuning: Option<f64>,
    #[serde(flatten)]
    which: WhichBody,
}

/// An arm, as people judged it.
#[derive(ToSchema)]
#[schema(as = FeedbackArmJudged)]
#[allow(dead_code, reason = "it describes what the crate of data says")]
pub(crate) struct ArmJudgedBody {
    name: String,
    /// People who said something of its answers, each once.
    users: u64,
    /// Answers that they judged.
    judged: u64,
    /// The mean over people; none without people.
    mean: Option<f64>,
}

/// What an experiment says.
#[derive(ToSchema)]
#[schema(as = FeedbackExperimentResult)]
#[allow(dead_code, reason = "it describes what the crate of data says")]
pub(crate) struct ExperimentSaid {
    function: String,
    value: String,
    arms: Vec<ArmJudgedBody>,
    /// People who met several arms, and so are in none.
    crossed: u64,
    /// Feedback without a respondent, which counts for nobody.
    nameless: u64,
    /// What the function says: `sample_ratio_p_value`, `sample_ratio_mismatch`, and `comparisons` of each arm with the first.
    #[schema(value_type = Object)]
    result: Value,
}

/// Preference rows to make.
#[derive(Deserialize, ToSchema)]
#[schema(as = FeedbackPreferences)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct PreferencesBody {
    /// The dataset that gets the next snapshot.
    #[schema(example = "preferences")]
    output: String,
    /// The deployed function of the world `feedback` that makes the rows of TRL.
    #[schema(default = "feedback")]
    function: Option<String>,
    /// `standard`, `conversational` or `unpaired`, as TRL has them; or `labels`: texts with the labels that people gave to them,
    /// to train a classifier with.
    #[schema(default = "standard")]
    format: Option<String>,
    /// With `labels`: the rows of this snapshot come first, without those that feedback calls otherwise.
    #[schema(example = "intents@1")]
    with: Option<String>,
    /// With `labels`: the names of the fields `text` and `label`.
    #[schema(value_type = Option<Object>)]
    fields: Option<Value>,
    #[serde(flatten)]
    which: WhichBody,
}

/// How much was removed.
#[derive(ToSchema)]
#[schema(as = FeedbackErased)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct ErasedBody {
    /// Pieces of feedback.
    erased: u64,
    /// How often surveys had asked them.
    asked: u64,
}

/// Take in feedback.
///
/// Everything that somebody wrote goes through the anonymizer first. Where that fails, nothing is kept.
#[utoipa::path(post, path = "/api/v1/feedback", tag = "feedback", security(("key" = ["invoke"])),
    operation_id = "take_feedback",
    request_body = GivenBody,
    responses(
        (status = 200, description = "What became of it", body = TakenBody),
        (status = 404, description = "There is no such anonymizer"),
        (status = 422, description = "It is too much, or the anonymizer refused it: nothing was kept"),
        (status = 502, description = "The anonymizer failed: nothing was kept"),
    ))]
pub(crate) async fn take(
    caller: Caller<Use>,
    State(gateway): State<Shared>,
    JsonBody(given): JsonBody<FeedbackGiven>,
) -> Result<Json<Taken>, Problem> {
    let taken = gateway.feedback.take(caller.tenant(), given, caller.id());
    Ok(Json(taken.await?))
}

/// Take in a file of feedback, JSON Lines or CSV.
///
/// The fields are those of a piece of feedback. A line that is none does not stop the others.
#[utoipa::path(post, path = "/api/v1/feedback/imports", tag = "feedback", security(("key" = ["publish"])),
    operation_id = "import_feedback",
    params(FileGiven),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file"),
    responses(
        (status = 200, description = "What became of it", body = TakenBody),
        (status = 404, description = "There is no such anonymizer"),
        (status = 422, description = "The file cannot be read, or the anonymizer refused it: nothing was kept"),
        (status = 502, description = "The anonymizer failed: nothing was kept"),
    ))]
pub(crate) async fn import(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InQuery(about): InQuery<FileGiven>,
    RawBody(file): RawBody,
) -> Result<Json<Taken>, Problem> {
    let anonymizer: Name = about.anonymizer.parse()?;
    let (tenant, format) = (caller.tenant(), about.format);
    let taken = gateway
        .feedback
        .import(tenant, &anonymizer, file.into(), format, caller.id());
    Ok(Json(taken.await?))
}

/// Take in the note of an interview.
///
/// Its paragraphs, items of lists and quotations are one piece of feedback each.
#[utoipa::path(post, path = "/api/v1/feedback/interviews", tag = "feedback", security(("key" = ["publish"])),
    operation_id = "take_interview",
    request_body = InterviewBody,
    responses(
        (status = 200, description = "What became of it", body = TakenBody),
        (status = 404, description = "There is no such anonymizer"),
        (status = 422, description = "It has no remark, or the anonymizer refused it: nothing was kept"),
        (status = 502, description = "The anonymizer failed: nothing was kept"),
    ))]
pub(crate) async fn interview(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    JsonBody(given): JsonBody<InterviewGiven>,
) -> Result<Json<Taken>, Problem> {
    let taken = gateway
        .feedback
        .take_interview(caller.tenant(), given, caller.id());
    Ok(Json(taken.await?))
}

/// List feedback.
#[utoipa::path(get, path = "/api/v1/feedback", tag = "feedback", security(("key" = ["read"])),
    operation_id = "list_feedback",
    params(FeedbackQuery),
    responses((status = 200, description = "In the order in which it came", body = FeedbackPage)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InQuery(query): InQuery<FeedbackQuery>,
) -> Result<Json<FeedbackPage>, Problem> {
    let after = query.after;
    let filter = FeedbackFilter {
        survey: query.survey,
        function: query.function,
        model: query.model,
        source: query.source.map(|source| source.as_str().to_owned()),
        since: query.since,
        until: query.until,
        after,
        backwards: query.newest,
    };
    let limit = query.limit.clamp(1, 1000);
    let feedback = gateway
        .feedback
        .list(caller.tenant(), &filter, limit)
        .await?;
    Ok(Json(FeedbackPage {
        next: feedback.last().map_or(after, |one| one.number),
        feedback,
    }))
}

/// Understand feedback: language, sentiment, topics, and themes.
#[utoipa::path(post, path = "/api/v1/feedback/analyses", tag = "feedback", security(("key" = ["publish"])),
    operation_id = "analyse_feedback",
    request_body = AnalyseBody,
    responses(
        (status = 200, description = "What the function says of each, and how often", body = Value),
        (status = 404, description = "There is no such function"),
        (status = 422, description = "It is too much, or the function answered with an error of its own"),
        (status = 502, description = "The function failed"),
    ))]
pub(crate) async fn analyse(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    JsonBody(given): JsonBody<AnalyseGiven>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(
        gateway.feedback.analyse(caller.tenant(), given).await?,
    ))
}

/// Compute the number of a survey, with its interval.
#[utoipa::path(post, path = "/api/v1/feedback/scores", tag = "feedback", security(("key" = ["publish"])),
    operation_id = "score_survey",
    request_body = ScoreBody,
    responses(
        (status = 200, description = "What the function says of its answers", body = Value),
        (status = 404, description = "There is no such function"),
        (status = 422, description = "The function answered with an error of its own"),
        (status = 502, description = "The function failed"),
    ))]
pub(crate) async fn score(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    JsonBody(given): JsonBody<ScoreGiven>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(gateway.feedback.score(caller.tenant(), given).await?))
}

/// Compare versions of a model or of a function by what people said of their answers.
///
/// Each person counts once, for the version that they met; who met several counts for none.
#[utoipa::path(post, path = "/api/v1/feedback/experiments", tag = "feedback", security(("key" = ["publish"])),
    operation_id = "compare_by_feedback",
    request_body = ExperimentBody,
    responses(
        (status = 200, description = "The arms, and what the function says of them", body = ExperimentSaid),
        (status = 404, description = "There is no such function"),
        (status = 422, description = "The arms are none, or the function refuses them: an arm needs two users"),
        (status = 502, description = "The function failed"),
    ))]
pub(crate) async fn experiment(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    JsonBody(given): JsonBody<ExperimentGiven>,
) -> Result<Json<Value>, Problem> {
    let said = gateway.feedback.experiment(caller.tenant(), given);
    Ok(Json(said.await?))
}

/// Add preference rows, or labelled rows, to a dataset, as its next snapshot.
///
/// Rows are those of TRL, or texts with their labels. The lineage names the feedback, the function, and the models whose answers were judged.
#[utoipa::path(post, path = "/api/v1/feedback/snapshots", tag = "feedback", security(("key" = ["publish"])),
    operation_id = "snapshot_preferences",
    request_body = PreferencesBody,
    responses(
        (status = 201, description = "It is added", body = SnapshotBody),
        (status = 404, description = "There is no such function"),
        (status = 422, description = "Nothing is preferred to anything"),
        (status = 502, description = "The function failed"),
    ))]
pub(crate) async fn snapshot(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    JsonBody(given): JsonBody<PreferencesGiven>,
) -> Result<impl IntoResponse, Problem> {
    let added = gateway
        .feedback
        .preferences(caller.tenant(), given, caller.id());
    let added = added.await?;
    let location = format!("/api/v1/datasets/{}", added.reference());
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(added)))
}

/// Erase all that one respondent said, and that surveys asked them.
#[utoipa::path(delete, path = "/api/v1/feedback/respondents/{name}", tag = "feedback", security(("key" = ["publish"])),
    operation_id = "erase_feedback",
    params(("name" = String, Path, description = "The opaque name of the respondent")),
    responses(
        (status = 200, description = "How much was removed", body = ErasedBody),
        (status = 404, description = "They said nothing and were not asked"),
    ))]
pub(crate) async fn erase(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(respondent): InPath<String>,
) -> Result<Json<ErasedFeedback>, Problem> {
    Ok(Json(
        gateway.feedback.erase(caller.tenant(), &respondent).await?,
    ))
}
