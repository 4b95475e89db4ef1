//! Datasets: snapshots of rows, and the runs that make one of another.

pub(crate) mod files;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_data::{DataError, RunSpec};
use steward_registry::{ArtifactRef, DatasetRef, DatasetRun, DatasetSnapshot, Name};
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;

use super::models::FileBody;
use crate::auth::{Caller, Publish, Read};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// Where datasets are listed.
const PATH: &str = "/api/v1/datasets";
/// One JSON object a line.
const JSON_LINES: &str = "application/x-ndjson";

/// A snapshot of a dataset.
#[derive(ToSchema)]
#[schema(as = DatasetSnapshot)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct SnapshotBody {
    #[schema(example = "support-messages")]
    name: String,
    /// 1, 2, 3 … in the dataset.
    snapshot: u64,
    file: FileBody,
    rows: u64,
    /// Where it comes from: `uploaded` with the `format` and `encoding` of the file, its digest as `source`, and what was
    /// `rejected`, by reason; or `from`, `run`, `steps` with their versions and digests, what became of the
    /// rows, and `costs`, one for each step.
    lineage: Value,
    #[schema(format = DateTime)]
    created_at: String,
    /// Id of the key that added it.
    created_by: String,
}

/// What a run is to do.
#[derive(ToSchema)]
#[schema(as = DatasetRunSpec)]
#[allow(dead_code, reason = "it describes what the data crate reads")]
pub(crate) struct RunSpecBody {
    /// The dataset that gets the next snapshot.
    #[schema(example = "support-messages-clean")]
    output: String,
    /// Functions, plugins (`name` or `name@version`), `classify:MODEL:LABEL,LABEL`, or objects
    /// `{"classify": MODEL, "labels": [LABEL, …]}` and `{"classify": MODEL, "labels": {LABEL: [EXAMPLE, …]}}`.
    /// None are needed where duplicates are looked for.
    #[schema(required = false, example = json!(["text-cleaner", "anonymizer"]))]
    steps: Vec<Value>,
    /// Names of the fields `text`, `id`, `findings`, `label`, `score`, where they are others, and `overwrite`.
    fields: Option<Value>,
    /// Whether rows stay that say the same as one before them.
    #[schema(default = false)]
    keep_duplicates: Option<bool>,
    /// What is looked for among the rows that the steps leave: `near` (`similarity` of Jaccard, and the `function` whose
    /// MinHash values are used), `semantic` (`model`, and the `similarity` of its vectors), `sentences` (`passage`,
    /// `min_characters`); which row of a cluster stays, by `keep` (`first`, `longest`, `highest:FIELD`, `lowest:FIELD`);
    /// and whether to `mark` rows (`duplicate_of`, `duplicate_cluster`, `duplicate_similarity`) instead of dropping them.
    #[schema(example = json!({"near": {"similarity": 0.8}, "semantic": {"model": "minilm", "similarity": 0.95}, "keep": "longest"}))]
    duplicates: Option<Value>,
}

/// A run over a dataset.
#[derive(ToSchema)]
#[schema(as = DatasetRun)]
#[allow(dead_code, reason = "it describes a record of the registry")]
pub(crate) struct RunBody {
    /// ULID.
    id: String,
    /// The snapshot that is read.
    #[schema(example = "support-messages@1")]
    input: String,
    /// `DatasetRunSpec`, `DatasetImpactSpec`, or `HeadSpec` with `train`, the model.
    spec: Value,
    /// `running`, `done`, `failed` or `cancelled`.
    state: String,
    /// `bytes` of `total_bytes`, `rows` by what became of them, and which share of the search for `duplicates` is done; of
    /// an impact `phase`, and `texts` of `total_texts`; of a head also `trained` of `trainings`, and `rounds`.
    progress: Value,
    /// Of a run that is done: `snapshot` and what its lineage says; `rejects_file` and `dropped_file` where there are
    /// such rows. Of an impact or a head that is done: `report`, which is `impact` or `head`, and what it says. Of another:
    /// `error`.
    outcome: Value,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: String,
    #[schema(format = DateTime)]
    seen_at: String,
}

/// Whether a run was ended.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Cancelled {
    /// False where it had ended before.
    pub cancelled: bool,
}

/// List the datasets of the tenant, each with its newest snapshot.
#[utoipa::path(get, path = "/api/v1/datasets", tag = "datasets", security(("key" = ["read"])),
    responses((status = 200, description = "By name", body = Vec<SnapshotBody>)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<DatasetSnapshot>>, Problem> {
    Ok(Json(gateway.registry.datasets(caller.tenant()).await?))
}

/// Show the snapshots of a dataset.
#[utoipa::path(get, path = "/api/v1/datasets/{name}", tag = "datasets", security(("key" = ["read"])),
    params(("name" = String, Path, description = "Name of the dataset")),
    responses((status = 200, description = "Newest first", body = Vec<SnapshotBody>)))]
pub(crate) async fn show(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(name): InPath<Name>,
) -> Result<Json<Vec<DatasetSnapshot>>, Problem> {
    let snapshots = gateway.registry.snapshots(caller.tenant(), &name).await?;
    Ok(Json(snapshots))
}

