//! Which versions of a model answer, and how they do.

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use http::header::{ETAG, HeaderName, HeaderValue, IF_MATCH};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_models::DeploymentStatus;
use steward_registry::{
    ModelDeployment, ModelDeploymentSpec, ModelGate, ModelShare, ModelTarget, Name,
};
use utoipa::ToSchema;

use crate::auth::{Caller, Publish, Read};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// Weights that can answer: a version, or one of its variants.
#[derive(ToSchema)]
#[schema(as = ModelTarget)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct TargetBody {
    #[schema(example = "1.0.0")]
    version: String,
    /// None is the version as it was pushed.
    #[schema(example = "int8")]
    variant: Option<String>,
}

/// Weights that get a share of the calls.
#[derive(ToSchema)]
#[schema(as = ModelShare)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct ShareBody {
    #[schema(example = "1.1.0")]
    version: String,
    /// None is the version as it was pushed.
    variant: Option<String>,
    #[schema(minimum = 1, maximum = 100, example = 10)]
    percent: u8,
}

/// What weights must have been measured at before they may answer.
#[derive(ToSchema)]
#[schema(as = ModelGate)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct GateBody {
    /// A number of an evaluation, as `accuracy` or `accuracy[lang=zh]`, or of how a variant was made:
    /// `similarity_mean`, `similarity_min`, `same_label`, `speedup`, `size_ratio`.
    #[schema(example = "accuracy")]
    metric: String,
    /// The dataset that it must be measured on; none is whichever it was measured on last.
    dataset: Option<String>,
    min: Option<f64>,
    max: Option<f64>,
}

/// The bounds over which weights on trial are rolled back. What is left out has its default; `null`
/// switches a bound off.
#[derive(ToSchema)]
#[schema(as = RollbackBounds)]
#[allow(dead_code, reason = "it describes the bounds of the monitor")]
pub(crate) struct BoundsBody {
    /// The largest share of calls that may fail.
    #[schema(default = 0.05)]
    max_error_rate: Option<f64>,
    /// How many times the error rate of the stable version it may have.
    #[schema(default = 2.0)]
    max_error_ratio: Option<f64>,
    /// An error rate that `max_error_ratio` never holds against it.
    #[schema(default = 0.001)]
    tolerated_error_rate: Option<f64>,
    /// How many calls in a row may not all fail.
    #[schema(default = 20)]
    max_consecutive_errors: Option<u32>,
    /// How many times as long as the stable version it may typically take.
    #[schema(default = 2.0)]
    max_latency_ratio: Option<f64>,
    /// How many times the 99th percentile of the stable version it may have.
    #[schema(default = 3.0)]
    max_p99_ratio: Option<f64>,
    /// A latency, in milliseconds, that the two ratios never hold against it.
    #[schema(default = 5.0)]
    tolerated_latency_ms: Option<f64>,
    /// The longest 99th percentile, in milliseconds.
    max_p99_ms: Option<f64>,
    /// The largest population stability index of its scores against those of the stable version.
    #[schema(default = 0.25)]
    max_psi: Option<f64>,
    /// The largest share of shadow calls that it may answer otherwise than the stable version.
    #[schema(default = 0.2)]
    max_disagreement: Option<f64>,
    /// Calls within the window before any verdict but that over `max_consecutive_errors`.
    #[schema(default = 100)]
    min_calls: Option<u64>,
    /// How long a call counts.
    #[schema(default = 300)]
    window_seconds: Option<u64>,
}

/// Which versions answer the calls that name none.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeployModel {
    /// What answers.
    #[schema(value_type = TargetBody)]
    pub stable: ModelTarget,
    /// What answers a share of the calls, on trial.
    #[serde(default)]
    #[schema(value_type = Option<ShareBody>)]
    pub candidate: Option<ModelShare>,
    /// What computes a share of the calls again, to be compared; nobody gets its answers.
    #[serde(default)]
    #[schema(value_type = Option<ShareBody>)]
    pub shadow: Option<ModelShare>,
    /// Whether calls with the same `Steward-Sticky-Key` always get the same version.
    #[serde(default)]
    pub sticky: bool,
    /// What is new must pass these before it answers.
    #[serde(default)]
    #[schema(value_type = Vec<GateBody>, max_items = 64)]
    pub gates: Vec<ModelGate>,
    #[serde(default)]
    #[schema(value_type = Option<BoundsBody>)]
    pub rollback: Option<Value>,
    /// Why, in a sentence.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub reason: String,
    /// The revision that was seen, 0 for none; where another came between, nothing is changed. The
    /// header `If-Match` with the `ETag` of the deployment says the same.
    #[serde(default)]
    pub after: Option<u32>,
}

