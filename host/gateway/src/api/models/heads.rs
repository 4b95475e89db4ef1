//! Classifiers trained on labels.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::LOCATION;
use serde_json::Value;
use steward_data::HeadSpec;
use steward_registry::Name;
use utoipa::ToSchema;

use crate::api::datasets::{RUNS_PATH, RunBody};
use crate::auth::{Caller, Publish};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// What is asked of a training.
#[derive(ToSchema)]
#[schema(as = HeadSpec)]
#[allow(dead_code, reason = "it describes what the data crate reads")]
pub(crate) struct HeadSpecBody {
    /// The model that embeds the texts, of the task `embed`.
    #[schema(example = "minilm")]
    base: String,
    /// The rows with texts and labels: `name`, or `name@snapshot`. This or `project`.
    #[schema(example = "intents")]
    dataset: Option<String>,
    /// The labelling project whose labels are learned, of the kind `choice`.
    project: Option<String>,
    /// How the labels of the project are decided, as for a snapshot of them.
    decide: Option<Value>,
    /// The dataset that gets the labels of the project as its next snapshot. Default `PROJECT-labels`.
    output: Option<String>,
    /// The version to register. Default 1.0.0, or the next minor one.
    #[schema(example = "1.0.0")]
    version: Option<String>,
    /// Names of the fields `text` and `label`, where they are others.
    fields: Option<Value>,
    /// How many numbers the hidden layer has, at most 1,024. Without it the head is a logistic regression.
    #[schema(example = 64)]
    hidden: Option<u32>,
    /// The penalty of the weights: 1/C of scikit-learn's logistic regression (default 0.1), `alpha` of its network (default
    /// 0.01).
    l2: Option<f64>,
    /// `even`, `balanced` (each label counts as much as another), or `{"given": {"LABEL": WEIGHT}}`.
    #[schema(default = "even")]
    class_weights: Option<Value>,
    /// Of a network: how far a step goes.
    #[schema(default = 0.001)]
    learning_rate: Option<f64>,
    /// Of a network: the most rounds over the examples.
    #[schema(default = 500)]
    max_epochs: Option<u32>,
    /// Of a network: after how many rounds without a gain on 15 % of the examples the training ends.
    #[schema(default = 20)]
    patience: Option<u32>,
    /// How many folds the cross-validation has, 2 to 20; 0 for none.
    #[schema(default = 5)]
    folds: Option<u32>,
    /// The share of the texts that is never learned from, and measured on. Which texts these are follows from a hash of
    /// each text alone.
    #[schema(default = 0.2, maximum = 0.5)]
    held_out: Option<f64>,
    /// Whether the head weighs single characters beside the vector, for texts that the base model has no words of: `auto`
    /// (where it does not know one token of twenty), `on` or `off`.
    #[schema(default = "auto")]
    characters: Option<String>,
    /// What folds, and a network, are drawn from.
    #[schema(default = 0)]
    seed: Option<u64>,
    /// What the model is, for people.
    description: Option<String>,
}

/// Train a classifier on labels.
///
/// The texts become vectors by the base model, a head learns their labels, and both together are registered as the next
/// version of the model, of the task `classify`: one ONNX file that takes texts and gives a probability for each label. The
/// answer comes when the run has begun. Its outcome says what the version scores in a cross-validation (`folds`) and on
/// texts that are held out (`held_out`): accuracy with its interval, macro F1, each label, confusions, calibration, and each
/// language where rows say `lang`. Both are kept as evaluations of the version, `DATASET/folds` and `DATASET/held-out`,
/// which gates of a deployment can name. `warnings` says where the base model cannot read the texts.
#[utoipa::path(post, path = "/api/v1/models/{name}/train", tag = "models", security(("key" = ["publish"])),
    operation_id = "train_head",
    params(("name" = String, Path, description = "The model that gets the next version")),
    request_body = HeadSpecBody,
    responses(
        (status = 202, description = "It has begun", body = RunBody),
        (status = 422, description = "It contradicts itself, the base model does not embed, or nothing is labelled"),
    ))]
pub(crate) async fn train(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
    JsonBody(spec): JsonBody<HeadSpec>,
) -> Result<impl IntoResponse, Problem> {
    let labelling = &gateway.labelling;
    let begun = labelling.train(caller.tenant(), &name, spec, caller.id());
    let run = begun.await?;
    let location = format!("{RUNS_PATH}/{}", run.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(run)))
}
