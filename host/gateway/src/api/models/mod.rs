//! Models and their versions.

pub(crate) mod deployments;
pub(crate) mod evaluations;
pub(crate) mod heads;
pub(crate) mod memory;
pub(crate) mod variants;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::LOCATION;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_inference::ModelConfig;
use steward_registry::{ArtifactRef, Lineage, ModelVariant, Name, TenantId};
use utoipa::ToSchema;

use super::AliasTarget;
use crate::auth::{Caller, Publish, Read};
use crate::extract::{InPath, JsonBody};
use crate::gateway::{Gateway, Shared};
use crate::problem::{Problem, codes};
use crate::upload::{Form, Unread, invalid};

/// Where models are listed and pushed.
pub(crate) const PATH: &str = "/api/v1/models";

/// The files of a model, by the names that the inference engine looks for.
const FILES: [&str; 2] = ["model.onnx", "tokenizer.json"];

/// A file of a model.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct FileBody {
    #[schema(example = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    digest: String,
    /// In bytes.
    size: u64,
}

/// How a model is used.
#[derive(ToSchema)]
#[allow(
    dead_code,
    reason = "it describes the configuration of the inference crate"
)]
pub(crate) struct ModelConfigBody {
    /// `embed`, `classify`, `classify-tokens`, `score-pairs` or `tensors`.
    #[schema(example = "embed")]
    task: String,
    /// Tokens of a text that the model sees at once.
    #[schema(default = 256)]
    max_tokens: Option<u32>,
    /// What becomes of longer texts: `truncate`, `reject` or `window`. Default `truncate`, and `window`
    /// for `classify-tokens`.
    long_text: Option<String>,
    /// Names of a classifier's outputs, in their order; of a model of the task `tensors`, of the
    /// numbers along the last side of its outputs.
    labels: Option<Vec<String>>,
    /// `mean` or `cls`.
    #[schema(default = "mean")]
    pooling: Option<String>,
    /// Whether embeddings are scaled to length 1.
    #[schema(default = true)]
    normalize: Option<bool>,
    /// How long a text may wait for others to be computed with, in milliseconds.
    #[schema(default = 0)]
    max_delay_ms: Option<u32>,
    /// Whether a model of the task `tensors` may be given numbers that are infinite or none.
    #[schema(default = false)]
    allow_non_finite: Option<bool>,
    /// The states that a model of the task `tensors` hands from one call of a sequence to the next.
    state: Option<Vec<StateConfigBody>>,
    /// The most sequences of which the states are kept.
    #[schema(default = 1024)]
    max_sequences: Option<u32>,
    /// After how many seconds without a call a sequence is forgotten.
    #[schema(default = 300)]
    sequence_idle_s: Option<u32>,
    description: Option<String>,
    /// SPDX expression.
    license: Option<String>,
}

/// A state that a model hands from one call to the next.
#[derive(ToSchema)]
#[allow(
    dead_code,
    reason = "it describes the configuration of the inference crate"
)]
pub(crate) struct StateConfigBody {
    /// The input that takes it.
    #[schema(example = "state")]
    input: String,
    /// The output that gives it as it is after the call.
    #[schema(example = "stateN")]
    output: String,
    /// Its shape; a sequence starts with zeros.
    #[schema(example = json!([2, 1, 128]))]
    shape: Vec<u32>,
}

/// The weights of a model version in another form.
#[derive(ToSchema)]
#[schema(as = ModelVariant)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct ModelVariantBody {
    file: FileBody,
    /// How it was made, and what it is beside the original: size, speed, agreement.
    report: serde_json::Value,
    #[schema(format = DateTime)]
    created_at: String,
    /// Id of the key that asked for it.
    created_by: String,
}

/// Where a model version comes from, as whoever pushed it says.
#[derive(ToSchema)]
#[schema(as = Lineage)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct LineageBody {
    /// The model that it was made from.
    #[schema(example = "minilm@1.0.0")]
    parent: Option<String>,
    /// The dataset, or its snapshot, that it was trained on.
    dataset: Option<String>,
    /// The run that trained it.
    run: Option<String>,
    /// The code that trained it.
    code: Option<String>,
}