/// Make the next snapshot of a dataset by steps over a snapshot of another, or of the same.
///
/// The answer comes when the run has begun; where it is, it says itself.
#[utoipa::path(post, path = "/api/v1/datasets/{dataset}/runs", tag = "datasets", security(("key" = ["publish"])),
    params(("dataset" = String, Path, description = "`name`, or `name@snapshot`")),
    request_body = RunSpecBody,
    responses(
        (status = 202, description = "It has begun", body = RunBody),
        (status = 422, description = "A step is none, or the run contradicts itself"),
    ))]
pub(crate) async fn run(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(dataset): InPath<DatasetRef>,
    JsonBody(spec): JsonBody<RunSpec>,
) -> Result<impl IntoResponse, Problem> {
    let datasets = &gateway.datasets;
    let begun = datasets.run(caller.tenant(), &dataset, spec, caller.id());
    let run = begun.await?;
    let location = format!("{RUNS_PATH}/{}", run.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(run)))
}

/// Where runs are listed.
pub(crate) const RUNS_PATH: &str = "/api/v1/dataset-runs";

/// List the last runs of the tenant.
#[utoipa::path(get, path = "/api/v1/dataset-runs", tag = "datasets", security(("key" = ["read"])),
    responses((status = 200, description = "Newest first, at most 200", body = Vec<RunBody>)))]
pub(crate) async fn runs(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<DatasetRun>>, Problem> {
    Ok(Json(gateway.registry.dataset_runs(caller.tenant()).await?))
}

/// Show a run.
#[utoipa::path(get, path = "/api/v1/dataset-runs/{id}", tag = "datasets", security(("key" = ["read"])),
    params(("id" = String, Path, description = "Id of the run")),
    responses((status = 200, description = "The run", body = RunBody)))]
pub(crate) async fn show_run(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(id): InPath<String>,
) -> Result<Json<DatasetRun>, Problem> {
    let run = gateway.registry.dataset_run(caller.tenant(), &id).await?;
    Ok(Json(run))
}

/// Read the rows that a run rejected, each with its line and the reason, or left out, each with the rule; of an impact the
/// samples that lost most, or gained most, by comparison.
#[utoipa::path(get, path = "/api/v1/dataset-runs/{id}/{kind}", tag = "datasets", security(("key" = ["publish"])),
    params(
        ("id" = String, Path, description = "Id of the run"),
        ("kind" = String, Path, description = "`rejects` or `dropped`; of an impact `worst` or `best`"),
    ),
    responses((status = 200, description = "JSON Lines, none where there are no such rows", body = Vec<u8>, content_type = "application/x-ndjson")))]
pub(crate) async fn run_rows(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath((id, kind)): InPath<(String, String)>,
) -> Result<Response, Problem> {
    if !["rejects", "dropped", "worst", "best"].contains(&kind.as_str()) {
        let detail = format!(
            "`{kind}` is not kept of a run; there are `rejects`, `dropped`, `worst` and `best`"
        );
        return Err(Problem::new(&codes::INVALID_PATH, detail));
    }
    let run = gateway.registry.dataset_run(caller.tenant(), &id).await?;
    let kept = run.outcome.get(format!("{kind}_file"));
    let kept: Option<ArtifactRef> = kept.and_then(|kept| serde_json::from_value(kept.clone()).ok());
    match kept {
        None => Ok(([(CONTENT_TYPE, JSON_LINES)], "").into_response()),
        Some(kept) => file(&gateway, kept).await,
    }
}

/// End a run. It makes no snapshot.
#[utoipa::path(post, path = "/api/v1/dataset-runs/{id}/cancel", tag = "datasets", security(("key" = ["publish"])),
    params(("id" = String, Path, description = "Id of the run")),
    responses((status = 200, description = "Whether it went on", body = Cancelled)))]
pub(crate) async fn cancel(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(id): InPath<String>,
) -> Result<Json<Cancelled>, Problem> {
    let cancelled = gateway.datasets.cancel(caller.tenant(), &id).await?;
    Ok(Json(Cancelled { cancelled }))
}

/// A file of the artifact store as an answer, piece by piece.
async fn file(gateway: &Shared, artifact: ArtifactRef) -> Result<Response, Problem> {
    let path = gateway.datasets.fetch(artifact).await?;
    let file = tokio::fs::File::open(&path)
        .await
        .map_err(|source| DataError::File {
            action: "read",
            path,
            source,
        })?;
    Ok((
        [
            (CONTENT_TYPE, JSON_LINES.to_owned()),
            (CONTENT_LENGTH, artifact.size.to_string()),
            (ETAG, format!("\"{}\"", artifact.digest)),
        ],
        Body::from_stream(ReaderStream::with_capacity(file, 256 * 1024)),
    )
        .into_response())
}

/// Whether a request writes or compares rows, which takes longer than others may.
pub(crate) fn takes_its_time(method: &str, path: &str) -> bool {
    let rest = path
        .strip_prefix(PATH)
        .and_then(|rest| rest.strip_prefix('/'));
    let kind = rest.and_then(|rest| rest.split('/').nth(1));
    method == "GET" && matches!(kind, Some("rows" | "diff"))
}

/// Whether a path is that of rows that come in.
pub(crate) fn takes_rows(method: &str, path: &str) -> bool {
    let name = path
        .strip_prefix(PATH)
        .and_then(|rest| rest.strip_prefix('/'));
    method == "POST" && name.is_some_and(|name| !name.contains('/'))
}
