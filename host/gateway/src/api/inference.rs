//! Models over HTTP: the same calls that guests make, in the same queue.

use axum::Json;
use axum::extract::State;
use http::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use steward_inference::{Entity, LabelScore};
use steward_registry::{ModelRef, ModelTarget};
use utoipa::ToSchema;

use crate::auth::{Caller, Use};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;
use crate::sticky::StickyKey;

/// The header of an answer that says which version and variant gave it.
const MODEL_VERSION: HeaderName = HeaderName::from_static("steward-model-version");

/// Texts to embed, or to find entities in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Texts {
    #[schema(max_items = 4096, example = json!(["hello", "你好"]))]
    pub texts: Vec<String>,
}

/// Texts to classify.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassifyRequest {
    #[schema(max_items = 4096, example = json!(["the parcel never came"]))]
    pub texts: Vec<String>,
    /// For a classifier: which of its labels (none: all). For an embedding model: texts to compare
    /// with (zero-shot), at least one.
    #[serde(default)]
    #[schema(example = json!(["delivery", "payment"]))]
    pub labels: Option<Vec<String>>,
}

/// One vector for each text, in order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Embeddings {
    pub embeddings: Vec<Vec<f32>>,
}

/// A label and how likely it is.
#[derive(ToSchema)]
#[schema(as = LabelScore)]
#[allow(dead_code, reason = "it describes a record of the inference crate")]
pub(crate) struct LabelScoreBody {
    label: String,
    /// Between 0 and 1; the scores of one text add up to 1.
    score: f32,
}

/// One list of labels for each text, in order; best first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Classifications {
    #[schema(value_type = Vec<Vec<LabelScoreBody>>)]
    pub classifications: Vec<Vec<LabelScore>>,
}

/// A part of a text that a model has named.
#[derive(ToSchema)]
#[schema(as = Entity)]
#[allow(dead_code, reason = "it describes a record of the inference crate")]
pub(crate) struct EntityBody {
    label: String,
    /// In Unicode code points from the start of the text.
    start: u32,
    /// The first code point that is not part of it.
    end: u32,
    /// Between 0 and 1.
    score: f32,
}

/// The entities of each text, in order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Entities {
    #[schema(value_type = Vec<Vec<EntityBody>>)]
    pub entities: Vec<Vec<Entity>>,
}

/// Which version and variant answered.
type By = [(HeaderName, HeaderValue); 1];

fn by(target: &ModelTarget) -> By {
    // A version has no character that a header may not have.
    let value = HeaderValue::from_str(&target.to_string());
    let unknown = HeaderValue::from_static("unknown");
    [(MODEL_VERSION, value.unwrap_or(unknown))]
}

/// Turn texts into vectors.
#[utoipa::path(post, path = "/api/v1/models/{model}/embed", tag = "models", security(("key" = ["invoke"])),
    params(
        ("model" = String, Path, description = "`name`, `name@version` or `name@alias`"),
        ("Steward-Sticky-Key" = Option<String>, Header, description = "Whom the call is for: where the deployment is sticky, the same key gets the same version. Without one, the key of the caller"),
    ),
    request_body = Texts,
    responses(
        (status = 200, description = "One vector for each text; `Steward-Model-Version` says which version and variant answered", body = Embeddings),
        (status = 422, description = "The model's files are broken"),
        (status = 503, description = "The model cannot run now"),
    ))]
pub(crate) async fn embed(
    caller: Caller<Use>,
    State(gateway): State<Shared>,
    InPath(model): InPath<ModelRef>,
    key: StickyKey,
    JsonBody(request): JsonBody<Texts>,
) -> Result<(By, Json<Embeddings>), Problem> {
    let model = gateway.models.open(caller.tenant(), &model).await?;
    let model = model.with_key(key.of(&caller));
    let answered = model.embed(&request.texts).await?;
    let embeddings = answered.value;
    Ok((by(&answered.by), Json(Embeddings { embeddings })))
}

/// Label texts as a whole.
#[utoipa::path(post, path = "/api/v1/models/{model}/classify", tag = "models", security(("key" = ["invoke"])),
    params(
        ("model" = String, Path, description = "`name`, `name@version` or `name@alias`"),
        ("Steward-Sticky-Key" = Option<String>, Header, description = "Whom the call is for: where the deployment is sticky, the same key gets the same version. Without one, the key of the caller"),
    ),
    request_body = ClassifyRequest,
    responses(
        (status = 200, description = "Labels for each text; `Steward-Model-Version` says which version and variant answered", body = Classifications),
        (status = 422, description = "The model's files are broken"),
        (status = 503, description = "The model cannot run now"),
    ))]
pub(crate) async fn classify(
    caller: Caller<Use>,
    State(gateway): State<Shared>,
    InPath(model): InPath<ModelRef>,
    key: StickyKey,
    JsonBody(request): JsonBody<ClassifyRequest>,
) -> Result<(By, Json<Classifications>), Problem> {
    let model = gateway.models.open(caller.tenant(), &model).await?;
    let model = model.with_key(key.of(&caller));
    let answered = model
        .classify(&request.texts, request.labels.as_deref())
        .await?;
    let classifications = answered.value;
    Ok((by(&answered.by), Json(Classifications { classifications })))
}

/// Find and label parts of texts.
#[utoipa::path(post, path = "/api/v1/models/{model}/classify-tokens", tag = "models", security(("key" = ["invoke"])),
    params(
        ("model" = String, Path, description = "`name`, `name@version` or `name@alias`"),
        ("Steward-Sticky-Key" = Option<String>, Header, description = "Whom the call is for: where the deployment is sticky, the same key gets the same version. Without one, the key of the caller"),
    ),
    request_body = Texts,
    responses(
        (status = 200, description = "Entities of each text; `Steward-Model-Version` says which version and variant answered", body = Entities),
        (status = 422, description = "The model's files are broken"),
        (status = 503, description = "The model cannot run now"),
    ))]
pub(crate) async fn classify_tokens(
    caller: Caller<Use>,
    State(gateway): State<Shared>,
    InPath(model): InPath<ModelRef>,
    key: StickyKey,
    JsonBody(request): JsonBody<Texts>,
) -> Result<(By, Json<Entities>), Problem> {
    let model = gateway.models.open(caller.tenant(), &model).await?;
    let model = model.with_key(key.of(&caller));
    let answered = model.classify_tokens(&request.texts).await?;
    let entities = answered.value;
    Ok((by(&answered.by), Json(Entities { entities })))
}
