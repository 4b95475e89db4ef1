//! The work of judges: what is known, and what is disputed.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use steward_data::labelling::LabelGiven;
use steward_registry::Name;
use steward_registry::labelling::{Adjudication, Label, LabelledTask};
use utoipa::{IntoParams, ToSchema};

use super::bodies::{AdjudicationBody, TaskBody};
use crate::auth::{Caller, Publish};
use crate::extract::{InPath, InQuery, JsonBody};
use crate::gateway::Shared;
use crate::problem::Problem;

/// The label of a gold question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabelGold {
    /// `LABEL`, or `{"spans": […]}`; null makes it a task like others.
    #[schema(value_type = Option<Value>, example = "billing")]
    label: Option<LabelGiven>,
}

/// What a judge decides.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabelAdjudicate {
    /// `LABEL`, or `{"spans": […]}`.
    #[schema(value_type = Value, example = "billing")]
    label: LabelGiven,
    /// A line of text.
    #[serde(default)]
    #[schema(example = "it is about the invoice, not about the crash")]
    reason: String,
}

/// How many tasks are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Few {
    /// At most so many: 100 where nothing is said, up to 1,000.
    limit: Option<usize>,
}

/// Show a task with everything that was said about it.
#[utoipa::path(get, path = "/api/v1/labelling/{project}/tasks/{task}", tag = "labelling", security(("key" = ["publish"])),
    operation_id = "show_label_task",
    params(
        ("project" = String, Path, description = "Name of the project"),
        ("task" = String, Path, description = "Name of the task"),
    ),
    responses((status = 200, description = "The task", body = TaskBody)))]
pub(crate) async fn task(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath((project, task)): InPath<(Name, String)>,
) -> Result<Json<LabelledTask>, Problem> {
    let registry = &gateway.registry;
    let found = registry.labelled_task(caller.tenant(), &project, &task);
    Ok(Json(found.await?))
}

/// Make a task a gold question, or one like others.
#[utoipa::path(put, path = "/api/v1/labelling/{project}/tasks/{task}/gold", tag = "labelling", security(("key" = ["publish"])),
    params(
        ("project" = String, Path, description = "Name of the project"),
        ("task" = String, Path, description = "Name of the task"),
    ),
    request_body = LabelGold,
    responses(
        (status = 204, description = "It is so now"),
        (status = 422, description = "The label is none of the project's, or a span is not within the text"),
    ))]
pub(crate) async fn set_gold(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath((project, task)): InPath<(Name, String)>,
    JsonBody(given): JsonBody<LabelGold>,
) -> Result<StatusCode, Problem> {
    let label = given.label.map(Label::from);
    let labelling = &gateway.labelling;
    labelling
        .set_gold(caller.tenant(), &project, &task, label.as_ref())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the complete tasks whose annotators differ, and that nobody has decided.
#[utoipa::path(get, path = "/api/v1/labelling/{project}/disputed", tag = "labelling", security(("key" = ["publish"])),
    params(("project" = String, Path, description = "Name of the project"), Few),
    responses((status = 200, description = "In the order of the queue", body = Vec<TaskBody>)))]
pub(crate) async fn disputed(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
    InQuery(few): InQuery<Few>,
) -> Result<Json<Vec<LabelledTask>>, Problem> {
    let registry = &gateway.registry;
    let tasks = registry.disputed_label_tasks(
        caller.tenant(),
        &project,
        few.limit.unwrap_or(100).clamp(1, 1_000),
    );
    Ok(Json(tasks.await?))
}

/// Decide the label of a task. A later decision takes the place of an earlier one, which is kept.
#[utoipa::path(post, path = "/api/v1/labelling/{project}/tasks/{task}/adjudications", tag = "labelling", security(("key" = ["publish"])),
    params(
        ("project" = String, Path, description = "Name of the project"),
        ("task" = String, Path, description = "Name of the task"),
    ),
    request_body = LabelAdjudicate,
    responses(
        (status = 201, description = "It is decided", body = AdjudicationBody),
        (status = 422, description = "The label is none of the project's, a span is not within the text, or the task is a gold question"),
    ))]
pub(crate) async fn adjudicate(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath((project, task)): InPath<(Name, String)>,
    JsonBody(given): JsonBody<LabelAdjudicate>,
) -> Result<(StatusCode, Json<Adjudication>), Problem> {
    let (labelling, tenant) = (&gateway.labelling, caller.tenant());
    let label = given.label.into();
    let decided = labelling.adjudicate(tenant, &project, &task, &label, &given.reason, caller.id());
    Ok((StatusCode::CREATED, Json(decided.await?)))
}
