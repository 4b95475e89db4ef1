//! Workflows: definitions, what the tenant grants to their runs, and who extends them.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_registry::workflows::{
    Extension, RunStatus, Workflow, WorkflowSettings, WorkflowVersion,
};
use steward_registry::{Name, Permissions, TenantId};
use utoipa::ToSchema;

use crate::auth::{Caller, Publish, Read};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// A workflow to be applied.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Apply {
    /// The document of the CNCF Serverless Workflow DSL 1.0: an object, or its YAML as text.
    definition: Value,
    /// What its runs may do: `http` (origins) and `secrets` (names). What they call has grants of its own.
    #[serde(default)]
    #[schema(value_type = Object)]
    grants: Permissions,
    /// How many of its runs go on at the same time; as many as there are where it is left out.
    #[serde(default)]
    #[schema(minimum = 1)]
    concurrency: Option<u32>,
}

/// A workflow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Workflow)]
pub(crate) struct WorkflowBody {
    #[schema(value_type = String, example = "default")]
    tenant: TenantId,
    #[schema(value_type = String, example = "orders")]
    name: Name,
    /// The version that new runs follow.
    #[schema(value_type = String, example = "1.0.0")]
    version: semver::Version,
    /// What its runs may do.
    #[schema(value_type = Object)]
    grants: Permissions,
    /// How many of its runs go on at the same time.
    concurrency: Option<u32>,
    /// When its schedule is next due.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Id of the key that applied it last.
    created_by: String,
}

impl From<Workflow> for WorkflowBody {
    fn from(workflow: Workflow) -> Self {
        Self {
            tenant: workflow.tenant,
            name: workflow.name,
            version: workflow.version,
            grants: workflow.settings.grants,
            concurrency: workflow.settings.concurrency,
            next_at: workflow.next_at,
            created_at: workflow.created_at,
            updated_at: workflow.updated_at,
            created_by: workflow.created_by,
        }
    }
}

/// One version of a workflow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowVersion)]
pub(crate) struct VersionBody {
    #[schema(value_type = String, example = "1.0.0")]
    version: semver::Version,
    #[schema(value_type = String)]
    digest: steward_registry::Digest,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Id of the key that applied it.
    created_by: String,
}

impl From<&WorkflowVersion> for VersionBody {
    fn from(version: &WorkflowVersion) -> Self {
        Self {
            version: version.version.clone(),
            digest: version.digest,
            created_at: version.created_at,
            created_by: version.created_by.clone(),
        }
    }
}

/// A workflow with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkflowDetail {
    #[serde(flatten)]
    workflow: WorkflowBody,
    /// The document of its current version.
    #[schema(value_type = Object)]
    definition: Value,
    /// Its versions, the highest first.
    versions: Vec<VersionBody>,
    /// The extension points that its current version calls: where steps can be added.
    #[schema(example = json!(["before-reply"]))]
    points: Vec<String>,
    /// The steps that extend it.
    extensions: Vec<ExtensionBody>,
    /// How many of its runs do what.
    #[schema(value_type = Object)]
    runs: std::collections::BTreeMap<&'static str, u64>,
}

/// A step that extends a workflow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Extension)]
pub(crate) struct ExtensionBody {
    /// The point that the workflow calls as `extension:POINT`.
    point: String,
    /// The deployed function.
    #[schema(value_type = String)]
    function: Name,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    created_by: String,
}

impl From<Extension> for ExtensionBody {
    fn from(extension: Extension) -> Self {
        Self {
            point: extension.point,
            function: extension.function,
            created_at: extension.created_at,
            created_by: extension.created_by,
        }
    }
}

/// List the workflows of the tenant.
#[utoipa::path(get, path = "/api/v1/workflows", tag = "workflows", security(("key" = ["read"])),
    responses((status = 200, description = "By name", body = Vec<WorkflowBody>)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<WorkflowBody>>, Problem> {
    let all = gateway.registry.workflows(caller.tenant()).await?;
    Ok(Json(all.into_iter().map(WorkflowBody::from).collect()))
}

/// Apply a workflow: its document says name and version.
///
/// A version never changes: another document needs another version. New runs follow the version that was applied last;
/// runs that have begun end under theirs. The grants hold for all of them from now on.
#[utoipa::path(post, path = "/api/v1/workflows", tag = "workflows", security(("key" = ["publish"])),
    request_body = Apply,
    responses(
        (status = 200, description = "New runs follow it", body = WorkflowDetail),
        (status = 409, description = "The version exists with another document"),
        (status = 422, description = "The document breaks a rule, or needs what is not there"),
    ))]
