//! Models in memory.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use steward_registry::ModelRef;
use utoipa::ToSchema;

use crate::auth::{Caller, Publish};
use crate::extract::InPath;
use crate::gateway::Shared;
use crate::problem::Problem;

/// A model that was loaded.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Loaded {
    /// Which version and variant.
    #[schema(example = "minilm@1.0.0~int8")]
    pub model: String,
}

/// How many models were taken out of memory.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Unloaded {
    pub unloaded: usize,
}

/// Load a model into the memory of this host and make it warm.
#[utoipa::path(post, path = "/api/v1/models/{model}/load", tag = "models", security(("key" = ["publish"])),
    params(("model" = String, Path, description = "`name`, `name@version`, `name@alias`, each with `~variant` or without")),
    responses(
        (status = 200, description = "It is loaded", body = Loaded),
        (status = 422, description = "The model's files are broken"),
        (status = 503, description = "The model cannot run now"),
    ))]
pub(crate) async fn load(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(model): InPath<ModelRef>,
) -> Result<Json<Loaded>, Problem> {
    let loaded = gateway.models.load(caller.tenant(), &model).await?;
    let model = loaded.reference().to_string();
    Ok(Json(Loaded { model }))
}

/// Take a model out of the memory of this host: by its bare name every version and variant of it.
#[utoipa::path(post, path = "/api/v1/models/{model}/unload", tag = "models", security(("key" = ["publish"])),
    params(("model" = String, Path, description = "`name`, `name@version`, `name@alias`, each with `~variant` or without")),
    responses(
        (status = 200, description = "What was in memory is not any more; calls that run finish", body = Unloaded),
        (status = 409, description = "It is deployed"),
    ))]
pub(crate) async fn unload(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(model): InPath<ModelRef>,
) -> Result<Json<Unloaded>, Problem> {
    let unloaded = gateway.models.unload(caller.tenant(), &model)?;
    Ok(Json(Unloaded { unloaded }))
}
