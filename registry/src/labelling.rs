//! Labelling projects: guidelines, a queue of tasks, what annotators, models and judges said.
//!
//! The life of a task: it is added, handed out to as many annotators as the project's overlap says,
//! each for the time of a lease, and is complete with that many annotations. Where they differ, a
//! judge adjudicates. Gold questions, tasks whose label is known, are mixed in between, and nobody
//! who is handed one can tell.
//!
//! Nothing that was acknowledged is lost: an annotation that comes after its lease has ended counts,
//! even where others have completed the task meanwhile. An annotator labels a task once.
//!
//! Leases are compared with the time that the caller passes in: hosts that share a database need
//! clocks that agree to within seconds.

mod adjudication;
mod answers;
mod label;
mod page;
mod projects;
mod queue;
mod records;
mod tasks;

pub use label::{Label, LabelKind, LabelSpan};
pub use records::{
    Adjudication, Assignment, GivenAnnotation, Guideline, LabelledTask, NewTask, Prediction,
    Project, ProjectSpec, Status, TaskState,
};

use crate::db::Write;
use crate::id::{Name, TenantId, shown};
use crate::{RegistryError, rows};

/// The largest task, in bytes of JSON.
pub const MAX_DATA_BYTES: usize = 256 * 1024;
/// The largest label, in bytes of JSON: room for some thousand spans.
pub const MAX_LABEL_BYTES: usize = 256 * 1024;
/// The largest account of what a prediction follows from, in bytes of JSON: room for the votes of a thousand functions.
pub const MAX_PROVENANCE_BYTES: usize = 256 * 1024;
/// The most tasks, annotations, predictions or ranks in one call, and the most tasks on a page.
pub const MAX_BATCH: usize = 10_000;

/// Begins a change of a project's queue: those of one project follow one another.
pub(crate) async fn lock(
    write: &mut Write,
    tenant: &TenantId,
    project: &Name,
) -> Result<Project, RegistryError> {
    let row = sqlx::query(
        "UPDATE label_projects SET revision = revision + 1 WHERE tenant = $1 AND name = $2 RETURNING *",
    )
    .bind(tenant.as_str())
    .bind(project.as_str())
    .fetch_optional(&mut **write)
    .await?;
    projects::record(&row.ok_or_else(|| no_such_project(project))?)
}

pub(crate) fn no_such_project(project: &Name) -> RegistryError {
    RegistryError::NotFound {
        kind: "labelling project",
        name: project.to_string(),
    }
}

pub(crate) fn no_such_task(task: &str) -> RegistryError {
    RegistryError::NotFound {
        kind: "task",
        name: shown(task),
    }
}

fn check_batch(what: &str, count: usize) -> Result<(), RegistryError> {
    if count > MAX_BATCH {
        return Err(RegistryError::Invalid(format!(
            "{count} {what} in one call; send at most {MAX_BATCH}"
        )));
    }
    Ok(())
}

/// The name of a task within its project, as everything outside may send it.
fn task_name(task: &str) -> Result<&str, RegistryError> {
    rows::one_line("the name of a task", task)
}
