//! Projects, their guidelines and their tasks.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::LOCATION;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_data::labelling::{AddGiven, Added, ProjectGiven};
use steward_registry::Name;
use steward_registry::labelling::{Guideline, LabelledTask, Project, Status};
use utoipa::{IntoParams, ToSchema};

use super::PATH;
use super::bodies::{
    AddBody, AddedBody, GuidelineBody, ProjectBody, ProjectGivenBody, StatusBody, TaskBody,
};
use crate::auth::{Caller, Publish, Read, Use};
use crate::extract::{InPath, InQuery, JsonBody};
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// A project and how far it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct LabelProjectShown {
    #[serde(flatten)]
    #[schema(inline, value_type = ProjectBody)]
    project: Project,
    #[schema(value_type = StatusBody)]
    status: Status,
}

/// What annotators are told from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabelGuidelineGiven {
    /// Markdown.
    text: String,
}

/// How many annotators label each task from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabelOverlap {
    /// 1 to 100.
    overlap: u32,
}

/// A part of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// The position after which the page begins.
    #[serde(default)]
    pub after: u64,
    /// How many there are on it: 100 where nothing is said, at most 1,000.
    pub limit: Option<usize>,
}

impl Page {
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(100).clamp(1, 1_000)
    }
}

/// List the labelling projects of the tenant.
#[utoipa::path(get, path = "/api/v1/labelling", tag = "labelling", security(("key" = ["read"])),
    operation_id = "list_label_projects",
    responses((status = 200, description = "By name", body = Vec<ProjectBody>)))]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<Project>>, Problem> {
    let projects = gateway.registry.label_projects(caller.tenant()).await?;
    Ok(Json(projects))
}

/// Create a labelling project.
#[utoipa::path(post, path = "/api/v1/labelling", tag = "labelling", security(("key" = ["publish"])),
    operation_id = "create_label_project",
    request_body = ProjectGivenBody,
    responses(
        (status = 201, description = "It is created", body = ProjectBody),
        (status = 409, description = "There is one of this name"),
        (status = 422, description = "It makes no sense: labels twice, an overlap of 0 …"),
    ))]
pub(crate) async fn create(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    JsonBody(given): JsonBody<ProjectGiven>,
) -> Result<impl IntoResponse, Problem> {
    let labelling = &gateway.labelling;
    let created = labelling.create(caller.tenant(), &given, caller.id());
    let project = created.await?;
    let location = format!("{PATH}/{}", project.name);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(project)))
}

/// Show a labelling project and how far it is.
#[utoipa::path(get, path = "/api/v1/labelling/{project}", tag = "labelling", security(("key" = ["read"])),
    operation_id = "show_label_project",
    params(("project" = String, Path, description = "Name of the project")),
    responses((status = 200, description = "The project", body = LabelProjectShown)))]
pub(crate) async fn show(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
) -> Result<Json<LabelProjectShown>, Problem> {
    let (registry, tenant) = (&gateway.registry, caller.tenant());
    let found = registry.label_project(tenant, &project).await?;
    let status = registry.label_status(tenant, &project, Timestamp::now());
    Ok(Json(LabelProjectShown {
        project: found,
        status: status.await?,
    }))
}

/// Change how many annotators label each task. Complete tasks are open again where it grows.
#[utoipa::path(put, path = "/api/v1/labelling/{project}/overlap", tag = "labelling", security(("key" = ["publish"])),
    params(("project" = String, Path, description = "Name of the project")),
    request_body = LabelOverlap,
    responses(
        (status = 200, description = "The project", body = ProjectBody),
        (status = 422, description = "It is not 1 to 100"),
    ))]
pub(crate) async fn set_overlap(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
    JsonBody(given): JsonBody<LabelOverlap>,
) -> Result<Json<Project>, Problem> {
    let registry = &gateway.registry;
    let changed = registry.set_label_overlap(caller.tenant(), &project, given.overlap);
    Ok(Json(changed.await?))
}

