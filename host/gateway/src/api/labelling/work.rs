//! The work of annotators.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use steward_data::labelling::LabelGiven;
use steward_registry::Name;
use steward_registry::labelling::{Assignment, GivenAnnotation, LabelKind};
use utoipa::ToSchema;

use super::bodies::{AnnotationBody, AssignmentBody};
use crate::auth::{Caller, Use};
use crate::extract::{InPath, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// Who works.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabelAnnotatorGiven {
    /// The annotator; where none is named, the key is one.
    #[serde(default)]
    #[schema(example = "mei")]
    annotator: Option<String>,
}

/// Who skips, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabelSkip {
    /// The annotator; where none is named, the key is one.
    #[serde(default)]
    annotator: Option<String>,
    /// A line of text.
    #[serde(default)]
    #[schema(example = "it is in a language that I do not read")]
    reason: String,
}

/// What an annotator says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabelAnnotate {
    /// The annotator; where none is named, the key is one.
    #[serde(default)]
    #[schema(example = "mei")]
    annotator: Option<String>,
    /// `LABEL`, or `{"spans": [{"start": 0, "end": 2, "label": LABEL}]}`, which counts code points.
    #[schema(value_type = Value, example = "billing")]
    label: LabelGiven,
}

/// What an annotator is handed.
#[derive(Serialize)]
struct Handed {
    #[serde(flatten)]
    assignment: Assignment,
    annotator: String,
    kind: LabelKind,
    labels: Vec<String>,
}

/// The annotator that a request names.
fn annotator(named: Option<String>, caller: &Caller<Use>) -> String {
    named.unwrap_or_else(|| caller.id().to_owned())
}

/// Take the next task.
///
/// Who has one is given the same again, with a new lease. What is given may be a gold question; nobody can tell.
#[utoipa::path(post, path = "/api/v1/labelling/{project}/next", tag = "labelling", security(("key" = ["invoke"])),
    operation_id = "next_label_task",
    params(("project" = String, Path, description = "Name of the project")),
    request_body = LabelAnnotatorGiven,
    responses(
        (status = 200, description = "The task", body = AssignmentBody),
        (status = 204, description = "There is nothing to do for this annotator now"),
    ))]
pub(crate) async fn next(
    caller: Caller<Use>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
    JsonBody(given): JsonBody<LabelAnnotatorGiven>,
) -> Result<Response, Problem> {
    let annotator = annotator(given.annotator, &caller);
    let labelling = &gateway.labelling;
    let handed = labelling.next(caller.tenant(), &project, &annotator);
    Ok(match handed.await? {
        None => StatusCode::NO_CONTENT.into_response(),
        Some((project, assignment)) => Json(Handed {
            assignment,
            annotator,
            kind: project.spec.kind,
            labels: project.spec.labels,
        })
        .into_response(),
    })
}

/// Give a task back unlabelled. It is not given to this annotator again.
#[utoipa::path(post, path = "/api/v1/labelling/{project}/tasks/{task}/skip", tag = "labelling", security(("key" = ["invoke"])),
    operation_id = "skip_label_task",
    params(
        ("project" = String, Path, description = "Name of the project"),
        ("task" = String, Path, description = "Name of the task"),
    ),
    request_body = LabelSkip,
    responses(
        (status = 204, description = "It is skipped"),
        (status = 422, description = "It is not in the hands of this annotator"),
    ))]
pub(crate) async fn skip(
    caller: Caller<Use>,
    State(gateway): State<Shared>,
    InPath((project, task)): InPath<(Name, String)>,
    JsonBody(given): JsonBody<LabelSkip>,
) -> Result<StatusCode, Problem> {
    let annotator = annotator(given.annotator, &caller);
    let (registry, tenant) = (&gateway.registry, caller.tenant());
    registry
        .skip_label_task(tenant, &project, &task, &annotator, &given.reason)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Label a task that was taken.
#[utoipa::path(post, path = "/api/v1/labelling/{project}/tasks/{task}/annotations", tag = "labelling", security(("key" = ["invoke"])),
    params(
        ("project" = String, Path, description = "Name of the project"),
        ("task" = String, Path, description = "Name of the task"),
    ),
    request_body = LabelAnnotate,
    responses(
        (status = 201, description = "It is kept", body = AnnotationBody),
        (status = 409, description = "This annotator has labelled the task"),
        (status = 422, description = "The label is none of the project's, a span is not within the text, or the task was not taken"),
    ))]
pub(crate) async fn annotate(
    caller: Caller<Use>,
    State(gateway): State<Shared>,
    InPath((project, task)): InPath<(Name, String)>,
    JsonBody(given): JsonBody<LabelAnnotate>,
) -> Result<(StatusCode, Json<GivenAnnotation>), Problem> {
    let annotator = annotator(given.annotator, &caller);
    let (labelling, label) = (&gateway.labelling, given.label.into());
    let kept = labelling.annotate(caller.tenant(), &project, &task, &annotator, &label);
    Ok((StatusCode::CREATED, Json(kept.await?)))
}
