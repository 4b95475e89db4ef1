//! Surveys of feedback: set, asked, told.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use steward_data::feedback::{AskGiven, SurveyAsked, SurveyGiven, SurveyTold};
use steward_registry::Name;
use utoipa::ToSchema;

use crate::auth::{Caller, Publish, Read, Use};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// Whom a survey asks.
#[derive(ToSchema)]
#[schema(as = FeedbackAudience)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct AudienceBody {
    /// JSON Logic over the attributes of somebody, as flags have it; none: everybody.
    #[schema(value_type = Option<Object>, example = json!({"==": [{"var": "plan"}, "paid"]}))]
    rule: Option<Value>,
    /// The share of people that is asked, between 0 and 1. Who is in it stays in it when it grows.
    #[schema(default = 1.0)]
    share: Option<f64>,
    /// For so many milliseconds after any survey asked them, people are left alone: a minute to ten years; none: 30 days.
    #[schema(default = 2_592_000_000_i64)]
    rest_ms: Option<i64>,
}

/// A survey to set.
#[derive(ToSchema)]
#[schema(as = FeedbackSurveyGiven)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct GivenBody {
    /// `nps` (0 to 10), `csat` (1 to 5) or `ces` (1 to 7). It never changes.
    #[schema(example = "nps")]
    metric: String,
    /// 1 to 2,000 characters.
    #[schema(example = "您会把我们推荐给同事吗？")]
    question: String,
    audience: Option<AudienceBody>,
    /// From then on nobody is asked; none: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// A survey, and how far it is.
#[derive(ToSchema)]
#[schema(as = FeedbackSurvey)]
#[allow(dead_code, reason = "it describes what the crate of data says")]
pub(crate) struct SurveyBody {
    name: String,
    metric: String,
    /// The lowest rating of its scale.
    lowest: u32,
    /// The highest.
    highest: u32,
    question: String,
    audience: AudienceBody,
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Whether it asks now.
    open: bool,
    /// How often it asked somebody.
    asked: u64,
    /// How often who was asked has answered.
    answered: u64,
    /// The share of the latter in the former; none where nobody was asked.
    response_rate: Option<f64>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    created_by: String,
}

/// Somebody who may be asked.
#[derive(ToSchema)]
#[schema(as = FeedbackRespondent)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct RespondentBody {
    /// An opaque name; one in which the anonymizer finds something is not asked.
    #[schema(example = "r-17")]
    id: String,
    /// What is known of them, for the rule. It is not kept.
    #[schema(value_type = Option<Object>, example = json!({"plan": "paid"}))]
    attributes: Option<Value>,
}

/// Who may be asked.
#[derive(ToSchema)]
#[schema(as = FeedbackSurveyAsk)]
#[allow(dead_code, reason = "it describes what the crate of data reads")]
pub(crate) struct AskBody {
    /// The deployed anonymizer that looks at their names first.
    #[schema(default = "anonymizer")]
    anonymizer: Option<String>,
    /// At most 1,000.
    respondents: Vec<RespondentBody>,
}

/// Whom to ask.
#[derive(ToSchema)]
#[schema(as = FeedbackSurveyAsked)]
#[allow(dead_code, reason = "it describes what the crate of data says")]
pub(crate) struct AskedBody {
    /// Who is asked now, in the order in which they were named.
    asked: Vec<String>,
    /// How many are not, by the reason: `no_match`, `not_in_share`, `asked_lately`, `personal_data`.
    #[schema(value_type = Object, example = json!({"asked_lately": 1}))]
    skipped: Value,
}

/// What was removed with a survey.
#[derive(Serialize, ToSchema)]
#[schema(as = FeedbackSurveyRemoved)]
pub(crate) struct RemovedBody {
    /// How often it had asked somebody.
    asked: u64,
}

/// List surveys.
#[utoipa::path(get, path = "/api/v1/feedback/surveys", tag = "feedback", security(("key" = ["read"])),
    operation_id = "list_surveys",
    responses((status = 200, description = "By name", body = Vec<SurveyBody>)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<SurveyTold>>, Problem> {
    Ok(Json(gateway.feedback.surveys(caller.tenant()).await?))
}

/// Show a survey: what it asks, how often it asked somebody, and how many of them answered.
#[utoipa::path(get, path = "/api/v1/feedback/surveys/{name}", tag = "feedback", security(("key" = ["read"])),
    operation_id = "show_survey",
    params(("name" = String, Path, description = "Name of the survey")),
    responses((status = 200, description = "The survey", body = SurveyBody)))]
pub(crate) async fn show(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<SurveyTold>, Problem> {
    Ok(Json(gateway.feedback.survey(caller.tenant(), &name).await?))
}

/// Set a survey.
///
/// Feedback that names it as its `survey` answers it: a rating that is not of its scale is not taken. Who was asked before
/// stays asked.
#[utoipa::path(put, path = "/api/v1/feedback/surveys/{name}", tag = "feedback", security(("key" = ["publish"])),
    operation_id = "set_survey",
    params(("name" = String, Path, description = "Name of the survey")),
    request_body = GivenBody,
    responses(
        (status = 200, description = "The survey", body = SurveyBody),
        (status = 409, description = "There is one of this name with another metric"),
        (status = 422, description = "Its rule, its share, its rest or its question is none"),
    ))]
pub(crate) async fn set(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    JsonBody(given): JsonBody<SurveyGiven>,
) -> Result<Json<SurveyTold>, Problem> {
    let feedback = &gateway.feedback;
    let set = feedback.set_survey(caller.tenant(), &name, given, caller.id());
    Ok(Json(set.await?))
}

/// Remove a survey, with whom it asked; what they answered stays as feedback.
#[utoipa::path(delete, path = "/api/v1/feedback/surveys/{name}", tag = "feedback", security(("key" = ["publish"])),
    operation_id = "remove_survey",
    params(("name" = String, Path, description = "Name of the survey")),
    responses((status = 200, description = "What was removed with it", body = RemovedBody)))]
pub(crate) async fn remove(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<RemovedBody>, Problem> {
    let feedback = &gateway.feedback;
    let asked = feedback.remove_survey(caller.tenant(), &name).await?;
    Ok(Json(RemovedBody { asked }))
}

/// Decide whom a survey asks now, and remember that they were asked.
///
/// Its rule and its share decide first; then who was asked lately by any survey is left alone. Of hosts that ask for somebody
/// at the same time one gets them, and who was asked is not asked again by the same request sent again.
#[utoipa::path(post, path = "/api/v1/feedback/surveys/{name}/ask", tag = "feedback", security(("key" = ["invoke"])),
    operation_id = "ask_survey",
    params(("name" = String, Path, description = "Name of the survey")),
    request_body = AskBody,
    responses(
        (status = 200, description = "Whom to ask, and how many not", body = AskedBody),
        (status = 404, description = "There is no such survey, or no such anonymizer"),
        (status = 422, description = "The survey is over, or there are too many, or the anonymizer refused them: nobody is asked"),
        (status = 502, description = "The anonymizer failed: nobody is asked"),
    ))]
pub(crate) async fn ask(
    caller: Caller<Use>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    JsonBody(given): JsonBody<AskGiven>,
) -> Result<Json<SurveyAsked>, Problem> {
    let asked = gateway.feedback.ask_survey(caller.tenant(), &name, given);
    Ok(Json(asked.await?))
}