/// Why, and what was seen.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeModel {
    /// Why, in a sentence.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub reason: String,
    /// The revision that was seen; where another came between, nothing is changed. The header
    /// `If-Match` with the `ETag` of the deployment says the same.
    #[serde(default)]
    pub after: Option<u32>,
}

/// One revision of the deployment of a model.
#[derive(ToSchema)]
#[schema(as = ModelDeployment)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct DeploymentBody {
    #[schema(example = "default")]
    tenant: String,
    /// The model.
    #[schema(example = "minilm")]
    name: String,
    /// 1, 2, 3 … within the model.
    revision: u32,
    spec: SpecBody,
    /// Why, in a sentence.
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Id of the key that deployed it, or `steward` where a host rolled back by itself.
    created_by: String,
}

/// What a revision deploys.
#[derive(ToSchema)]
#[schema(as = ModelDeploymentSpec)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct SpecBody {
    stable: TargetBody,
    candidate: Option<ShareBody>,
    shadow: Option<ShareBody>,
    sticky: bool,
    gates: Option<Vec<GateBody>>,
    rollback: Option<BoundsBody>,
}

/// A deployed model on the host that answers, since it was started.
#[derive(ToSchema)]
#[schema(as = ModelStatus)]
#[allow(dead_code, reason = "it describes a record of the models crate")]
pub(crate) struct StatusBody {
    /// The current revision.
    deployment: DeploymentBody,
    /// The revision that this host serves: an earlier one while a new stable version is loaded.
    serving: u32,
    /// What answers: version, `loaded`, `load_error`, `calls`, `errors`, `refused`, `mean_ms`,
    /// `p50_ms`, `p99_ms`, `reference_needs` (texts until it is known what is normal), `drift`.
    stable: Value,
    /// The same of the candidate, with `percent`, `comparison` (with the answers of the stable version)
    /// and `guard`: `verdict` (`keep`, `undecided`, `roll-back`), `needs` (calls until there is one),
    /// `reason`, `bounds`, and the figures of both sides.
    candidate: Option<Value>,
    /// The same of the shadow.
    shadow: Option<Value>,
    /// How often this host rolled back by itself.
    rollbacks: u64,
    /// The last revision by which a host rolled back by itself.
    last_rollback: Option<DeploymentBody>,
}

/// A deployment with its entity tag.
type Tagged = ([(HeaderName, HeaderValue); 1], Json<ModelDeployment>);

fn tagged(deployment: ModelDeployment) -> Tagged {
    // A number in quotes has no character that a header may not have.
    let tag = HeaderValue::from_str(&format!("\"{}\"", deployment.revision));
    let tag = tag.unwrap_or(HeaderValue::from_static("*"));
    ([(ETAG, tag)], Json(deployment))
}

/// The revision that a client has seen, by the body or by `If-Match`.
fn seen(headers: &HeaderMap, after: Option<u32>) -> Result<Option<u32>, Problem> {
    let Some(tag) = headers.get(IF_MATCH) else {
        return Ok(after);
    };
    let text = tag.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(after);
    }
    let revision = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    match revision.and_then(|revision| revision.parse().ok()) {
        Some(revision) => Ok(Some(revision)),
        None => Err(Problem::new(
            &codes::DEPLOYMENT_CHANGED,
            "`If-Match` is not the `ETag` of a revision of the deployment",
        )),
    }
}

/// Show the deployment of a model.
#[utoipa::path(get, path = "/api/v1/models/{name}/deployment", tag = "models", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the model")),
    responses((status = 200, description = "Its current revision; `ETag` is the number", body = DeploymentBody)))]
