//! Judges: what is disputed, and what they decide.

use jiff::Timestamp;

use super::page::fill;
use super::{Adjudication, Label, LabelledTask, lock, no_such_task, task_name};
use crate::id::{Name, TenantId, shown};
use crate::{Registry, RegistryError, rows};

macro_rules! disputed {
    ($what:literal, $end:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM label_tasks t WHERE t.tenant = $1 AND t.project = $2 AND t.state = 'complete' ",
            "AND (SELECT COUNT(DISTINCT a.label) FROM label_annotations a WHERE a.tenant = t.tenant ",
            "AND a.project = t.project AND a.task = t.task) > 1",
            $end
        )
    };
}

pub(super) const COUNT_DISPUTED: &str = disputed!("COUNT(*) AS tasks", "");
const DISPUTED: &str = disputed!("t.*", " ORDER BY t.rank, t.position LIMIT $3");

impl Registry {
    /// Complete tasks whose annotations differ, in the order in which tasks are handed out; at most
    /// `limit`, and never more than 10,000.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the project, [`RegistryError::Database`].
    pub async fn disputed_label_tasks(
        &self,
        tenant: &TenantId,
        project: &Name,
        limit: usize,
    ) -> Result<Vec<LabelledTask>, RegistryError> {
        self.label_project(tenant, project).await?;
        let rows = sqlx::query(DISPUTED)
            .bind(tenant.as_str())
            .bind(project.as_str())
            .bind(limit.min(super::MAX_BATCH) as i64)
            .fetch_all(&self.db.pool)
            .await?;
        fill(&self.db.pool, tenant, project, &rows).await
    }

    /// A judge decides the label of a task; a later decision takes the place of an earlier one, which is
    /// kept. The task is not handed out any more. `reason` is a line of text, or empty.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the project or the task; [`RegistryError::Invalid`] for a gold
    /// question, or a label that is none of the project's; [`RegistryError::Database`].
    #[allow(clippy::too_many_arguments, reason = "each is a column of the row")]
    pub async fn adjudicate(
        &self,
        tenant: &TenantId,
        project: &Name,
        task: &str,
        label: &Label,
        reason: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Adjudication, RegistryError> {
        if !reason.is_empty() {
            rows::one_line("a reason", reason)?;
        }
        let (task, by) = (task_name(task)?, rows::one_line("a judge", by)?);
        let mut write = self.db.write().await?;
        let found = lock(&mut write, tenant, project).await?;
        let json = label.to_json(found.spec.kind, &found.spec.labels)?;
        let row = sqlx::query(
            "SELECT state, (SELECT COALESCE(MAX(a.number), 0) FROM label_adjudications a WHERE a.tenant = t.tenant \
             AND a.project = t.project AND a.task = t.task) AS number \
             FROM label_tasks t WHERE tenant = $1 AND project = $2 AND task = $3",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .bind(task)
        .fetch_optional(&mut *write)
        .await?
        .ok_or_else(|| no_such_task(task))?;
        if rows::parsed::<super::TaskState>(&row, "state")? == super::TaskState::Gold {
            return Err(RegistryError::Invalid(format!(
                "the task `{}` is a gold question; set its gold label where that is wrong",
                shown(task)
            )));
        }
        let before: u32 = rows::count(&row, "number")?;
        let adjudication = Adjudication {
            number: before + 1,
            label: label.clone(),
            reason: reason.to_owned(),
            guideline: found.guideline,
            created_at: rows::whole_micros(now),
            created_by: by.to_owned(),
        };
        sqlx::query(
            "INSERT INTO label_adjudications (tenant, project, task, number, label, reason, guideline, created_at, \
             created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .bind(task)
        .bind(i64::from(adjudication.number))
        .bind(json)
        .bind(reason)
        .bind(i64::from(adjudication.guideline))
        .bind(adjudication.created_at.as_microsecond())
        .bind(by)
        .execute(&mut *write)
        .await?;
        sqlx::query(
            "UPDATE label_tasks SET state = 'adjudicated' WHERE tenant = $1 AND project = $2 AND task = $3",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .bind(task)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(adjudication)
    }
}
