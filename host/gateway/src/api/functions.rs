//! Functions: what is deployed, how it came there, and what it wrote.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_registry::manifest::Limits;
use steward_registry::{Debugging, FunctionSpec, Name, Permissions, Rollout, Target, TenantId};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Publish, Read};
use crate::extract::{InPath, InQuery, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;
use crate::secrets;

/// A version and its share of the calls.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct TargetBody {
    /// Version of the plugin.
    #[schema(example = "1.2.0")]
    version: String,
    /// Its share of the calls, in percent; all shares add up to 100.
    #[schema(example = 100, maximum = 100)]
    percent: u8,
}

/// What the tenant gives to the plugin.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct GrantsBody {
    /// Models it may use: `name`, `name@version` or `name@alias`.
    #[schema(example = json!(["minilm@stable"]))]
    inference: Vec<String>,
    /// Datasets it may ask about, by name; answers have noise, and a budget of the function pays for them.
    #[schema(example = json!(["orders"]))]
    privacy: Option<Vec<String>>,
    /// Where it may send HTTP requests: scheme, host and port.
    #[schema(example = json!(["https://api.example.com"]))]
    http: Option<Vec<String>>,
    /// Secrets it may read.
    secrets: Option<Vec<String>>,
    /// Buckets of keys and values.
    keyvalue: Option<Vec<String>>,
    /// Containers of objects.
    blobstore: Option<Vec<String>>,
    /// Types of events that it may append.
    #[schema(example = json!(["com.example.order.*"]))]
    append_events: Option<Vec<String>>,
    /// Types of events that it may read.
    read_events: Option<Vec<String>>,
}

/// Limits that replace those of the manifest.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct LimitsBody {
    /// Linear memory of one call, in MiB.
    #[schema(minimum = 1, maximum = 1_024)]
    memory_mib: Option<u32>,
    /// Elements of all tables of one call.
    #[schema(minimum = 1, maximum = 1_000_000)]
    table_elements: Option<u32>,
    /// Core instances of one call.
    #[schema(minimum = 1, maximum = 64)]
    instances: Option<u32>,
    /// Component-model handles that one call holds at a time.
    #[schema(minimum = 1, maximum = 100_000)]
    handles: Option<u32>,
    /// What one call computes, waits not included, in milliseconds.
    #[schema(minimum = 1, maximum = 300_000)]
    cpu_ms: Option<u32>,
    /// Wall time of one call, in milliseconds.
    #[schema(minimum = 1, maximum = 300_000)]
    timeout_ms: Option<u32>,
    /// Calls of host functions of one call.
    #[schema(minimum = 1, maximum = 10_000_000)]
    host_calls: Option<u32>,
    /// Calls of host functions of all calls, in a second.
    #[schema(minimum = 1, maximum = 10_000_000)]
    host_calls_per_second: Option<u32>,
    /// What one call logs, in KiB.
    #[schema(minimum = 0, maximum = 1_024)]
    log_kib: Option<u32>,
    /// Lines that all calls log in a second.
    #[schema(minimum = 1, maximum = 100_000)]
    log_lines_per_second: Option<u32>,
    /// The answer of one call, in KiB.
    #[schema(minimum = 1, maximum = 1_048_576)]
    output_kib: Option<u32>,
    /// Calls that run at the same time.
    #[schema(minimum = 1, maximum = 1_000)]
    concurrency: Option<u32>,
    /// Calls that wait for their turn.
    #[schema(minimum = 0, maximum = 10_000)]
    queue: Option<u32>,
}

/// What helps to find the fault of a call that failed.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct DebugBody {
    /// Keep the input of a call that failed with its record, in memory: whoever may read the tenant's
    /// functions sees it. At most 16 KiB of each, and 256 KiB of a function.
    keep_failed_inputs: Option<bool>,
}

/// What to deploy.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deployment {
    /// The plugin behind the function.
    #[schema(value_type = String, example = "text-cleaner")]
    pub plugin: Name,
    /// Versions and their shares of the calls.
    #[schema(value_type = Vec<TargetBody>, min_items = 1, max_items = 8)]
    pub targets: Vec<Target>,
    /// Values for the configuration keys of the manifest. A secret is shown as `***`; sent so, it
    /// stays as it is.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// What the tenant gives it. What is not named is denied.
    #[serde(default)]
    #[schema(value_type = GrantsBody)]
    pub grants: Permissions,
    #[serde(default)]
    #[schema(value_type = LimitsBody)]
    pub limits: Limits,
    /// What helps to find the fault of a call that failed; off where nothing is said.
    #[serde(default)]
    #[schema(value_type = DebugBody)]
    pub debug: Debugging,
    /// Who meets which version, and what is on trial.
    #[serde(default)]
    #[schema(value_type = Option<RolloutBody>)]
    pub rollout: Rollout,
    /// Why, in a sentence; kept with the revision.
    #[serde(default)]
    pub reason: String,
}

