//! Tasks: added, ranked, made gold questions.

use jiff::Timestamp;

use super::{Label, NewTask, Prediction, check_batch, lock, no_such_task, task_name};
use crate::db::lacks_parent;
use crate::id::{Name, TenantId, shown};
use crate::labelling::{MAX_DATA_BYTES, MAX_PROVENANCE_BYTES};
use crate::{Registry, RegistryError, rows};

impl Registry {
    /// Adds tasks, all of them or, on an error, none.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] for a task that the project has; [`RegistryError::NotFound`] for the
    /// project; [`RegistryError::Invalid`] for a name that is no line of text, data over 256 KiB, gold
    /// that is none of the labels, or over 10,000 tasks; [`RegistryError::Database`].
    pub async fn add_label_tasks(
        &self,
        tenant: &TenantId,
        project: &Name,
        tasks: &[NewTask],
        by: &str,
    ) -> Result<(), RegistryError> {
        self.insert_label_tasks(tenant, project, tasks, by, true)
            .await?;
        Ok(())
    }

    /// Adds those of the tasks that the project does not have, and returns how many these were. The
    /// others stay as they are, so that an addition that broke off can be made again.
    ///
    /// # Errors
    /// Those of [`Registry::add_label_tasks`] without the conflict.
    pub async fn add_missing_label_tasks(
        &self,
        tenant: &TenantId,
        project: &Name,
        tasks: &[NewTask],
        by: &str,
    ) -> Result<usize, RegistryError> {
        self.insert_label_tasks(tenant, project, tasks, by, false)
            .await
    }