/// List the versions of a guideline.
#[utoipa::path(get, path = "/api/v1/labelling/{project}/guidelines", tag = "labelling", security(("key" = ["read"])),
    params(("project" = String, Path, description = "Name of the project")),
    responses((status = 200, description = "Newest first", body = Vec<GuidelineBody>)))]
pub(crate) async fn guidelines(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
) -> Result<Json<Vec<Guideline>>, Problem> {
    let registry = &gateway.registry;
    Ok(Json(
        registry.label_guidelines(caller.tenant(), &project).await?,
    ))
}

/// Write the next version of a guideline. Tasks that are handed out from then on name it.
#[utoipa::path(post, path = "/api/v1/labelling/{project}/guidelines", tag = "labelling", security(("key" = ["publish"])),
    params(("project" = String, Path, description = "Name of the project")),
    request_body = LabelGuidelineGiven,
    responses(
        (status = 201, description = "It is written", body = GuidelineBody),
        (status = 422, description = "It says nothing, or is over 1 MiB"),
    ))]
pub(crate) async fn add_guideline(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
    JsonBody(given): JsonBody<LabelGuidelineGiven>,
) -> Result<(StatusCode, Json<Guideline>), Problem> {
    let registry = &gateway.registry;
    let added = registry.add_label_guideline(caller.tenant(), &project, &given.text, caller.id());
    Ok((StatusCode::CREATED, Json(added.await?)))
}

/// Read a version of a guideline, as an annotator.
#[utoipa::path(get, path = "/api/v1/labelling/{project}/guidelines/{version}", tag = "labelling", security(("key" = ["invoke"])),
    params(
        ("project" = String, Path, description = "Name of the project"),
        ("version" = u32, Path, description = "As the task names it"),
    ),
    responses((status = 200, description = "The guideline", body = GuidelineBody)))]
pub(crate) async fn guideline(
    caller: Caller<Use>,
    State(gateway): State<Shared>,
    InPath((project, version)): InPath<(Name, u32)>,
) -> Result<Json<Guideline>, Problem> {
    let registry = &gateway.registry;
    let versions = registry.label_guidelines(caller.tenant(), &project).await?;
    let found = versions.into_iter().find(|v| v.version == version);
    found.map(Json).ok_or_else(|| {
        let detail = format!("there is no guideline version `{version}` of `{project}`");
        Problem::new(&codes::NOT_FOUND, detail).with("kind", "guideline version")
    })
}

/// Add tasks: rows of a dataset, or tasks of the request.
///
/// Rows that the project has as tasks are passed over, so that the call can be made again. Tasks of the request are all
/// added, or none.
#[utoipa::path(post, path = "/api/v1/labelling/{project}/tasks", tag = "labelling", security(("key" = ["publish"])),
    params(("project" = String, Path, description = "Name of the project")),
    request_body = AddBody,
    responses(
        (status = 201, description = "What became of them", body = AddedBody),
        (status = 409, description = "The project has a task of this name"),
        (status = 422, description = "No row can be a task, or the project would have over 200,000"),
    ))]
pub(crate) async fn add_tasks(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
    JsonBody(given): JsonBody<AddGiven>,
) -> Result<(StatusCode, Json<Added>), Problem> {
    let labelling = &gateway.labelling;
    let added = labelling.add(caller.tenant(), &project, given, caller.id());
    Ok((StatusCode::CREATED, Json(added.await?)))
}

/// List tasks with everything that was said about each, in the order in which they were added.
#[utoipa::path(get, path = "/api/v1/labelling/{project}/tasks", tag = "labelling", security(("key" = ["publish"])),
    operation_id = "list_label_tasks",
    params(("project" = String, Path, description = "Name of the project"), Page),
    responses((status = 200, description = "The next page begins after the last position", body = Vec<TaskBody>)))]
pub(crate) async fn tasks(
    caller: Caller<Publish>,
    State(gateway): State<Shared>,
    InPath(project): InPath<Name>,
    InQuery(page): InQuery<Page>,
) -> Result<Json<Vec<LabelledTask>>, Problem> {
    let registry = &gateway.registry;
    let tasks = registry.labelled_tasks(caller.tenant(), &project, page.after, page.limit());
    Ok(Json(tasks.await?))
}
