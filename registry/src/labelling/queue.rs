//! The queue: who is handed which task.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::{Assignment, ProjectSpec, lock, no_such_task, task_name};
use crate::db::Write;
use crate::id::{Name, TenantId, shown};
use crate::{Registry, RegistryError, rows};

/// The next task of others than gold questions: fewer annotators have labelled it or hold it than the
/// overlap says, and this one has neither labelled nor skipped it.
const NEXT_OPEN: &str = "SELECT t.task, t.data FROM label_tasks t \
    WHERE t.tenant = $1 AND t.project = $2 AND t.state = 'open' \
    AND NOT EXISTS (SELECT 1 FROM label_assignments a WHERE a.tenant = t.tenant AND a.project = t.project \
      AND a.task = t.task AND a.annotator = $3 AND a.state <> 'leased') \
    AND t.annotations + (SELECT COUNT(*) FROM label_assignments a WHERE a.tenant = t.tenant \
      AND a.project = t.project AND a.task = t.task AND a.state = 'leased' AND a.leased_until > $4 \
      AND a.annotator <> $3) < $5 \
    ORDER BY t.rank, t.position LIMIT 1";

/// The next gold question that this annotator has neither labelled nor skipped, however many others have.
const NEXT_GOLD: &str = "SELECT t.task, t.data FROM label_tasks t \
    WHERE t.tenant = $1 AND t.project = $2 AND t.state = 'gold' \
    AND NOT EXISTS (SELECT 1 FROM label_assignments a WHERE a.tenant = t.tenant AND a.project = t.project \
      AND a.task = t.task AND a.annotator = $3 AND a.state <> 'leased') \
    ORDER BY t.rank, t.position LIMIT 1";

