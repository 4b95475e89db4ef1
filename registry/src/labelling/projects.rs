//! Projects and their guidelines.

use std::collections::HashSet;

use sqlx::any::AnyRow;

use super::label::LabelKind;
use super::{Guideline, Project, ProjectSpec, Status, lock, no_such_project};
use crate::db::{is_taken, lacks_parent};
use crate::id::{Name, TenantId};
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

const MAX_SPEC_BYTES: usize = 256 * 1024;
const MAX_GUIDELINE_BYTES: usize = 1 << 20;
const MAX_LABELS: usize = 1000;

impl Registry {
    /// Creates a labelling project with the first version of its guideline.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where it exists; [`RegistryError::NotFound`] for the tenant;
    /// [`RegistryError::Invalid`] for a specification without sense; [`RegistryError::Database`].
    pub async fn create_label_project(
        &self,
        tenant: &TenantId,
        name: &Name,
        spec: &ProjectSpec,
        guideline: &str,
        by: &str,
    ) -> Result<Project, RegistryError> {
        check_spec(spec)?;
        check_guideline(guideline)?;
        let project = Project {
            name: name.clone(),
            spec: spec.clone(),
            guideline: 1,
            created_at: rows::now(),
            created_by: rows::one_line("an author", by)?.to_owned(),
        };
        let spec = rows::to_json("labelling project", spec, MAX_SPEC_BYTES)?;
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "INSERT INTO label_projects (tenant, name, spec, guideline, revision, created_at, created_by) \
             VALUES ($1, $2, $3, 1, 0, $4, $5)",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(spec)
        .bind(project.created_at.as_microsecond())
        .bind(by)
        .execute(&mut *write)
        .await;
        match done {
            Ok(_) => {}
            Err(e) if is_taken(&e) => {
                write.roll_back().await?;
                return Err(RegistryError::Conflict {
                    kind: "labelling project",
                    name: name.to_string(),
                    detail: String::new(),
                });
            }
            Err(e) if lacks_parent(&e) => return Err(no_such_tenant(tenant)),
            Err(e) => return Err(e.into()),
        }
        let first = Guideline {
            version: 1,
            text: guideline.to_owned(),
            created_at: project.created_at,
            created_by: by.to_owned(),
        };
        write_guideline(&mut write, tenant, name, &first).await?;
        write.commit().await?;
        Ok(project)
    }

