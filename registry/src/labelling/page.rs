//! Tasks with everything that was said about them, page by page.

use std::collections::HashMap;

use sqlx::AnyPool;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{
    Adjudication, GivenAnnotation, LabelledTask, MAX_BATCH, Prediction, no_such_task, task_name,
};
use crate::id::{Name, TenantId};
use crate::{Registry, RegistryError, rows};

/// So many tasks in between are read with what is asked for, rather than asking twice.
const MAX_GAP: i64 = 16;

macro_rules! said {
    ($table:literal) => {
        concat!(
            "SELECT s.* FROM ",
            $table,
            " s JOIN label_tasks t ON t.tenant = s.tenant AND t.project = s.project AND t.task = s.task ",
            "WHERE s.tenant = $1 AND s.project = $2 AND t.position >= $3 AND t.position <= $4"
        )
    };
}

impl Registry {
    /// The tasks that were added after the one at a position (0 for the first page), in that order, at
    /// most `limit` and never more than 10,000. The next page comes after the last position of this one.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the project, [`RegistryError::Database`].
    pub async fn labelled_tasks(
        &self,
        tenant: &TenantId,
        project: &Name,
        after: u64,
        limit: usize,
    ) -> Result<Vec<LabelledTask>, RegistryError> {
        self.label_project(tenant, project).await?;
        let rows = sqlx::query(
            "SELECT * FROM label_tasks WHERE tenant = $1 AND project = $2 AND position > $3 ORDER BY position LIMIT $4",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(limit.min(MAX_BATCH) as i64)
        .fetch_all(&self.db.pool)
        .await?;
        fill(&self.db.pool, tenant, project, &rows).await
    }

    /// One task.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the project or the task, [`RegistryError::Database`].
    pub async fn labelled_task(
        &self,
        tenant: &TenantId,
        project: &Name,
        task: &str,
    ) -> Result<LabelledTask, RegistryError> {
        self.label_project(tenant, project).await?;
        let rows = sqlx::query(
            "SELECT * FROM label_tasks WHERE tenant = $1 AND project = $2 AND task = $3",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .bind(task_name(task)?)
        .fetch_all(&self.db.pool)
        .await?;
        let found = fill(&self.db.pool, tenant, project, &rows).await?;
        found.into_iter().next().ok_or_else(|| no_such_task(task))
    }
}

/// Gives each of these tasks what was said about it. They stay in their order.
pub(super) async fn fill(
    pool: &AnyPool,
    tenant: &TenantId,
    project: &Name,
    rows: &[AnyRow],
) -> Result<Vec<LabelledTask>, RegistryError> {
    let mut tasks = rows.iter().map(task).collect::<Result<Vec<_>, _>>()?;
    let places: HashMap<String, usize> = tasks
        .iter()
        .enumerate()
        .map(|(place, task)| (task.task.clone(), place))
        .collect();
    let place = |row: &AnyRow| -> Result<Option<usize>, RegistryError> {
        Ok(places.get(&rows::text(row, "task")?).copied())
    };
    for (first, last) in stretches(&tasks) {
        let said = async |statement: &'static str| {
            sqlx::query(statement)
                .bind(tenant.as_str())
                .bind(project.as_str())
                .bind(first)
                .bind(last)
                .fetch_all(pool)
                .await
        };
        for row in &said(said!("label_annotations")).await? {
            if let Some(place) = place(row)? {
                tasks[place].annotations.push(annotation(row)?);
            }
        }
        for row in &said(said!("label_predictions")).await? {
            if let Some(place) = place(row)? {
                tasks[place].predictions.push(prediction(row)?);
            }
        }
        for row in &said(said!("label_adjudications")).await? {
            if let Some(place) = place(row)? {
                tasks[place].adjudications.push(adjudication(row)?);
            }
        }
    }
    for task in &mut tasks {
        task.annotations
            .sort_by(|a, b| (a.created_at, &a.annotator).cmp(&(b.created_at, &b.annotator)));
        task.predictions
            .sort_by(|a, b| (a.created_at, &a.source).cmp(&(b.created_at, &b.source)));
        task.adjudications.sort_by_key(|decided| decided.number);
    }
    Ok(tasks)
}

/// First and last positions that hold these tasks and not many others: what is disputed may lie far
/// apart, and what lies between is not read.
fn stretches(tasks: &[LabelledTask]) -> Vec<(i64, i64)> {
    let mut positions: Vec<i64> = tasks.iter().map(|task| task.position as i64).collect();
    positions.sort_unstable();
    positions
        .chunk_by(|before, after| after - before <= MAX_GAP)
        .filter_map(|near| Some((*near.first()?, *near.last()?)))
        .collect()
}

fn task(row: &AnyRow) -> Result<LabelledTask, RegistryError> {
    let gold: Option<String> = row.try_get("gold")?;
    Ok(LabelledTask {
        position: rows::count(row, "position")?,
        task: rows::text(row, "task")?,
        data: rows::json(row, "data")?,
        gold: match gold {
            None => None,
            Some(_) => Some(rows::json(row, "gold")?),
        },
        rank: row.try_get("rank")?,
        state: rows::parsed(row, "state")?,
        created_at: rows::time(row, "created_at")?,
        annotations: Vec::new(),
        predictions: Vec::new(),
        adjudications: Vec::new(),
    })
}

fn annotation(row: &AnyRow) -> Result<GivenAnnotation, RegistryError> {
    Ok(GivenAnnotation {
        task: rows::text(row, "task")?,
        annotator: rows::text(row, "annotator")?,
        label: rows::json(row, "label")?,
        guideline: rows::count(row, "guideline")?,
        created_at: rows::time(row, "created_at")?,
    })
}

fn prediction(row: &AnyRow) -> Result<Prediction, RegistryError> {
    let provenance: Option<String> = row.try_get("provenance")?;
    Ok(Prediction {
        provenance: match provenance {
            None => None,
            Some(_) => Some(rows::json(row, "provenance")?),
        },
        task: rows::text(row, "task")?,
        source: rows::text(row, "source")?,
        label: rows::json(row, "label")?,
        confidence: rows::parsed(row, "confidence")?,
        created_at: rows::time(row, "created_at")?,
    })
}

fn adjudication(row: &AnyRow) -> Result<Adjudication, RegistryError> {
    Ok(Adjudication {
        number: rows::count(row, "number")?,
        label: rows::json(row, "label")?,
        reason: rows::text(row, "reason")?,
        guideline: rows::count(row, "guideline")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