pub(crate) async fn show(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Tagged, Problem> {
    let deployment = gateway.models.deployment(caller.tenant(), &name).await?;
    Ok(tagged(deployment))
}

/// Show every revision of the deployment of a model.
#[utoipa::path(get, path = "/api/v1/models/{name}/deployments", tag = "models", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the model")),
    responses((status = 200, description = "Newest first", body = Vec<DeploymentBody>)))]
pub(crate) async fn history(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<Vec<ModelDeployment>>, Problem> {
    let revisions = gateway.models.deployments(caller.tenant(), &name).await?;
    Ok(Json(revisions))
}

/// Deploy a model: say which versions answer the calls that name none.
///
/// The answer comes when everything that is deployed is loaded and warm; until then, what was deployed
/// before goes on answering.
#[utoipa::path(put, path = "/api/v1/models/{name}/deployment", tag = "models", security(("key" = ["publish"])),
    params(
        ("name" = String, Path, description = "Name of the model"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the revision that was seen"),
    ),
    request_body = DeployModel,
    responses(
        (status = 200, description = "It is deployed", body = DeploymentBody),
        (status = 412, description = "Another revision came between"),
        (status = 422, description = "A value breaks a rule, a gate is not met, or a file of a model is broken"),
        (status = 503, description = "The model cannot run now"),
    ))]
pub(crate) async fn deploy(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<DeployModel>,
) -> Result<Tagged, Problem> {
    let after = seen(&headers, request.after)?;
    let spec = ModelDeploymentSpec {
        stable: request.stable,
        candidate: request.candidate,
        shadow: request.shadow,
        sticky: request.sticky,
        gates: request.gates,
        rollback: request.rollback,
    };
    let (tenant, reason) = (caller.tenant(), request.reason.as_str());
    let deployed = gateway
        .models
        .deploy(tenant, &name, &spec, reason, after, caller.id())
        .await?;
    Ok(tagged(deployed))
}

/// Make the candidate of a model the stable version.
#[utoipa::path(post, path = "/api/v1/models/{name}/deployment/promote", tag = "models", security(("key" = ["publish"])),
    params(
        ("name" = String, Path, description = "Name of the model"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the revision that was seen"),
    ),
    request_body = ChangeModel,
    responses(
        (status = 200, description = "The new revision", body = DeploymentBody),
        (status = 412, description = "Another revision came between"),
        (status = 422, description = "There is no candidate, or a gate is not met"),
        (status = 503, description = "The model cannot run now"),
    ))]
pub(crate) async fn promote(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<ChangeModel>,
) -> Result<Tagged, Problem> {
    let after = seen(&headers, request.after)?;
    let (tenant, reason) = (caller.tenant(), request.reason.as_str());
    let promoted = gateway
        .models
        .promote(tenant, &name, reason, after, caller.id())
        .await?;
    Ok(tagged(promoted))
}

/// Take the candidate of a model out, or, where there is none, deploy the stable version of before.
#[utoipa::path(post, path = "/api/v1/models/{name}/deployment/rollback", tag = "models", security(("key" = ["publish"])),
    params(
        ("name" = String, Path, description = "Name of the model"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the revision that was seen"),
    ),
    request_body = ChangeModel,
    responses(
        (status = 200, description = "The new revision", body = DeploymentBody),
        (status = 412, description = "Another revision came between"),
        (status = 422, description = "There is nothing to go back to"),
        (status = 503, description = "The model cannot run now"),
    ))]
pub(crate) async fn rollback(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<ChangeModel>,
) -> Result<Tagged, Problem> {
    let after = seen(&headers, request.after)?;
    let (tenant, reason) = (caller.tenant(), request.reason.as_str());
    let back = gateway
        .models
        .roll_back(tenant, &name, reason, after, caller.id())
        .await?;
    Ok(tagged(back))
}

/// Show how a deployed model does on this host.
#[utoipa::path(get, path = "/api/v1/models/{name}/status", tag = "models", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the model")),
    responses(
        (status = 200, description = "Since the host was started", body = StatusBody),
        (status = 422, description = "This host cannot serve the deployment"),
    ))]
pub(crate) async fn status(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<DeploymentStatus>, Problem> {
    Ok(Json(gateway.models.status(caller.tenant(), &name).await?))
}
