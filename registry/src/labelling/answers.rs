//! What annotators say.

use jiff::Timestamp;

use super::queue::handed_out;
use super::{GivenAnnotation, Label, ProjectSpec, check_batch, lock, no_such_task, task_name};
use crate::db::{Write, is_taken, lacks_parent};
use crate::id::{Name, TenantId, shown};
use crate::{Registry, RegistryError, rows};

impl Registry {
    /// Keeps what an annotator said about a task that it was handed. Its lease may have ended.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where this annotator has labelled the task;
    /// [`RegistryError::NotFound`] for the project or the task; [`RegistryError::Invalid`] where the
    /// annotator was not handed the task, or for a label that is none of the project's;
    /// [`RegistryError::Database`].
    pub async fn annotate(
        &self,
        tenant: &TenantId,
        project: &Name,
        task: &str,
        annotator: &str,
        label: &Label,
        now: Timestamp,
    ) -> Result<GivenAnnotation, RegistryError> {
        let (task, annotator) = (task_name(task)?, rows::one_line("an annotator", annotator)?);
        let mut write = self.db.write().await?;
        let spec = lock(&mut write, tenant, project).await?.spec;
        let annotation = GivenAnnotation {
            task: task.to_owned(),
            annotator: annotator.to_owned(),
            label: label.clone(),
            guideline: handed_out(&mut write, tenant, project, task, annotator).await?,
            created_at: rows::whole_micros(now),
        };
        match keep(&mut write, tenant, project, &spec, &annotation).await {
            Ok(()) => {
                write.commit().await?;
                Ok(annotation)
            }
            Err(error) => {
                write.roll_back().await?;
                Err(error)
            }
        }
    }

    /// Keeps annotations that were made elsewhere, whoever was handed what here. All of them or, on an
    /// error, none.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where an annotator has labelled a task, or labels one twice in these;
    /// [`RegistryError::NotFound`] for the project, a task or the version of the guideline;
    /// [`RegistryError::Invalid`] for a label that is none of the project's, or over 10,000 annotations;
    /// [`RegistryError::Database`].
    pub async fn import_annotations(
        &self,
        tenant: &TenantId,
        project: &Name,
        annotations: &[GivenAnnotation],
    ) -> Result<(), RegistryError> {
        check_batch("annotations", annotations.len())?;
        let mut write = self.db.write().await?;
        let spec = lock(&mut write, tenant, project).await?.spec;
        for annotation in annotations {
            task_name(&annotation.task)?;
            rows::one_line("an annotator", &annotation.annotator)?;
            let kept = keep(&mut write, tenant, project, &spec, annotation).await;
            if let Err(error) = kept {
                write.roll_back().await?;
                return Err(error);
            }
        }
        write.commit().await
    }
}

/// Writes the annotation, ends the assignment and counts.
async fn keep(
    write: &mut Write,
    tenant: &TenantId,
    project: &Name,
    spec: &ProjectSpec,
    annotation: &GivenAnnotation,
) -> Result<(), RegistryError> {
    let label = annotation.label.to_json(spec.kind, &spec.labels)?;
    // First the task: what then lacks a parent is the guideline.
    let done = sqlx::query(
        "UPDATE label_tasks SET annotations = annotations + 1, state = CASE \
           WHEN state = 'open' AND annotations + 1 >= $4 THEN 'complete' ELSE state END \
         WHERE tenant = $1 AND project = $2 AND task = $3",
    )
    .bind(tenant.as_str())
    .bind(project.as_str())
    .bind(&annotation.task)
    .bind(i64::from(spec.overlap))
    .execute(&mut **write)
    .await?;
    if done.rows_affected() == 0 {
        return Err(no_such_task(&annotation.task));
    }
    sqlx::query(
        "INSERT INTO label_annotations (tenant, project, task, annotator, label, guideline, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tenant.as_str())
    .bind(project.as_str())
    .bind(&annotation.task)
    .bind(&annotation.annotator)
    .bind(label)
    .bind(i64::from(annotation.guideline))
    .bind(annotation.created_at.as_microsecond())
    .execute(&mut **write)
    .await
    .map_err(|e| match () {
        () if is_taken(&e) => RegistryError::Conflict {
            kind: "annotation",
            name: format!("{} by {}", shown(&annotation.task), shown(&annotation.annotator)),
            detail: ": an annotator labels a task once, and a judge corrects what is wrong".into(),
        },
        () if lacks_parent(&e) => RegistryError::NotFound {
            kind: "guideline version",
            name: annotation.guideline.to_string(),
        },
        () => e.into(),
    })?;
    sqlx::query(
        "INSERT INTO label_assignments (tenant, project, task, annotator, state, leased_until, guideline, reason) \
         VALUES ($1, $2, $3, $4, 'done', $5, $6, '') ON CONFLICT (tenant, project, task, annotator) \
         DO UPDATE SET state = 'done', reason = ''",
    )
    .bind(tenant.as_str())
    .bind(project.as_str())
    .bind(&annotation.task)
    .bind(&annotation.annotator)
    .bind(annotation.created_at.as_microsecond())
    .bind(i64::from(annotation.guideline))
    .execute(&mut **write)
    .await?;
    Ok(())
}