impl Registry {
    /// Hands the annotator a task until the end of a lease. Who holds one already is handed the same
    /// one, with a new lease. None where there is nothing for this annotator to do now.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the project; [`RegistryError::Invalid`] for an annotator that is
    /// no line of text; [`RegistryError::Database`].
    pub async fn take_label_task(
        &self,
        tenant: &TenantId,
        project: &Name,
        annotator: &str,
        now: Timestamp,
    ) -> Result<Option<Assignment>, RegistryError> {
        let annotator = rows::one_line("an annotator", annotator)?;
        let mut write = self.db.write().await?;
        let found = lock(&mut write, tenant, project).await?;
        let key = (tenant, project, annotator);
        let held = held(&mut write, key, now).await?;
        let (row, guideline) = match held {
            Some((row, guideline)) => (Some(row), guideline),
            None => (
                next(&mut write, key, &found.spec, now).await?,
                found.guideline,
            ),
        };
        let Some(row) = row else {
            write.roll_back().await?;
            return Ok(None);
        };
        let lease = jiff::SignedDuration::from_secs(i64::from(found.spec.lease_seconds));
        let leased_until = now
            .checked_add(lease)
            .map_err(|e| RegistryError::Invalid(format!("the time of the lease: {e}")))?;
        let assignment = Assignment {
            task: rows::text(&row, "task")?,
            data: rows::json(&row, "data")?,
            guideline,
            leased_until: rows::whole_micros(leased_until),
        };
        sqlx::query(
            "INSERT INTO label_assignments (tenant, project, task, annotator, state, leased_until, guideline, reason) \
             VALUES ($1, $2, $3, $4, 'leased', $5, $6, '') ON CONFLICT (tenant, project, task, annotator) \
             DO UPDATE SET leased_until = excluded.leased_until, guideline = excluded.guideline",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .bind(&assignment.task)
        .bind(annotator)
        .bind(assignment.leased_until.as_microsecond())
        .bind(i64::from(guideline))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(Some(assignment))
    }

    /// The annotator does not want to label a task that it was handed: it is not handed it again, and
    /// somebody else is. `reason` is a line of text, or empty.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the project; [`RegistryError::Invalid`] where the annotator was
    /// not handed the task, or has labelled it; [`RegistryError::Database`].
    pub async fn skip_label_task(
        &self,
        tenant: &TenantId,
        project: &Name,
        task: &str,
        annotator: &str,
        reason: &str,
    ) -> Result<(), RegistryError> {
        if !reason.is_empty() {
            rows::one_line("a reason", reason)?;
        }
        let mut write = self.db.write().await?;
        lock(&mut write, tenant, project).await?;
        let done = sqlx::query(
            "UPDATE label_assignments SET state = 'skipped', reason = $5 \
             WHERE tenant = $1 AND project = $2 AND task = $3 AND annotator = $4 AND state <> 'done'",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .bind(task_name(task)?)
        .bind(rows::one_line("an annotator", annotator)?)
        .bind(reason)
        .execute(&mut *write)
        .await?;
        if done.rows_affected() == 0 {
            return Err(RegistryError::Invalid(format!(
                "the task `{}` is not in the hands of `{}`; only such a task can be skipped",
                shown(task),
                shown(annotator)
            )));
        }
        write.commit().await
    }
}

type Key<'a> = (&'a TenantId, &'a Name, &'a str);

/// What the annotator holds, and the guideline that it was handed out with.
async fn held(
    write: &mut Write,
    (tenant, project, annotator): Key<'_>,
    now: Timestamp,
) -> Result<Option<(AnyRow, u32)>, RegistryError> {
    let row = sqlx::query(
        "SELECT a.task, t.data, a.guideline FROM label_assignments a \
         JOIN label_tasks t ON t.tenant = a.tenant AND t.project = a.project AND t.task = a.task \
         WHERE a.tenant = $1 AND a.project = $2 AND a.annotator = $3 AND a.state = 'leased' \
         AND a.leased_until > $4 AND t.state IN ('open', 'gold') ORDER BY a.leased_until LIMIT 1",
    )
    .bind(tenant.as_str())
    .bind(project.as_str())
    .bind(annotator)
    .bind(now.as_microsecond())
    .fetch_optional(&mut **write)
    .await?;
    row.map(|row| {
        let guideline = rows::count(&row, "guideline")?;
        Ok((row, guideline))
    })
    .transpose()
}

async fn next(
    write: &mut Write,
    key: Key<'_>,
    spec: &ProjectSpec,
    now: Timestamp,
) -> Result<Option<AnyRow>, RegistryError> {
    let (tenant, project, annotator) = key;
    if spec.gold_every > 0 {
        let row = sqlx::query(
            "SELECT COUNT(*) AS tasks FROM label_assignments \
             WHERE tenant = $1 AND project = $2 AND annotator = $3 AND state <> 'leased'",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .bind(annotator)
        .fetch_one(&mut **write)
        .await?;
        let before: u64 = rows::count(&row, "tasks")?;
        if (before + 1).is_multiple_of(u64::from(spec.gold_every)) {
            let gold = sqlx::query(NEXT_GOLD)
                .bind(tenant.as_str())
                .bind(project.as_str())
                .bind(annotator)
                .fetch_optional(&mut **write)
                .await?;
            if gold.is_some() {
                return Ok(gold);
            }
        }
    }
    let open = sqlx::query(NEXT_OPEN)
        .bind(tenant.as_str())
        .bind(project.as_str())
        .bind(annotator)
        .bind(now.as_microsecond())
        .bind(i64::from(spec.overlap))
        .fetch_optional(&mut **write)
        .await?;
    Ok(open)
}

/// Which guideline the annotator was handed the task with; an error where it never was.
pub(super) async fn handed_out(
    write: &mut Write,
    tenant: &TenantId,
    project: &Name,
    task: &str,
    annotator: &str,
) -> Result<u32, RegistryError> {
    let row = sqlx::query(
        "SELECT t.task, a.guideline FROM label_tasks t LEFT JOIN label_assignments a ON a.tenant = t.tenant \
         AND a.project = t.project AND a.task = t.task AND a.annotator = $4 \
         WHERE t.tenant = $1 AND t.project = $2 AND t.task = $3",
    )
    .bind(tenant.as_str())
    .bind(project.as_str())
    .bind(task)
    .bind(annotator)
    .fetch_optional(&mut **write)
    .await?
    .ok_or_else(|| no_such_task(task))?;
    let guideline: Option<i64> = sqlx::Row::try_get(&row, "guideline")?;
    match guideline {
        Some(_) => rows::count(&row, "guideline"),
        None => Err(RegistryError::Invalid(format!(
            "the task `{}` was not handed to `{}`; take tasks from the queue (`steward label next`)",
            shown(task),
            shown(annotator)
        ))),
    }
}