    async fn insert_label_tasks(
        &self,
        tenant: &TenantId,
        project: &Name,
        tasks: &[NewTask],
        by: &str,
        all_new: bool,
    ) -> Result<usize, RegistryError> {
        check_batch("tasks", tasks.len())?;
        let by = rows::one_line("an author", by)?;
        let now = rows::now().as_microsecond();
        let mut write = self.db.write().await?;
        let spec = lock(&mut write, tenant, project).await?.spec;
        let row = sqlx::query(
            "SELECT COALESCE(MAX(position), 0) AS position FROM label_tasks WHERE tenant = $1 AND project = $2",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .fetch_one(&mut *write)
        .await?;
        let last: i64 = rows::count(&row, "position")?;
        let mut added = 0;
        for task in tasks {
            let gold = task
                .gold
                .as_ref()
                .map(|gold| gold.to_json(spec.kind, &spec.labels));
            let gold = gold.transpose()?;
            let state = if gold.is_some() { "gold" } else { "open" };
            let done = sqlx::query(
                "INSERT INTO label_tasks (tenant, project, task, position, rank, data, gold, state, annotations, \
                 created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10) \
                 ON CONFLICT (tenant, project, task) DO NOTHING",
            )
            .bind(tenant.as_str())
            .bind(project.as_str())
            .bind(task_name(&task.task)?)
            .bind(last + added + 1)
            .bind(task.rank)
            .bind(rows::to_json("task", &task.data, MAX_DATA_BYTES)?)
            .bind(gold)
            .bind(state)
            .bind(now)
            .bind(by)
            .execute(&mut *write)
            .await?;
            match done.rows_affected() {
                0 if all_new => {
                    write.roll_back().await?;
                    return Err(RegistryError::Conflict {
                        kind: "task",
                        name: shown(&task.task),
                        detail: "; none of these tasks was added".into(),
                    });
                }
                0 => {}
                _ => added += 1,
            }
        }
        write.commit().await?;
        Ok(usize::try_from(added).unwrap_or_default())
    }

    /// Sets the order in which tasks are handed out: the smaller the rank, the earlier. All of them or,
    /// on an error, none.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the project or a task; [`RegistryError::Invalid`] for over 10,000
    /// tasks; [`RegistryError::Database`].
    pub async fn rank_label_tasks(
        &self,
        tenant: &TenantId,
        project: &Name,
        ranks: &[(String, i64)],
    ) -> Result<(), RegistryError> {
        check_batch("ranks", ranks.len())?;
        let mut write = self.db.write().await?;
        lock(&mut write, tenant, project).await?;
        for (task, rank) in ranks {
            let done = sqlx::query(
                "UPDATE label_tasks SET rank = $4 WHERE tenant = $1 AND project = $2 AND task = $3",
            )
            .bind(tenant.as_str())
            .bind(project.as_str())
            .bind(task_name(task)?)
            .bind(*rank)
            .execute(&mut *write)
            .await?;
            if done.rows_affected() == 0 {
                return Err(no_such_task(task));
            }
        }
        write.commit().await
    }

    /// Makes a task a gold question, or, without a label, a task like others again.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the project or the task; [`RegistryError::Invalid`] for a label
    /// that is none of the project's; [`RegistryError::Database`].
    pub async fn set_label_gold(
        &self,
        tenant: &TenantId,
        project: &Name,
        task: &str,
        gold: Option<&Label>,
    ) -> Result<(), RegistryError> {
        let mut write = self.db.write().await?;
        let spec = lock(&mut write, tenant, project).await?.spec;
        let gold = gold
            .map(|gold| gold.to_json(spec.kind, &spec.labels))
            .transpose()?;
        let done = sqlx::query(
            "UPDATE label_tasks SET gold = $4, state = CASE \
               WHEN $5 = 1 THEN 'gold' \
               WHEN EXISTS (SELECT 1 FROM label_adjudications a WHERE a.tenant = $1 AND a.project = $2 AND a.task = $3) \
                 THEN 'adjudicated' \
               WHEN annotations < $6 THEN 'open' ELSE 'complete' END \
             WHERE tenant = $1 AND project = $2 AND task = $3",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .bind(task_name(task)?)
        .bind(gold.clone())
        .bind(i64::from(gold.is_some()))
        .bind(i64::from(spec.overlap))
        .execute(&mut *write)
        .await?;
        if done.rows_affected() == 0 {
            return Err(no_such_task(task));
        }
        write.commit().await
    }

    /// Keeps what models or labelling functions said, each in the place of what the same source said
    /// about the same task before. All of them or, on an error, none.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the project or a task; [`RegistryError::Invalid`] for a label that
    /// is none of the project's, a confidence that is not within 0 and 1, provenance over 256 KiB, or over
    /// 10,000 predictions; [`RegistryError::Database`].
    pub async fn put_label_predictions(
        &self,
        tenant: &TenantId,
        project: &Name,
        predictions: &[Prediction],
    ) -> Result<(), RegistryError> {
        check_batch("predictions", predictions.len())?;
        let mut write = self.db.write().await?;
        let spec = lock(&mut write, tenant, project).await?.spec;
        for prediction in predictions {
            if !(0.0..=1.0).contains(&prediction.confidence) {
                return Err(RegistryError::Invalid(format!(
                    "the confidence {} is not within 0 and 1",
                    prediction.confidence
                )));
            }
            let provenance = prediction.provenance.as_ref();
            let provenance = provenance
                .map(|from| rows::to_json("provenance of a prediction", from, MAX_PROVENANCE_BYTES))
                .transpose()?;
            sqlx::query(
                "INSERT INTO label_predictions (tenant, project, task, source, label, confidence, created_at, \
                 provenance) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                 ON CONFLICT (tenant, project, task, source) DO UPDATE SET label = excluded.label, \
                 confidence = excluded.confidence, created_at = excluded.created_at, \
                 provenance = excluded.provenance",
            )
            .bind(tenant.as_str())
            .bind(project.as_str())
            .bind(task_name(&prediction.task)?)
            .bind(rows::one_line("the source of a prediction", &prediction.source)?)
            .bind(prediction.label.to_json(spec.kind, &spec.labels)?)
            .bind(prediction.confidence.to_string())
            .bind(prediction.created_at.as_microsecond())
            .bind(provenance)
            .execute(&mut *write)
            .await
            .map_err(|e| if lacks_parent(&e) { no_such_task(&prediction.task) } else { e.into() })?;
        }
        write.commit().await
    }

    /// Forgets what a source said before a time: what a later pass over the tasks did not say again.
    /// Returns how many predictions that were.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the project; [`RegistryError::Database`].
    pub async fn forget_label_predictions(
        &self,
        tenant: &TenantId,
        project: &Name,
        source: &str,
        before: Timestamp,
    ) -> Result<u64, RegistryError> {
        let mut write = self.db.write().await?;
        lock(&mut write, tenant, project).await?;
        let done = sqlx::query(
            "DELETE FROM label_predictions WHERE tenant = $1 AND project = $2 AND source = $3 AND created_at < $4",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .bind(rows::one_line("the source of a prediction", source)?)
        .bind(before.as_microsecond())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected())
    }
}
