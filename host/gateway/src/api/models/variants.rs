//! Variants: the weights of a version in another form.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::LOCATION;
use serde::{Deserialize, Serialize};
use steward_inference::{Precision, Pruning, Quantization};
use steward_registry::{ModelRef, ModelVariant, ModelVersion, Name};
use utoipa::ToSchema;

use super::{ModelVariantBody, PATH};
use crate::auth::{Caller, Publish};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// How a variant is to be made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuantizeRequest {
    /// `int8`, `int8-static`, `int4` or `fp16`.
    #[schema(value_type = String, example = "int8")]
    pub to: Precision,
    /// The name of the variant; without one, what the weights become.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "int8")]
    pub variant: Option<Name>,
    /// The mean similarity to the original that must be reached, up to 1: as many layers stay in fp32
    /// as that takes.
    #[serde(default)]
    #[schema(example = 0.99)]
    pub min_similarity: Option<f64>,
    /// Texts like those that the model will see; without any, messages of customers in English and
    /// Chinese.
    #[serde(default)]
    #[schema(min_items = 16, max_items = 2048)]
    pub texts: Vec<String>,
}

/// A variant that has been made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct MadeVariant {
    /// What to ask for: `name@version~variant`.
    #[schema(example = "minilm@1.0.0~int8")]
    pub model: String,
    #[serde(flatten)]
    #[schema(value_type = ModelVariantBody)]
    pub made: ModelVariant,
}

/// Make a smaller form of a model and measure it beside the original.
///
/// The answer comes when it is measured: seconds for a small model, minutes where layers are chosen.
#[utoipa::path(post, path = "/api/v1/models/{model}/quantize", tag = "models", security(("key" = ["publish"])),
    params(("model" = String, Path, description = "`name`, `name@version` or `name@alias`")),
    request_body = QuantizeRequest,
    responses(
        (status = 201, description = "It is registered", body = MadeVariant),
        (status = 400, description = "The model cannot be quantized so"),
        (status = 409, description = "The version has this variant"),
        (status = 422, description = "The model's files are broken"),
        (status = 503, description = "The model cannot run now"),
    ))]
pub(crate) async fn quantize(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(model): InPath<ModelRef>,
    JsonBody(request): JsonBody<QuantizeRequest>,
) -> Result<impl IntoResponse, Problem> {
    let variant = match request.variant {
        Some(variant) => variant,
        None => request.to.as_str().parse()?,
    };
    let wanted = Quantization {
        to: request.to,
        min_similarity: request.min_similarity,
        texts: request.texts,
    };
    let (version, made) = gateway
        .models
        .quantize(caller.tenant(), &model, &variant, wanted, caller.id())
        .await?;
    Ok(created(&version, &variant, made))
}

/// How a model is to be pruned.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PruneRequest {
    /// The share of the weights that becomes zero, those of least magnitude; below 1.
    #[schema(minimum = 0, exclusive_maximum = 1, example = 0.5)]
    pub sparsity: f32,
    /// Whether the share holds for the model as a whole, and not for each layer by itself.
    #[serde(default)]
    pub global: bool,
    /// The name of the variant; without one, as `pruned-50`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "pruned-50")]
    pub variant: Option<Name>,
    /// Texts like those that the model will see; without any, messages of customers in English and
    /// Chinese.
    #[serde(default)]
    #[schema(min_items = 16, max_items = 2048)]
    pub texts: Vec<String>,
}

/// Make a form of a model whose smallest weights are zero, and measure it beside the original.
///
/// It computes no faster. Its file compresses better, and its zeros stay zeros when it is quantized.
#[utoipa::path(post, path = "/api/v1/models/{model}/prune", tag = "models", security(("key" = ["publish"])),
    params(("model" = String, Path, description = "`name`, `name@version` or `name@alias`")),
    request_body = PruneRequest,
    responses(
        (status = 201, description = "It is registered", body = MadeVariant),
        (status = 400, description = "The model cannot be pruned so"),
        (status = 409, description = "The version has this variant"),
        (status = 422, description = "The model's files are broken"),
        (status = 503, description = "The model cannot run now"),
    ))]
pub(crate) async fn prune(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(model): InPath<ModelRef>,
    JsonBody(request): JsonBody<PruneRequest>,
) -> Result<impl IntoResponse, Problem> {
    let variant = match request.variant {
        Some(variant) => variant,
        None => format!("pruned-{:.0}", request.sparsity * 100.0).parse()?,
    };
    let wanted = Pruning {
        sparsity: request.sparsity,
        global: request.global,
        texts: request.texts,
    };
    let (version, made) = gateway
        .models
        .prune(caller.tenant(), &model, &variant, wanted, caller.id())
        .await?;
    Ok(created(&version, &variant, made))
}

fn created(
    version: &ModelVersion,
    variant: &Name,
    made: ModelVariant,
) -> impl IntoResponse + use<> {
    let location = format!("{PATH}/{}", version.name);
    let model = format!("{}@{}~{variant}", version.name, version.version);
    (
        StatusCode::CREATED,
        [(LOCATION, location)],
        Json(MadeVariant { model, made }),
    )
}