    /// Lets so many annotators label each task from now on. Complete tasks are open again where it
    /// grows, and open ones complete where it shrinks.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Invalid`], [`RegistryError::Database`].
    pub async fn set_label_overlap(
        &self,
        tenant: &TenantId,
        name: &Name,
        overlap: u32,
    ) -> Result<Project, RegistryError> {
        let mut write = self.db.write().await?;
        let mut project = lock(&mut write, tenant, name).await?;
        project.spec.overlap = overlap;
        check_spec(&project.spec)?;
        sqlx::query("UPDATE label_projects SET spec = $3 WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .bind(rows::to_json(
                "labelling project",
                &project.spec,
                MAX_SPEC_BYTES,
            )?)
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "UPDATE label_tasks SET state = CASE WHEN annotations < $3 THEN 'open' ELSE 'complete' END \
             WHERE tenant = $1 AND project = $2 AND state IN ('open', 'complete')",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(i64::from(overlap))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(project)
    }

    /// Every labelling project of the tenant, by name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn label_projects(&self, tenant: &TenantId) -> Result<Vec<Project>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM label_projects WHERE tenant = $1")
            .bind(tenant.as_str())
            .fetch_all(&self.db.pool)
            .await?;
        let mut projects = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        projects.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(projects)
    }

    /// One labelling project.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn label_project(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Project, RegistryError> {
        let row = sqlx::query("SELECT * FROM label_projects WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        record(&row.ok_or_else(|| no_such_project(name))?)
    }

    /// Writes the next version of the guideline. Tasks that are handed out from then on name it; those
    /// in the hands of annotators keep the one that they were handed out with.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the project; [`RegistryError::Invalid`] for an empty text, one
    /// with a NUL, or one over 1 MiB; [`RegistryError::Database`].
    pub async fn add_label_guideline(
        &self,
        tenant: &TenantId,
        project: &Name,
        text: &str,
        by: &str,
    ) -> Result<Guideline, RegistryError> {
        check_guideline(text)?;
        let by = rows::one_line("an author", by)?;
        let mut write = self.db.write().await?;
        let before = lock(&mut write, tenant, project).await?.guideline;
        let guideline = Guideline {
            version: before + 1,
            text: text.to_owned(),
            created_at: rows::now(),
            created_by: by.to_owned(),
        };
        write_guideline(&mut write, tenant, project, &guideline).await?;
        sqlx::query("UPDATE label_projects SET guideline = $3 WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(project.as_str())
            .bind(i64::from(guideline.version))
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(guideline)
    }

    /// Every version of the guideline, the newest first.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the project, [`RegistryError::Database`].
    pub async fn label_guidelines(
        &self,
        tenant: &TenantId,
        project: &Name,
    ) -> Result<Vec<Guideline>, RegistryError> {
        let rows = sqlx::query(
            "SELECT * FROM label_guidelines WHERE tenant = $1 AND project = $2 ORDER BY version DESC",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .fetch_all(&self.db.pool)
        .await?;
        if rows.is_empty() {
            return Err(no_such_project(project));
        }
        let guideline = |row: &AnyRow| {
            Ok(Guideline {
                version: rows::count(row, "version")?,
                text: rows::text(row, "text")?,
                created_at: rows::time(row, "created_at")?,
                created_by: rows::text(row, "created_by")?,
            })
        };
        rows.iter().map(guideline).collect()
    }

    /// How far a project is at a time.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the project, [`RegistryError::Database`].
    pub async fn label_status(
        &self,
        tenant: &TenantId,
        project: &Name,
        now: jiff::Timestamp,
    ) -> Result<Status, RegistryError> {
        self.label_project(tenant, project).await?;
        let mut status = Status::default();
        let rows = sqlx::query(
            "SELECT state, COUNT(*) AS tasks, CAST(SUM(annotations) AS BIGINT) AS annotations, \
             COUNT(CASE WHEN annotations = 0 THEN 1 END) AS untouched \
             FROM label_tasks WHERE tenant = $1 AND project = $2 GROUP BY state",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .fetch_all(&self.db.pool)
        .await?;
        for row in &rows {
            let tasks = rows::count(row, "tasks")?;
            status.annotations += rows::count::<u64>(row, "annotations")?;
            match rows::parsed(row, "state")? {
                super::TaskState::Gold => status.gold = tasks,
                super::TaskState::Complete => status.complete = tasks,
                super::TaskState::Adjudicated => status.adjudicated = tasks,
                super::TaskState::Open => {
                    status.open = tasks;
                    status.untouched = rows::count(row, "untouched")?;
                }
            }
        }
        let row = sqlx::query(
            "SELECT COUNT(CASE WHEN state = 'leased' AND leased_until > $3 THEN 1 END) AS leased, \
             COUNT(CASE WHEN state = 'skipped' THEN 1 END) AS skipped \
             FROM label_assignments WHERE tenant = $1 AND project = $2",
        )
        .bind(tenant.as_str())
        .bind(project.as_str())
        .bind(now.as_microsecond())
        .fetch_one(&self.db.pool)
        .await?;
        status.leased = rows::count(&row, "leased")?;
        status.skipped = rows::count(&row, "skipped")?;
        let row = sqlx::query(super::adjudication::COUNT_DISPUTED)
            .bind(tenant.as_str())
            .bind(project.as_str())
            .fetch_one(&self.db.pool)
            .await?;
        status.disputed = rows::count(&row, "tasks")?;
        Ok(status)
    }
}

async fn write_guideline(
    write: &mut crate::db::Write,
    tenant: &TenantId,
    project: &Name,
    guideline: &Guideline,
) -> Result<(), RegistryError> {
    sqlx::query(
        "INSERT INTO label_guidelines (tenant, project, version, text, created_at, created_by) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(tenant.as_str())
    .bind(project.as_str())
    .bind(i64::from(guideline.version))
    .bind(&guideline.text)
    .bind(guideline.created_at.as_microsecond())
    .bind(&guideline.created_by)
    .execute(&mut **write)
    .await?;
    Ok(())
}

pub(super) fn record(row: &AnyRow) -> Result<Project, RegistryError> {
    Ok(Project {
        name: rows::parsed(row, "name")?,
        spec: rows::json(row, "spec")?,
        guideline: rows::count(row, "guideline")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}

fn check_spec(spec: &ProjectSpec) -> Result<(), RegistryError> {
    let wrong = |text: String| Err(RegistryError::Invalid(text));
    let least = match spec.kind {
        LabelKind::Choice => 2,
        LabelKind::Spans => 1,
    };
    if !(least..=MAX_LABELS).contains(&spec.labels.len()) {
        return wrong(format!(
            "a project has {least} to {MAX_LABELS} labels, not {}",
            spec.labels.len()
        ));
    }
    let mut seen = HashSet::new();
    for label in &spec.labels {
        rows::one_line("a label", label)?;
        if !seen.insert(label) {
            return wrong(format!("the label `{label}` is named twice; name it once"));
        }
    }
    if !(1..=100).contains(&spec.overlap) {
        return wrong(format!("the overlap is 1 to 100, not {}", spec.overlap));
    }
    if !(10..=86_400).contains(&spec.lease_seconds) {
        return wrong(format!(
            "a lease lasts 10 to 86400 seconds, not {}",
            spec.lease_seconds
        ));
    }
    Ok(())
}

fn check_guideline(text: &str) -> Result<(), RegistryError> {
    if text.trim().is_empty() || text.len() > MAX_GUIDELINE_BYTES || text.contains('\0') {
        return Err(RegistryError::Invalid(format!(
            "a guideline is a text of at most {MAX_GUIDELINE_BYTES} bytes, without NUL, that says something"
        )));
    }
    Ok(())
}