/// A registered version of a model.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ModelVersion {
    #[schema(value_type = String, example = "default")]
    pub tenant: TenantId,
    #[schema(value_type = String, example = "minilm")]
    pub name: Name,
    #[schema(value_type = String, example = "1.0.0")]
    pub version: semver::Version,
    /// File name to artifact.
    #[schema(value_type = BTreeMap<String, FileBody>)]
    pub files: BTreeMap<String, ArtifactRef>,
    #[schema(value_type = ModelConfigBody)]
    pub config: serde_json::Value,
    /// The same weights in other forms, by name.
    #[schema(value_type = BTreeMap<String, ModelVariantBody>)]
    pub variants: BTreeMap<Name, ModelVariant>,
    /// Where it comes from.
    #[schema(value_type = LineageBody)]
    pub lineage: Lineage,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Id of the key that pushed it.
    pub created_by: String,
}

impl From<steward_registry::ModelVersion> for ModelVersion {
    fn from(v: steward_registry::ModelVersion) -> Self {
        Self {
            tenant: v.tenant,
            name: v.name,
            version: v.version,
            files: v.files,
            config: v.config,
            variants: v.variants,
            lineage: v.lineage,
            created_at: v.created_at,
            created_by: v.created_by,
        }
    }
}

/// A model with all its versions.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Model {
    #[schema(value_type = String, example = "minilm")]
    pub name: Name,
    /// Highest first.
    pub versions: Vec<ModelVersion>,
    /// Alias to version.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"stable": "1.0.0"}))]
    pub aliases: BTreeMap<Name, semver::Version>,
}

/// The form of an upload.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes the form that is read by name")]
pub(crate) struct ModelUpload {
    #[schema(example = "minilm")]
    name: String,
    #[schema(example = "1.0.0")]
    version: String,
    config: ModelConfigBody,
    lineage: Option<LineageBody>,
    #[schema(rename = "model.onnx", value_type = String, format = Binary)]
    model: Vec<u8>,
    /// Not of a model of the task `tensors`.
    #[schema(rename = "tokenizer.json", value_type = Option<String>, format = Binary)]
    tokenizer: Option<Vec<u8>>,
}

/// List the models of the tenant, each with its highest version.
#[utoipa::path(get, path = "/api/v1/models", tag = "models", security(("key" = ["read"])),
    responses((status = 200, description = "One version of each model", body = Vec<ModelVersion>)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<ModelVersion>>, Problem> {
    let models = gateway.registry.models(caller.tenant()).await?;
    Ok(Json(models.into_iter().map(Into::into).collect()))
}

/// Push a version of a model.
#[utoipa::path(post, path = "/api/v1/models", tag = "models", security(("key" = ["publish"])),
    request_body(content = ModelUpload, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "It is registered", body = ModelVersion),
        (status = 409, description = "The version exists already"),
        (status = 422, description = "The configuration breaks a rule, or the files are not a model that can serve"),
        (status = 503, description = "The registry cannot be reached"),
    ))]
