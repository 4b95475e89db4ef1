//! What a treatment of a dataset costs or gains.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::LOCATION;
use serde_json::Value;
use steward_data::ImpactSpec;
use steward_registry::DatasetRef;
use utoipa::ToSchema;

use super::datasets::{RUNS_PATH, RunBody};
use crate::auth::{Caller, Publish};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// What is asked of a treatment.
#[derive(ToSchema)]
#[schema(as = DatasetImpactSpec)]
#[allow(dead_code, reason = "it describes what the data crate reads")]
pub(crate) struct ImpactSpecBody {
    /// What became of the rows, 1 to 5 snapshots: each is compared with the one before it, the first with that of the
    /// path; of several also the last with that of the path.
    #[schema(example = json!(["messages-clean@1", "messages-anonymous@1"]))]
    after: Vec<String>,
    /// The labelled rows that losses are measured on. Rows of the other snapshots that are among them are not trained
    /// on.
    #[schema(example = "messages-held-out@1")]
    evaluation: String,
    /// A model that embeds.
    #[schema(example = "minilm")]
    model: String,
    /// `cleaning` (the sum of max(0, after − before)), `privacy` or `treatment` (the sum of after − before), one for each
    /// comparison. Without it the lineage says: cleaners between two snapshots make it cleaning, anonymizers privacy.
    kinds: Option<Vec<String>>,
    /// Names of the fields `text`, `id`, `label`, where they are others.
    fields: Option<Value>,
    /// The penalty of the logistic regression: 1/C of scikit-learn.
    #[schema(default = 0.1, minimum = 1e-6, maximum = 1e6)]
    l2: Option<f64>,
    /// Whether the numbers of the vectors are scaled to mean 0 and deviation 1 first.
    #[schema(default = false)]
    standardize: Option<bool>,
    /// Whether each label counts as much as another in the training.
    #[schema(default = false)]
    balanced: Option<bool>,
    /// What the resamples of the confidence interval are drawn from. Nothing else is drawn.
    #[schema(default = 0)]
    seed: Option<u64>,
    /// How many samples are listed of those that lost most, and of those that gained most.
    #[schema(default = 20, maximum = 200)]
    listed: Option<u32>,
    /// When a row is taken for one of the evaluation: `id-or-text`, or `text` where equal ids name different rows. Case
    /// and white space of the text do not count.
    #[schema(default = "id-or-text")]
    overlap: Option<String>,
    /// The dataset that gets a snapshot with the losses of every sample; none where it is not named.
    output: Option<String>,
}

/// Measure what a treatment costs or gains a model that learns from the dataset.
///
/// The texts are embedded and a multinomial logistic regression learns their labels, from each snapshot for itself; losses
/// are cross-entropies, in nats, at the rows of the evaluation. The answer comes when the run has begun. Its outcome has
/// `sets` (each with what was trained on and left out, mean loss, accuracy, macro F1) and `comparisons` (each with `kind`,
/// `loss`, the mean change with its interval, what got worse and better, and the labels); the samples that changed most are
/// read with `worst` and `best` of the run.
#[utoipa::path(post, path = "/api/v1/datasets/{dataset}/impact", tag = "datasets", security(("key" = ["publish"])),
    params(("dataset" = String, Path, description = "What was treated: `name`, or `name@snapshot`")),
    request_body = ImpactSpecBody,
    responses(
        (status = 202, description = "It has begun", body = RunBody),
        (status = 422, description = "It contradicts itself, or the model does not embed"),
    ))]
pub(crate) async fn begin(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(dataset): InPath<DatasetRef>,
    JsonBody(spec): JsonBody<ImpactSpec>,
) -> Result<impl IntoResponse, Problem> {
    let datasets = &gateway.datasets;
    let begun = datasets.impact(caller.tenant(), &dataset, spec, caller.id());
    let run = begun.await?;
    let location = format!("{RUNS_PATH}/{}", run.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(run)))
}