/// What a revision deploys. Its members are those of a [`Deployment`], whose schema would let nothing stand beside them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Spec {
    #[schema(value_type = String, example = "text-cleaner")]
    pub name: Name,
    /// The plugin behind the function.
    #[schema(value_type = String, example = "text-cleaner")]
    pub plugin: Name,
    /// Versions and their shares of the calls.
    #[schema(value_type = Vec<TargetBody>)]
    pub targets: Vec<Target>,
    /// Values for the configuration keys of the manifest. A secret is shown as `***`.
    pub config: BTreeMap<String, String>,
    /// What the tenant gives it. What is not named is denied.
    #[schema(value_type = GrantsBody)]
    pub grants: Permissions,
    #[schema(value_type = LimitsBody)]
    pub limits: Limits,
    /// What helps to find the fault of a call that failed.
    #[schema(value_type = DebugBody)]
    pub debug: Debugging,
    /// Who meets which version, and what is on trial.
    #[serde(skip_serializing_if = "Rollout::is_plain")]
    #[schema(value_type = Option<RolloutBody>)]
    pub rollout: Rollout,
}

/// One revision of a function.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FunctionRevision {
    #[schema(value_type = String, example = "default")]
    pub tenant: TenantId,
    /// 1, 2, 3 … within the function.
    pub revision: u32,
    pub spec: Spec,
    /// Why, in a sentence; empty where nobody said.
    pub reason: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Id of the key that deployed it, or `steward` where the host rolled back by itself.
    pub created_by: String,
}

impl From<steward_registry::FunctionRevision> for FunctionRevision {
    fn from(r: steward_registry::FunctionRevision) -> Self {
        let FunctionSpec {
            name,
            plugin,
            targets,
            config,
            grants,
            limits,
            debug,
            rollout,
        } = r.spec;
        Self {
            tenant: r.tenant,
            revision: r.revision,
            spec: Spec {
                name,
                plugin,
                targets,
                config,
                grants,
                limits,
                debug,
                rollout,
            },
            reason: r.reason,
            created_at: r.created_at,
            created_by: r.created_by,
        }
    }
}

/// Who meets which version, and what is on trial.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct RolloutBody {
    /// The version on trial, one of the targets. It is held against the others, and rolled back by the host where it does
    /// worse.
    #[schema(example = "1.1.0")]
    candidate: Option<String>,
    /// Whether calls with the same `Steward-Sticky-Key` (without one: of the same API key) always meet the same version.
    sticky: Option<bool>,
    /// Requests that meet a version because of a header, whatever its share; the first that fits counts.
    #[schema(max_items = 16)]
    headers: Option<Vec<HeaderRuleBody>>,
    /// The bounds over which the candidate is rolled back; those of models, of which `max_psi` and `max_disagreement` have
    /// nothing to measure here.
    rollback: Option<serde_json::Value>,
}

/// Requests with this header meet this version.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct HeaderRuleBody {
    /// Name of the header, in lower case; neither `authorization` nor `cookie`.
    #[schema(example = "x-beta")]
    name: String,
    /// Its whole value.
    #[schema(example = "yes")]
    value: String,
    /// One of the targets.
    #[schema(example = "1.1.0")]
    version: String,
}

/// Which revision to go back to.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollback {
    /// A revision of the function; none means the one before the current.
    #[serde(default)]
    pub to: Option<u32>,
    /// What that revision granted and the current one does not, where the function is to have it again.
    #[serde(default)]
    #[schema(value_type = GrantsBody)]
    pub grants: Permissions,
}

/// Which lines of a log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// Lines from this number on; none means the latest.
    #[serde(default)]
    pub since: Option<u64>,
    /// Lines of this call alone, as the header `steward-invocation-id` named it.
    #[serde(default)]
    pub invocation: Option<String>,
    /// At most so many lines; no more than 1000 are answered.
    #[serde(default = "default_lines")]
    #[param(default = 100, maximum = 1000)]
    pub limit: usize,
}

const MAX_LINES: usize = 1000;

fn default_lines() -> usize {
    100
}

/// One line that a function wrote.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the functions crate")]
pub(crate) struct LogLine {
    /// Grows by one with each line of the function; a gap means dropped lines or a restart of the host.
    seq: u64,
    #[schema(format = DateTime)]
    time: String,
    #[schema(example = "info")]
    level: String,
    /// Which call wrote it.
    invocation: String,
    message: String,
    fields: BTreeMap<String, String>,
}