pub(crate) async fn apply(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    JsonBody(body): JsonBody<Apply>,
) -> Result<Json<WorkflowDetail>, Problem> {
    let text = match body.definition {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let settings = WorkflowSettings {
        grants: body.grants,
        concurrency: body.concurrency,
        starts_on: Vec::new(),
    };
    let tenant = caller.tenant();
    let (workflow, _) = gateway
        .runs
        .apply(tenant, &text, settings, caller.id())
        .await?;
    detail(&gateway, tenant, workflow).await.map(Json)
}

async fn detail(
    gateway: &Shared,
    tenant: &TenantId,
    workflow: Workflow,
) -> Result<WorkflowDetail, Problem> {
    let registry = &gateway.registry;
    let name = &workflow.name;
    let versions = registry.workflow_versions(tenant, name).await?;
    let current = versions.iter().find(|v| v.version == workflow.version);
    let extensions = registry.extensions(tenant, name).await?;
    let points = gateway.runs.points(&workflow).await?;
    let runs = registry.count_runs(tenant, name).await?;
    let runs = runs
        .into_iter()
        .map(|(status, count): (RunStatus, u64)| (status.as_str(), count));
    Ok(WorkflowDetail {
        definition: current.map_or(Value::Null, |v| v.definition.clone()),
        versions: versions.iter().map(VersionBody::from).collect(),
        points,
        extensions: extensions.into_iter().map(ExtensionBody::from).collect(),
        runs: runs.collect(),
        workflow: workflow.into(),
    })
}

/// Show a workflow.
#[utoipa::path(get, path = "/api/v1/workflows/{name}", tag = "workflows", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the workflow")),
    responses((status = 200, description = "The workflow", body = WorkflowDetail)))]
pub(crate) async fn show(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<WorkflowDetail>, Problem> {
    let workflow = gateway.registry.workflow(caller.tenant(), &name).await?;
    detail(&gateway, caller.tenant(), workflow).await.map(Json)
}

/// Remove a workflow with the runs that have ended. While runs have not, it stays.
#[utoipa::path(delete, path = "/api/v1/workflows/{name}", tag = "workflows", security(("key" = ["publish"])),
    params(("name" = String, Path, description = "Name of the workflow")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 409, description = "Runs of it have not ended"),
    ))]
pub(crate) async fn delete(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<StatusCode, Problem> {
    gateway
        .registry
        .delete_workflow(caller.tenant(), &name)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The steps of an extension point.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extend {
    /// Deployed functions of the world `step`, in the order in which they run; none means that nothing extends it.
    #[schema(value_type = Vec<String>, max_items = 16)]
    steps: Vec<Name>,
}

/// Say which steps extend a workflow at a point that it calls, in place of those that did.
#[utoipa::path(put, path = "/api/v1/workflows/{name}/extensions/{point}", tag = "workflows", security(("key" = ["publish"])),
    params(
        ("name" = String, Path, description = "Name of the workflow"),
        ("point" = String, Path, description = "The extension point, as the workflow calls it"),
    ),
    request_body = Extend,
    responses(
        (status = 200, description = "The steps at this point", body = Vec<ExtensionBody>),
        (status = 422, description = "The workflow has no such point, a function is no step, or a step cannot take what it would get there"),
    ))]
pub(crate) async fn extend(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath((name, point)): InPath<(Name, String)>,
    JsonBody(body): JsonBody<Extend>,
) -> Result<Json<Vec<ExtensionBody>>, Problem> {
    let extended = gateway
        .runs
        .extend(caller.tenant(), &name, &point, &body.steps, caller.id())
        .await?;
    Ok(Json(
        extended.into_iter().map(ExtensionBody::from).collect(),
    ))
}
