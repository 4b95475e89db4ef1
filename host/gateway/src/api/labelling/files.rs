//! What comes in and what goes out.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION};
use serde::Deserialize;
use steward_data::labelling::{ByVotes, ExportFormat, ExportGiven, Imported};
use steward_registry::Name;
use tokio_util::io::ReaderStream;
use utoipa::IntoParams;

use super::bodies::{ImportedBody, SnapshotGivenBody};
use super::results::decide;
use crate::api::datasets::SnapshotBody;
use crate::auth::{Caller, Publish};
use crate::extract::{InPath, InQuery, JsonBody, TextBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// Which labels are taken.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Taken {
    /// The control whose labels are taken (`from_name`); those of every one where none is named.
    control: Option<String>,
}

/// How labels are decided, and the form of the file.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileWanted {
    /// `jsonl` or `label-studio`, which has what was said and not what follows from it.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: ExportFormat,
    /// `majority`, `weighted-vote` (by gold questions), `dawid-skene`, or `function:NAME` (a deployed labeller).
    #[serde(default)]
    #[param(value_type = Option<String>)]
    method: ByVotes,
    /// Whether votes decide before there are as many as the overlap says.
    #[serde(default)]
    partial: bool,
    /// The model that decides what people have not, where several have predicted.
    auto_model: Option<String>,
    /// From which confidence on it does.
    auto_threshold: Option<f64>,
    /// Instead: how often it shall be right at least, measured on tasks whose label is known.
    auto_precision: Option<f64>,
}

/// Take tasks, annotations, predictions and ground truth out of a file of Label Studio (JSON).
///
/// What the project has stays as it is, so that a file can be sent again. A task that is broken does not stop the others.
#[utoipa::path(post, path = "/api/v1/labelling/{project}/imports", tag = "labelling", security(("key" = ["publish"])),
    operation_id = "import_label_studio",
    params(("project" = String, Path, description = "Name of the project"), Taken),
    request_body(content = serde_json::Value, description = "A list of tasks, as Label Studio exports them"),
    responses(
        (status = 200, description = "What became of it", body = ImportedBody),
        (status = 422, description = "It is no list of tasks"),
    ))]
pub(crate) async fn import(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
    InQuery(taken): InQuery<Taken>,
    TextBody(file): TextBody,
) -> Result<Json<Imported>, Problem> {
    let (labelling, tenant) = (&gateway.labelling, caller.tenant());
    let control = taken.control.as_deref();
    let imported = labelling.import(tenant, &project, file, control, caller.id());
    Ok(Json(imported.await?))
}

/// Read every task with its label and with everything that was said about it.
///
/// `format=jsonl` is one task a line: `task`, `data`, `label` or `spans`, `decided`, `annotations`. `format=label-studio`
/// is what Label Studio imports, and this host takes back.
#[utoipa::path(get, path = "/api/v1/labelling/{project}/export", tag = "labelling", security(("key" = ["publish"])),
    operation_id = "export_labels",
    params(("project" = String, Path, description = "Name of the project"), FileWanted),
    responses((status = 200, description = "The file", body = Vec<u8>, content_type = "application/x-ndjson")))]
pub(crate) async fn export(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
    InQuery(form): InQuery<FileWanted>,
) -> Result<Response, Problem> {
    let (labelling, tenant, format) = (&gateway.labelling, caller.tenant(), form.format);
    let decide = decide(
        form.method,
        form.partial,
        form.auto_model,
        form.auto_threshold,
        form.auto_precision,
    );
    let file = labelling.export(tenant, &project, format, decide);
    let file = tokio::fs::File::from_std(file.await?);
    let content = match format {
        ExportFormat::Jsonl => "application/x-ndjson",
        ExportFormat::LabelStudio => "application/json",
    };
    let body = Body::from_stream(ReaderStream::with_capacity(file, 256 * 1024));
    Ok(([(CONTENT_TYPE, content)], body).into_response())
}

/// Add the labelled rows to a dataset, as its next snapshot.
///
/// A row is what the task was made of, with its label, and with `labelling`: who said what, under which guideline. The
/// lineage of the snapshot names the project, the guideline, the method, and the snapshots that the tasks come from.
#[utoipa::path(post, path = "/api/v1/labelling/{project}/snapshots", tag = "labelling", security(("key" = ["publish"])),
    operation_id = "snapshot_labels",
    params(("project" = String, Path, description = "Name of the project")),
    request_body = SnapshotGivenBody,
    responses(
        (status = 201, description = "It is added", body = SnapshotBody),
        (status = 422, description = "Nothing is decided, or rows have the field of the label already"),
    ))]
pub(crate) async fn snapshot(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
    JsonBody(given): JsonBody<ExportGiven>,
) -> Result<impl IntoResponse, Problem> {
    let labelling = &gateway.labelling;
    let added = labelling.snapshot(caller.tenant(), &project, given, caller.id());
    let added = added.await?;
    let location = format!("/api/v1/datasets/{}", added.reference());
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(added)))
}
