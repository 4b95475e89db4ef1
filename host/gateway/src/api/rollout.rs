//! A version of a function on trial.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use steward_functions::FunctionStatus;
use steward_registry::Name;
use utoipa::ToSchema;

use super::functions::FunctionRevision;
use crate::auth::{Caller, Publish, Read};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;
use crate::secrets;

/// Why a version is promoted.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Promotion {
    /// In a sentence.
    #[serde(default)]
    pub reason: String,
}

/// How a deployed function does on this host.
#[derive(ToSchema)]
#[schema(as = FunctionStatus)]
#[allow(dead_code, reason = "it describes a record of the functions crate")]
pub(crate) struct StatusBody {
    /// The revision that this host serves.
    revision: u32,
    targets: Vec<TargetStatusBody>,
    /// The version on trial and what its guard says of it.
    candidate: Option<serde_json::Value>,
    /// The last revision by which a host rolled back by itself, and why.
    last_rollback: Option<serde_json::Value>,
}

/// A version of a deployed function, since the host was started.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the functions crate")]
pub(crate) struct TargetStatusBody {
    #[schema(example = "1.0.0")]
    version: String,
    percent: u8,
    calls: u64,
    errors: u64,
    /// Mean wall time of a call, in milliseconds.
    mean_ms: Option<f64>,
}

/// Show how the versions of a function do, and whether the one on trial may stay.
#[utoipa::path(get, path = "/api/v1/functions/{name}/status", tag = "functions", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the function")),
    responses((status = 200, description = "The figures of the host that answers", body = StatusBody)))]
pub(crate) async fn status(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<FunctionStatus>, Problem> {
    Ok(Json(
        gateway.functions.status(caller.tenant(), &name).await?,
    ))
}

/// Make the version on trial the only one, in a new revision.
#[utoipa::path(post, path = "/api/v1/functions/{name}/promote", tag = "functions", security(("key" = ["publish"])),
    params(("name" = String, Path, description = "Name of the function")),
    request_body = Promotion,
    responses(
        (status = 200, description = "The new revision", body = FunctionRevision),
        (status = 409, description = "Somebody else has deployed meanwhile"),
        (status = 422, description = "No version is on trial"),
    ))]
pub(crate) async fn promote(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    JsonBody(promotion): JsonBody<Promotion>,
) -> Result<Json<FunctionRevision>, Problem> {
    let revision = gateway
        .functions
        .promote(caller.tenant(), &name, &promotion.reason, caller.id())
        .await?;
    Ok(Json(
        secrets::hidden_one(&gateway.registry, revision).await?,
    ))
}
