//! What was said comes to labels; models label beforehand.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use steward_data::labelling::{
    Agreement, AutoGiven, ByVotes, DecideGiven, Decided, PredictGiven, Predicted, Trust, Weak,
    WeakGiven,
};
use steward_registry::Name;
use utoipa::{IntoParams, ToSchema};

use super::bodies::{
    AgreementBody, DecidedBody, PredictBody, PredictedBody, TrustBody, WeakBody, WeakGivenBody,
};
use crate::auth::{Caller, Publish, Read};
use crate::extract::{InPath, InQuery, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// How labels are decided, and which of them are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// `majority`, `weighted-vote` (by gold questions), `dawid-skene`, or `function:NAME` (a deployed labeller).
    #[serde(default)]
    #[param(value_type = Option<String>)]
    method: ByVotes,
    /// Whether votes decide before there are as many as the overlap says.
    #[serde(default)]
    partial: bool,
    /// The model that decides what people have not, where several have predicted.
    auto_model: Option<String>,
    /// From which confidence on it does.
    auto_threshold: Option<f64>,
    /// Instead: how often it shall be right at least, measured on tasks whose label is known.
    auto_precision: Option<f64>,
    /// The position after which the page begins.
    #[serde(default)]
    after: u64,
    /// How many there are on it: 1,000 where nothing is said, at most 10,000.
    limit: Option<usize>,
}

/// How labels are decided, as a query says it.
pub(crate) fn decide(
    method: ByVotes,
    partial: bool,
    model: Option<String>,
    threshold: Option<f64>,
    precision: Option<f64>,
) -> DecideGiven {
    let auto = AutoGiven {
        model,
        threshold,
        precision,
    };
    DecideGiven {
        method,
        partial,
        auto: (auto != AutoGiven::default()).then_some(auto),
    }
}

/// A page of labels.
#[derive(Serialize, ToSchema)]
pub(crate) struct LabelResults {
    #[schema(value_type = Vec<DecidedBody>)]
    results: Vec<Decided>,
    /// The position after which the next page begins; null at the end.
    next: Option<u64>,
}

/// Whom to trust, and how far.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// The model, as `minilm@1.0.0`; may be left out where one alone has predicted.
    model: Option<String>,
    /// How often it shall be right at least: 0.95 where nothing is said.
    precision: Option<f64>,
}

/// Show how far annotators agree, and how good each is.
#[utoipa::path(get, path = "/api/v1/labelling/{project}/agreement", tag = "labelling", security(("key" = ["read"])),
    params(("project" = String, Path, description = "Name of the project")),
    responses((status = 200, description = "Measures and annotators", body = AgreementBody)))]
pub(crate) async fn agreement(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
) -> Result<Json<Agreement>, Problem> {
    let labelling = &gateway.labelling;
    Ok(Json(labelling.agreement(caller.tenant(), &project).await?))
}

/// Show the labels that tasks have.
///
/// What is known before holds, then what a judge decided, then the votes, then the model, where one is asked for.
#[utoipa::path(get, path = "/api/v1/labelling/{project}/results", tag = "labelling", security(("key" = ["read"])),
    params(("project" = String, Path, description = "Name of the project"), Wanted),
    responses(
        (status = 200, description = "In the order in which tasks were added", body = LabelResults),
        (status = 422, description = "There are no predictions, or what is known does not show that they are so often right"),
    ))]
pub(crate) async fn results(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
    InQuery(wanted): InQuery<Wanted>,
) -> Result<Json<LabelResults>, Problem> {
    let (labelling, tenant) = (&gateway.labelling, caller.tenant());
    let limit = wanted.limit.unwrap_or(1_000).clamp(1, 10_000);
    // One more tells whether there is a next page.
    let decide = decide(
        wanted.method,
        wanted.partial,
        wanted.auto_model,
        wanted.auto_threshold,
        wanted.auto_precision,
    );
    let found = labelling.results(tenant, &project, decide, wanted.after, limit + 1);
    let mut results = found.await?;
    let more = results.len() > limit;
    results.truncate(limit);
    let last = results.last().map(|decided| decided.position);
    Ok(Json(LabelResults {
        next: last.filter(|_| more),
        results,
    }))
}

/// Let a model predict labels, a page of tasks at a time, and put the open ones in an order.
///
/// Tasks whose label is known are predicted as well: the model is measured by them.
#[utoipa::path(post, path = "/api/v1/labelling/{project}/predictions", tag = "labelling", security(("key" = ["publish"])),
    params(("project" = String, Path, description = "Name of the project")),
    request_body = PredictBody,
    responses(
        (status = 200, description = "What it did, and where the next call goes on", body = PredictedBody),
        (status = 422, description = "The model does not label texts, or would give labels that are none of the project's"),
        (status = 503, description = "The model cannot run now"),
    ))]
pub(crate) async fn predict(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
    JsonBody(given): JsonBody<PredictGiven>,
) -> Result<Json<Predicted>, Problem> {
    let labelling = &gateway.labelling;
    let predicted = labelling.predict(caller.tenant(), &project, &given);
    Ok(Json(predicted.await?))
}

/// Let labelling functions vote on every task, and a model of them predict labels.
///
/// The functions of the named labellers are asked about all tasks with a text. How good each is follows from where they
/// agree; nothing needs to be known. Tasks whose label is known show how good they are indeed. The predictions are kept
/// under one source, which `results` and `trust` take as the model, each with who voted for what.
#[utoipa::path(post, path = "/api/v1/labelling/{project}/weak", tag = "labelling", security(("key" = ["publish"])),
    operation_id = "label_by_functions",
    params(("project" = String, Path, description = "Name of the project")),
    request_body = WeakGivenBody,
    responses(
        (status = 200, description = "What it came to", body = WeakBody),
        (status = 422, description = "A labelling function votes for a label that is none of the project's, none votes on any task, or a labeller is wrongly configured"),
        (status = 502, description = "A labeller failed or broke its contract"),
        (status = 503, description = "A model that a labeller asks cannot run now"),
    ))]
pub(crate) async fn weak(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
    JsonBody(given): JsonBody<WeakGiven>,
) -> Result<Json<Weak>, Problem> {
    let labelling = &gateway.labelling;
    let done = labelling.weak(caller.tenant(), &project, &given);
    Ok(Json(done.await?))
}

/// Show from which confidence on a model's predictions can be trusted.
#[utoipa::path(get, path = "/api/v1/labelling/{project}/trust", tag = "labelling", security(("key" = ["read"])),
    params(("project" = String, Path, description = "Name of the project"), Asked),
    responses(
        (status = 200, description = "Thresholds, measured on tasks whose label is known", body = TrustBody),
        (status = 422, description = "There are no predictions of this model"),
    ))]
pub(crate) async fn trust(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
    InQuery(asked): InQuery<Asked>,
) -> Result<Json<Trust>, Problem> {
    let (labelling, tenant) = (&gateway.labelling, caller.tenant());
    let precision = asked.precision.unwrap_or(0.95);
    let trust = labelling.trust(tenant, &project, asked.model.as_deref(), precision);
    Ok(Json(trust.await?))
}
