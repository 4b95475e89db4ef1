//! What models score on rows that say what is right.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_models::{Evaluation, EvaluationRow};
use steward_registry::{ModelEvaluation, ModelRef};
use utoipa::ToSchema;

use super::deployments::TargetBody;
use crate::auth::{Caller, Publish, Read};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// One text and what is right for it. What a row holds decides what is measured.
#[derive(ToSchema)]
#[schema(as = EvaluationRow)]
#[allow(dead_code, reason = "it describes a record of the models crate")]
pub(crate) struct RowBody {
    #[schema(example = "包裹一直没有到")]
    text: String,
    /// For a model that embeds: another text, to be compared with the first.
    text_pair: Option<String>,
    /// How alike the two texts are, on any scale that grows.
    score: Option<f64>,
    /// The label of the text.
    #[schema(example = "delivery")]
    label: Option<String>,
    /// The entities of the text.
    entities: Option<Vec<SpanBody>>,
    /// Rows of each language are measured apart too.
    #[schema(example = "zh")]
    lang: Option<String>,
    /// Any other part of the rows that is to be measured apart too.
    slice: Option<String>,
}

/// A part of a text with its label.
#[derive(ToSchema)]
#[schema(as = LabelledSpan)]
#[allow(dead_code, reason = "it describes a record of the models crate")]
pub(crate) struct SpanBody {
    /// In Unicode code points from the start of the text.
    start: u32,
    /// The first code point that is not part of it.
    end: u32,
    label: String,
}

/// What a model is to be measured with.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EvaluateModel {
    /// What the rows are called; a second evaluation with the same name takes the place of the first.
    #[schema(example = "support-messages-2026-05")]
    pub dataset: String,
    #[schema(value_type = Vec<RowBody>, min_items = 1, max_items = 20_000)]
    pub rows: Vec<EvaluationRow>,
    /// For a model that embeds and rows with labels: the labels to choose from; none means those of
    /// the rows.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// What weights scored on a dataset.
#[derive(ToSchema)]
#[schema(as = ModelEvaluation)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct EvaluationBody {
    target: TargetBody,
    dataset: String,
    /// `task`, `rows`, `metrics` (each number by its name; of a part of the rows as
    /// `accuracy[lang=zh]`), and `labels` (precision, recall, F1 and support of each label).
    report: Value,
    #[schema(format = DateTime)]
    created_at: String,
    /// Id of the key that asked for it.
    created_by: String,
}

/// Measure a model.
///
/// A classifier needs rows with `label`, a token classifier rows with `entities`, a model that embeds
/// rows with `text_pair` and `score` or rows with `label`. A variant is measured beside the version as
/// it was pushed. The answer comes when it is measured.
#[utoipa::path(post, path = "/api/v1/models/{model}/evaluations", tag = "models", security(("key" = ["publish"])),
    params(("model" = String, Path, description = "`name`, `name@version`, `name@alias`, each with `~variant` or without")),
    request_body = EvaluateModel,
    responses(
        (status = 200, description = "It is measured", body = EvaluationBody),
        (status = 422, description = "A value breaks a rule, or the model's files are broken"),
        (status = 503, description = "The model cannot run now"),
    ))]
pub(crate) async fn evaluate(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(model): InPath<ModelRef>,
    JsonBody(request): JsonBody<EvaluateModel>,
) -> Result<Json<ModelEvaluation>, Problem> {
    let evaluation = Evaluation {
        dataset: request.dataset,
        rows: request.rows,
        labels: request.labels,
    };
    let measured = gateway
        .models
        .evaluate(caller.tenant(), &model, &evaluation, caller.id())
        .await?;
    Ok(Json(measured))
}

/// Show what a version of a model and its variants scored.
#[utoipa::path(get, path = "/api/v1/models/{model}/evaluations", tag = "models", security(("key" = ["read"])),
    params(("model" = String, Path, description = "`name`, `name@version` or `name@alias`")),
    responses((status = 200, description = "Newest first", body = Vec<EvaluationBody>)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(model): InPath<ModelRef>,
) -> Result<Json<Vec<ModelEvaluation>>, Problem> {
    let resolved = gateway.models.resolve(caller.tenant(), &model)?;
    let number = &resolved.version.version;
    let mut evaluations = gateway
        .registry
        .model_evaluations(caller.tenant(), &model.name, number)
        .await?;
    if model.variant.is_some() {
        evaluations.retain(|evaluation| evaluation.target.variant == model.variant);
    }
    Ok(Json(evaluations))
}