/// List the functions of the tenant.
#[utoipa::path(get, path = "/api/v1/functions", tag = "functions", security(("key" = ["read"])),
    responses((status = 200, description = "The current revision of each", body = Vec<FunctionRevision>)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<FunctionRevision>>, Problem> {
    let revisions = gateway.registry.functions(caller.tenant()).await?;
    Ok(Json(secrets::hidden(&gateway.registry, revisions).await?))
}

/// Show a function.
#[utoipa::path(get, path = "/api/v1/functions/{name}", tag = "functions", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the function")),
    responses((status = 200, description = "Its current revision", body = FunctionRevision)))]
pub(crate) async fn show(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<FunctionRevision>, Problem> {
    let revision = gateway.registry.function(caller.tenant(), &name).await?;
    Ok(Json(
        secrets::hidden_one(&gateway.registry, revision).await?,
    ))
}

/// Show every revision of a function.
#[utoipa::path(get, path = "/api/v1/functions/{name}/history", tag = "functions", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the function")),
    responses((status = 200, description = "Newest first", body = Vec<FunctionRevision>)))]
pub(crate) async fn history(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<Vec<FunctionRevision>>, Problem> {
    let revisions = gateway
        .registry
        .function_history(caller.tenant(), &name)
        .await?;
    Ok(Json(secrets::hidden(&gateway.registry, revisions).await?))
}

/// Deploy a function: a new one, or a new revision.
#[utoipa::path(put, path = "/api/v1/functions/{name}", tag = "functions", security(("key" = ["publish"])),
    params(("name" = String, Path, description = "Name of the function; its route is `/f/{tenant}/{name}`")),
    request_body = Deployment,
    responses(
        (status = 200, description = "It is deployed", body = FunctionRevision),
        (status = 422, description = "A value breaks a rule, or the plugin cannot run"),
        (status = 503, description = "The registry cannot be reached"),
    ))]
pub(crate) async fn deploy(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    JsonBody(deployment): JsonBody<Deployment>,
) -> Result<Json<FunctionRevision>, Problem> {
    let Deployment {
        plugin,
        targets,
        config,
        grants,
        limits,
        debug,
        rollout,
        reason,
    } = deployment;
    let spec = FunctionSpec {
        name,
        plugin,
        targets,
        config,
        grants,
        limits,
        debug,
        rollout,
    };
    let spec = secrets::kept(&gateway.registry, caller.tenant(), spec).await?;
    let revision = gateway
        .functions
        .deploy_after(caller.tenant(), spec, &reason, None, caller.id())
        .await?;
    Ok(Json(
        secrets::hidden_one(&gateway.registry, revision).await?,
    ))
}

/// Go back to an earlier revision of a function, in a new revision.
#[utoipa::path(post, path = "/api/v1/functions/{name}/rollback", tag = "functions", security(("key" = ["publish"])),
    params(("name" = String, Path, description = "Name of the function")),
    request_body = Rollback,
    responses(
        (status = 200, description = "The new revision", body = FunctionRevision),
        (status = 403, description = "It would give the function more than it has now"),
        (status = 409, description = "Somebody deployed it at the same time: look at it and decide again"),
        (status = 422, description = "There is no revision to go back to"),
    ))]
pub(crate) async fn rollback(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    JsonBody(rollback): JsonBody<Rollback>,
) -> Result<Json<FunctionRevision>, Problem> {
    let revision = gateway
        .functions
        .rollback(
            caller.tenant(),
            &name,
            rollback.to,
            &rollback.grants,
            caller.id(),
        )
        .await?;
    Ok(Json(
        secrets::hidden_one(&gateway.registry, revision).await?,
    ))
}

/// Take a function away. Its plugin stays.
#[utoipa::path(delete, path = "/api/v1/functions/{name}", tag = "functions", security(("key" = ["publish"])),
    params(("name" = String, Path, description = "Name of the function")),
    responses((status = 204, description = "It is gone")))]
pub(crate) async fn delete(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<StatusCode, Problem> {
    gateway.functions.delete(caller.tenant(), &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Read what a function wrote, as far as this node still has it.
#[utoipa::path(get, path = "/api/v1/functions/{name}/logs", tag = "functions", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the function"), LogQuery),
    responses((status = 200, description = "Oldest first", body = Vec<LogLine>)))]
pub(crate) async fn logs(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    InQuery(query): InQuery<LogQuery>,
) -> Result<Json<Vec<steward_functions::LogLine>>, Problem> {
    gateway.registry.function(caller.tenant(), &name).await?;
    let limit = query.limit.min(MAX_LINES);
    if let Some(id) = &query.invocation {
        let id = super::invocations::parsed(id)?;
        let mut lines = gateway.functions.logs_of(caller.tenant(), &name, id);
        lines.retain(|line| query.since.is_none_or(|since| line.seq >= since));
        lines.truncate(limit);
        return Ok(Json(lines));
    }
    Ok(Json(gateway.functions.logs(
        caller.tenant(),
        &name,
        query.since,
        limit,
    )))
}
