//! Models over HTTP: the same calls that guests make, in the same queue.

use axum::Json;
use axum::extract::State;
use http::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use steward_inference::{Entity, LabelScore, PairScore};
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

/// Pairs of texts to score.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pairs {
    /// A text, and one that is held against it.
    #[schema(max_items = 2048, value_type = Vec<[String; 2]>,
        example = json!([["where is my parcel", "Tracking a delivery"]]))]
    pub pairs: Vec<(String, String)>,
}

/// One vector for each text, in order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Embeddings {
    pub embeddings: Vec<Vec<f32>>,
    /// Of how many texts only the beginning was read; see `long_text` of the model.
    pub truncated: usize,
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
    /// Of how many texts only the beginning was read; see `long_text` of the model.
    pub truncated: usize,
}

/// How the second text of a pair goes with the first.
#[derive(ToSchema)]
#[schema(as = PairScore)]
#[allow(dead_code, reason = "it describes a record of the inference crate")]
pub(crate) struct PairScoreBody {
    /// The cosine of the vectors of an embedding model, between -1 and 1; the sigmoid of the output of
    /// a model that has one; the probability of the best label of a model with labels.
    score: f32,
    /// Best first, of a model that has labels.
    labels: Option<Vec<LabelScoreBody>>,
}

/// One score for each pair, in order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Scores {
    #[schema(value_type = Vec<PairScoreBody>)]
    pub scores: Vec<PairScore>,
    /// Of how many pairs (of an embedding model: texts) only the beginning was read; see `long_text` of
    /// the model.
    pub truncated: usize,
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
    caller.infers()?;
    let model = gateway.models.open(caller.tenant(), &model).await?;
    let model = model.with_key(key.of(&caller));
    let answered = model.embed_counted(&request.texts).await?;
    let (embeddings, truncated) = (answered.value.vectors, answered.value.truncated);
    let answer = Embeddings {
        embeddings,
        truncated,
    };
    Ok((by(&answered.by), Json(answer)))
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
    caller.infers()?;
    let model = gateway.models.open(caller.tenant(), &model).await?;
    let model = model.with_key(key.of(&caller));
    let answered = model
        .classify_counted(&request.texts, request.labels.as_deref())
        .await?;
    let answer = Classifications {
        classifications: answered.value.labels,
        truncated: answered.value.truncated,
    };
    Ok((by(&answered.by), Json(answer)))
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
    caller.infers()?;
    let model = gateway.models.open(caller.tenant(), &model).await?;
    let model = model.with_key(key.of(&caller));
    let answered = model.classify_tokens(&request.texts).await?;
    let entities = answered.value;
    Ok((by(&answered.by), Json(Entities { entities })))
}

/// Score how well texts go together, pair by pair.
#[utoipa::path(post, path = "/api/v1/models/{model}/score-pairs", tag = "models", security(("key" = ["invoke"])),
    params(
        ("model" = String, Path, description = "`name`, `name@version` or `name@alias`"),
        ("Steward-Sticky-Key" = Option<String>, Header, description = "Whom the call is for: where the deployment is sticky, the same key gets the same version. Without one, the key of the caller"),
    ),
    request_body = Pairs,
    responses(
        (status = 200, description = "A score for each pair; `Steward-Model-Version` says which version and variant answered", body = Scores),
        (status = 422, description = "The model's files are broken"),
        (status = 503, description = "The model cannot run now"),
    ))]
pub(crate) async fn score_pairs(
    caller: Caller<Use>,
    State(gateway): State<Shared>,
    InPath(model): InPath<ModelRef>,
    key: StickyKey,
    JsonBody(request): JsonBody<Pairs>,
) -> Result<(By, Json<Scores>), Problem> {
    caller.infers()?;
    let model = gateway.models.open(caller.tenant(), &model).await?;
    let model = model.with_key(key.of(&caller));
    let answered = model.score_pairs(&request.pairs).await?;
    let answer = Scores {
        scores: answered.value.scores,
        truncated: answered.value.truncated,
    };
    Ok((by(&answered.by), Json(answer)))
}