pub(crate) async fn push(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    form: Unread,
) -> Result<impl IntoResponse, Problem> {
    let mut form = Form::read(&gateway, form, gateway.config.limits.max_model_bytes).await?;
    let name: Name = form.parsed("name")?;
    let version: semver::Version = form.parsed("version")?;
    let config = config(&form.text("config")?)?;
    let lineage = match form.optional("lineage")? {
        None => Lineage::default(),
        Some(text) => serde_json::from_str(&text)
            .map_err(|e| invalid(format!("the part `lineage`: {e}")).with("part", "lineage"))?,
    };
    let (parts, _share) = form.rest();
    if !parts.contains_key(FILES[0]) {
        return Err(invalid(format!("the part `{}` is missing", FILES[0])).with("part", FILES[0]));
    }
    if let Some(unknown) = parts.keys().find(|name| !FILES.contains(&name.as_str())) {
        let detail = format!(
            "the form has a part `{unknown}`; the files of a model are `{}`",
            FILES.join("` and `")
        );
        return Err(invalid(detail).with("part", unknown.as_str()));
    }
    let mut files = BTreeMap::new();
    for (name, bytes) in parts {
        files.insert(name, gateway.registry.artifacts().put(bytes).await?);
    }
    let [graph, tokenizer] = FILES.map(|name| files.get(name));
    if let Some(graph) = graph {
        gateway.models.try_out(graph, tokenizer, &config).await?;
    }
    let config = serde_json::to_value(&config)
        .map_err(|e| Problem::new(&codes::INVALID_MODEL, format!("the part `config`: {e}")))?;
    let version = gateway
        .registry
        .push_model(
            caller.tenant(),
            &name,
            &version,
            &config,
            files,
            &lineage,
            caller.id(),
        )
        .await?;
    reread(&gateway).await;
    let location = format!("{PATH}/{}", version.name);
    Ok((
        StatusCode::CREATED,
        [(LOCATION, location)],
        Json(ModelVersion::from(version)),
    ))
}

/// Show a model with its versions and aliases.
#[utoipa::path(get, path = "/api/v1/models/{name}", tag = "models", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the model")),
    responses((status = 200, description = "The model", body = Model)))]
pub(crate) async fn show(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<Model>, Problem> {
    let versions = gateway
        .registry
        .model_versions(caller.tenant(), &name)
        .await?;
    let aliases = gateway
        .registry
        .model_aliases(caller.tenant(), &name)
        .await?;
    Ok(Json(Model {
        name,
        versions: versions.into_iter().map(Into::into).collect(),
        aliases,
    }))
}

/// Let an alias of a model name a version.
#[utoipa::path(put, path = "/api/v1/models/{name}/aliases/{alias}", tag = "models", security(("key" = ["publish"])),
    params(
        ("name" = String, Path, description = "Name of the model"),
        ("alias" = String, Path, description = "The alias, as `stable` or `candidate`"),
    ),
    request_body = AliasTarget,
    responses((status = 200, description = "What the alias names now", body = AliasTarget)))]
pub(crate) async fn set_alias(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath((name, alias)): InPath<(Name, Name)>,
    JsonBody(target): JsonBody<AliasTarget>,
) -> Result<Json<AliasTarget>, Problem> {
    gateway
        .registry
        .set_model_alias(caller.tenant(), &name, &alias, &target.version)
        .await?;
    reread(&gateway).await;
    Ok(Json(target))
}

/// Whether a path is that of work that takes its time: its answer may come as late as that of an
/// upload.
pub(crate) fn takes_its_time(method: &str, path: &str) -> bool {
    let last = path
        .strip_prefix(PATH)
        .and_then(|rest| rest.rsplit('/').next());
    match (method, last) {
        ("POST", Some(last)) => [
            "quantize",
            "prune",
            "train",
            "load",
            "evaluations",
            "promote",
            "rollback",
        ]
        .contains(&last),
        ("PUT", Some(last)) => last == "deployment",
        _ => false,
    }
}

/// Whether a path is that of an evaluation, whose rows are sent with it.
pub(crate) fn has_rows(method: &str, path: &str) -> bool {
    method == "POST" && path.starts_with(PATH) && path.ends_with("/evaluations")
}

/// Lets this node see the change at once; where that fails, it comes with the next look at the
/// revision of the registry.
async fn reread(gateway: &Gateway) {
    if let Err(error) = gateway.models.refresh().await {
        tracing::warn!(%error, "the models could not be read again at once");
    }
}

/// Reads the config as the inference engine will. It is kept as that writes it: what is stored has every field of
/// which the engine knows and no other.
fn config(text: &str) -> Result<ModelConfig, Problem> {
    let config: ModelConfig = serde_json::from_str(text).map_err(|e| {
        Problem::new(&codes::INVALID_MODEL, format!("the part `config`: {e}"))
            .with("line", e.line())
            .with("column", e.column())
    })?;
    config.validate()?;
    Ok(config)
}
