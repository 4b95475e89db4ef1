//! Workflows: versions that never change, what the tenant grants them, and who extends them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::no_such_workflow;
use super::start::{NewRun, Started, start};
use crate::db::{is_taken, lacks_parent};
use crate::id::{Digest, Name, TenantId};
use crate::permissions::Permissions;
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

/// The largest definition, in bytes of JSON.
pub const MAX_DEFINITION_BYTES: usize = 1 << 20;
/// The most workflows of a tenant.
const MAX_WORKFLOWS: i64 = 1000;
/// The most steps at one extension point.
const MAX_EXTENSIONS: usize = 16;

/// What the tenant lets the runs of a workflow do. It counts from now on, for runs that have begun as well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowSettings {
    /// Where its requests may go, and which secrets they may carry.
    #[serde(default)]
    pub grants: Permissions,
    /// How many of its runs go on at the same time, on all hosts together; none means as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Types of the events that start a run, each of them one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts_on: Vec<String>,
}

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: Name,
    /// The version that new runs follow.
    pub version: semver::Version,
    /// What the tenant lets it do.
    pub settings: WorkflowSettings,
    /// When its schedule is next due.
    pub next_at: Option<Timestamp>,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// Id of the principal that wrote it last.
    pub created_by: String,
}

/// One version of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowVersion {
    /// Whose it is.
    pub tenant: TenantId,
    /// The workflow.
    pub workflow: Name,
    /// The number that its document has.
    pub version: semver::Version,
    /// The digest of the definition as it is kept.
    pub digest: Digest,
    /// The document.
    pub definition: Value,
    /// When it was written.
    pub created_at: Timestamp,
    /// Id of the principal that wrote it.
    pub created_by: String,
}

/// A workflow to be written.
#[derive(Debug, Clone)]
pub struct NewWorkflow {
    /// Its name.
    pub name: Name,
    /// The version of its document.
    pub version: semver::Version,
    /// The document.
    pub definition: Value,
    /// What the tenant lets it do.
    pub settings: WorkflowSettings,
    /// When its schedule is next due.
    pub next_at: Option<Timestamp>,
}

/// A step that extends a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// The point that the workflow calls.
    pub point: String,
    /// The deployed function that is the step.
    pub function: Name,
    /// When it was added.
    pub created_at: Timestamp,
    /// Id of the principal that added it.
    pub created_by: String,
}

impl Registry {
    /// Writes a version of a workflow, which new runs follow from now on, and what the tenant lets all of its runs do.
    /// The same version again changes nothing but that.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where the version exists with another definition; [`RegistryError::NotFound`] for the
    /// tenant; [`RegistryError::Invalid`] for what is too large or too many; [`RegistryError::Database`].
    pub async fn put_workflow(
        &self,
        tenant: &TenantId,
        new: &NewWorkflow,
        by: &str,
    ) -> Result<(Workflow, WorkflowVersion), RegistryError> {
        let by = rows::one_line("an author", by)?;
        let definition = rows::to_json("workflow", &new.definition, MAX_DEFINITION_BYTES)?;
        let settings = rows::to_json("settings of the workflow", &new.settings, 64 << 10)?;
        let digest = Digest::of(definition.as_bytes());
        let version = new.version.to_string();
        let now = rows::now().as_microsecond();
        let mut change = self.db.change().await?;
        let row =
            sqlx::query("SELECT COUNT(*) AS n FROM workflows WHERE tenant = $1 AND name <> $2")
                .bind(tenant.as_str())
                .bind(new.name.as_str())
                .fetch_one(&mut *change)
                .await?;
        if row.try_get::<i64, _>("n")? >= MAX_WORKFLOWS {
            return Err(RegistryError::Invalid(format!(
                "the tenant has {MAX_WORKFLOWS} workflows already: remove one that is not needed"
            )));
        }
        let of_tenant = |e: sqlx::Error| match lacks_parent(&e) {
            true => no_such_tenant(tenant),
            false => e.into(),
        };
        // The cursor before the workflow, as whoever gives out events takes them: no two wait for each other.
        let after = match new.settings.starts_on.is_empty() {
            true => 0,
            false => match super::inbox::listen(&mut change, tenant).await {
                Err(RegistryError::Database(e)) => return Err(of_tenant(e)),
                other => other?,
            },
        };
        sqlx::query(
            "INSERT INTO workflows (tenant, name, version, settings, next_at, created_at, updated_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7) \
             ON CONFLICT (tenant, name) DO UPDATE SET version = $3, settings = $4, next_at = $5, updated_at = $6, \
             created_by = $7",
        )
        .bind(tenant.as_str())
        .bind(new.name.as_str())
        .bind(&version)
        .bind(settings)
        .bind(new.next_at.map(Timestamp::as_microsecond))
        .bind(now)
        .bind(by)
        .execute(&mut *change)
        .await
        .map_err(of_tenant)?;
        sqlx::query(
            "INSERT INTO workflow_versions (tenant, workflow, version, digest, definition, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, workflow, version) DO NOTHING",
        )
        .bind(tenant.as_str())
        .bind(new.name.as_str())
        .bind(&version)
        .bind(digest.to_string())
        .bind(definition)
        .bind(now)
        .bind(by)
        .execute(&mut *change)
        .await?;
        let row = sqlx::query(
            "SELECT * FROM workflow_versions WHERE tenant = $1 AND workflow = $2 AND version = $3",
        )
        .bind(tenant.as_str())
        .bind(new.name.as_str())
        .bind(&version)
        .fetch_one(&mut *change)
        .await?;
        let kept = workflow_version(&row)?;
        if kept.digest != digest {
            return Err(RegistryError::Conflict {
                kind: "workflow version",
                name: format!("{}@{}", new.name, new.version),
                detail: format!(
                    ", with the digest {}; raise `document.version` to change it",
                    kept.digest
                ),
            });
        }
        // Events that start runs are waited for as those that runs listen to.
        let waiter = starter(tenant, &new.name);
        sqlx::query("DELETE FROM workflow_waits WHERE run = $1")
            .bind(&waiter)
            .execute(&mut *change)
            .await?;
        for event_type in &new.settings.starts_on {
            super::inbox::wait(&mut change, &waiter, "start", event_type, tenant, after).await?;
        }
        let row = sqlx::query("SELECT * FROM workflows WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(new.name.as_str())
            .fetch_one(&mut *change)
            .await?;
        let written = workflow(&row)?;
        change.commit().await?;
        Ok((written, kept))
    }

    /// The workflows of a tenant, by name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn workflows(&self, tenant: &TenantId) -> Result<Vec<Workflow>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM workflows WHERE tenant = $1")
            .bind(tenant.as_str())
            .fetch_all(&self.db.pool)
            .await?;
        let mut all = rows.iter().map(workflow).collect::<Result<Vec<_>, _>>()?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// One workflow.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn workflow(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Workflow, RegistryError> {
        let row = sqlx::query("SELECT * FROM workflows WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        workflow(&row.ok_or_else(|| no_such_workflow(name.as_str()))?)
    }

    /// One version of a workflow.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn workflow_version(
        &self,
        tenant: &TenantId,
        name: &Name,
        version: &semver::Version,
    ) -> Result<WorkflowVersion, RegistryError> {
        let row = sqlx::query(
            "SELECT * FROM workflow_versions WHERE tenant = $1 AND workflow = $2 AND version = $3",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(version.to_string())
        .fetch_optional(&self.db.pool)
        .await?;
        workflow_version(&row.ok_or_else(|| no_such_version(name, version))?)
    }

    /// The digest of one version of a workflow: which definition that is, without the definition.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn workflow_digest(
        &self,
        tenant: &TenantId,
        name: &Name,
        version: &semver::Version,
    ) -> Result<Digest, RegistryError> {
        let row = sqlx::query(
            "SELECT digest FROM workflow_versions WHERE tenant = $1 AND workflow = $2 AND version = $3",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(version.to_string())
        .fetch_optional(&self.db.pool)
        .await?;
        rows::parsed(
            &row.ok_or_else(|| no_such_version(name, version))?,
            "digest",
        )
    }

    /// The versions of a workflow, the highest first.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn workflow_versions(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Vec<WorkflowVersion>, RegistryError> {
        let rows =
            sqlx::query("SELECT * FROM workflow_versions WHERE tenant = $1 AND workflow = $2")
                .bind(tenant.as_str())
                .bind(name.as_str())
                .fetch_all(&self.db.pool)
                .await?;
        let mut all = rows
            .iter()
            .map(workflow_version)
            .collect::<Result<Vec<_>, _>>()?;
        all.sort_by(|a, b| b.version.cmp(&a.version));
        Ok(all)
    }

    /// Removes a workflow with its versions, its extensions and the runs that have ended.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::Conflict`] where runs of it have not ended;
    /// [`RegistryError::Database`].
    pub async fn delete_workflow(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<(), RegistryError> {
        let mut change = self.db.change().await?;
        // Holds the row, so that no run begins meanwhile.
        let found = sqlx::query(
            "UPDATE workflows SET updated_at = updated_at WHERE tenant = $1 AND name = $2",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .execute(&mut *change)
        .await?;
        if found.rows_affected() == 0 {
            return Err(no_such_workflow(name.as_str()));
        }
        let row = sqlx::query(
            "SELECT COUNT(*) AS n FROM workflow_runs WHERE tenant = $1 AND workflow = $2 AND ended_at IS NULL",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .fetch_one(&mut *change)
        .await?;
        let open: i64 = row.try_get("n")?;
        if open > 0 {
            return Err(RegistryError::Conflict {
                kind: "workflow",
                name: name.to_string(),
                detail: format!(" and {open} of its runs have not ended: cancel them first"),
            });
        }
        sqlx::query("DELETE FROM workflow_waits WHERE run = $1")
            .bind(starter(tenant, name))
            .execute(&mut *change)
            .await?;
        for statement in [
            "DELETE FROM workflow_journal WHERE run IN (SELECT id FROM workflow_runs WHERE tenant = $1 AND workflow = $2)",
            "DELETE FROM workflow_inbox WHERE run IN (SELECT id FROM workflow_runs WHERE tenant = $1 AND workflow = $2)",
            "DELETE FROM workflow_runs WHERE tenant = $1 AND workflow = $2",
            "DELETE FROM workflow_extensions WHERE tenant = $1 AND workflow = $2",
            "DELETE FROM workflow_versions WHERE tenant = $1 AND workflow = $2",
            "DELETE FROM workflows WHERE tenant = $1 AND name = $2",
        ] {
            sqlx::query(statement)
                .bind(tenant.as_str())
                .bind(name.as_str())
                .execute(&mut *change)
                .await?;
        }
        change.commit().await
    }

    /// Says which deployed functions are the steps at a point of a workflow, in this order, in place of those that were.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the workflow or a function; [`RegistryError::Invalid`] for too many;
    /// [`RegistryError::Database`].
    pub async fn put_extensions(
        &self,
        tenant: &TenantId,
        workflow: &Name,
        point: &str,
        functions: &[Name],
        by: &str,
    ) -> Result<Vec<Extension>, RegistryError> {
        let by = rows::one_line("an author", by)?;
        let point = rows::one_line("an extension point", point)?;
        if functions.len() > MAX_EXTENSIONS {
            return Err(RegistryError::Invalid(format!(
                "an extension point has at most {MAX_EXTENSIONS} steps"
            )));
        }
        self.workflow(tenant, workflow).await?;
        for function in functions {
            self.function(tenant, function).await?;
        }
        let mut change = self.db.change().await?;
        sqlx::query(
            "DELETE FROM workflow_extensions WHERE tenant = $1 AND workflow = $2 AND point = $3",
        )
        .bind(tenant.as_str())
        .bind(workflow.as_str())
        .bind(point)
        .execute(&mut *change)
        .await?;
        for (position, function) in functions.iter().enumerate() {
            sqlx::query(
                "INSERT INTO workflow_extensions (tenant, workflow, point, position, function, created_at, created_by) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(tenant.as_str())
            .bind(workflow.as_str())
            .bind(point)
            .bind(position as i64)
            .bind(function.as_str())
            .bind(rows::now().as_microsecond())
            .bind(by)
            .execute(&mut *change)
            .await
            .map_err(|e| match lacks_parent(&e) || is_taken(&e) {
                true => no_such_workflow(workflow.as_str()),
                false => e.into(),
            })?;
        }
        change.commit().await?;
        let mut all = self.extensions(tenant, workflow).await?;
        all.retain(|extension| extension.point == point);
        Ok(all)
    }

    /// The steps that extend a workflow, by point and in their order.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn extensions(
        &self,
        tenant: &TenantId,
        workflow: &Name,
    ) -> Result<Vec<Extension>, RegistryError> {
        let rows = sqlx::query(
            "SELECT * FROM workflow_extensions WHERE tenant = $1 AND workflow = $2 ORDER BY point, position",
        )
        .bind(tenant.as_str())
        .bind(workflow.as_str())
        .fetch_all(&self.db.pool)
        .await?;
        let extension = |row| -> Result<_, RegistryError> {
            Ok(Extension {
                point: rows::text(row, "point")?,
                function: rows::parsed(row, "function")?,
                created_at: rows::time(row, "created_at")?,
                created_by: rows::text(row, "created_by")?,
            })
        };
        rows.iter().map(extension).collect()
    }

    /// Workflows whose schedules are due.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn due_workflows(&self, now: Timestamp) -> Result<Vec<Workflow>, RegistryError> {
        let rows =
            sqlx::query("SELECT * FROM workflows WHERE next_at <= $1 ORDER BY next_at LIMIT 1000")
                .bind(now.as_microsecond())
                .fetch_all(&self.db.pool)
                .await?;
        rows.iter().map(workflow).collect()
    }

    /// Workflows whose schedules are due only behind this time, the farthest of them first.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn workflows_due_after(
        &self,
        time: Timestamp,
    ) -> Result<Vec<Workflow>, RegistryError> {
        let rows = sqlx::query(
            "SELECT * FROM workflows WHERE next_at > $1 ORDER BY next_at DESC LIMIT 1000",
        )
        .bind(time.as_microsecond())
        .fetch_all(&self.db.pool)
        .await?;
        rows.iter().map(workflow).collect()
    }

    /// Moves the schedule of a workflow on from the time that it was due, which is `due.next_at`, to `next_at`, and starts
    /// a run. Of many hosts that try, one does it; the others are told none.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn fire_workflow(
        &self,
        due: &Workflow,
        next_at: Option<Timestamp>,
        run: Option<&NewRun>,
    ) -> Result<Option<Started>, RegistryError> {
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "UPDATE workflows SET next_at = $4 WHERE tenant = $1 AND name = $2 AND next_at = $3 AND updated_at = $5",
        )
        .bind(due.tenant.as_str())
        .bind(due.name.as_str())
        .bind(due.next_at.map(Timestamp::as_microsecond))
        .bind(next_at.map(Timestamp::as_microsecond))
        .bind(due.updated_at.as_microsecond())
        .execute(&mut *write)
        .await?;
        if done.rows_affected() == 0 {
            write.roll_back().await?;
            return Ok(None);
        }
        let started = match run {
            Some(run) => Some(start(&mut write, run).await?),
            None => None,
        };
        write.commit().await?;
        Ok(started)
    }
}

fn no_such_version(name: &Name, version: &semver::Version) -> RegistryError {
    RegistryError::NotFound {
        kind: "workflow version",
        name: format!("{name}@{version}"),
    }
}

/// Who waits for the events that start runs of a workflow. No id of a run looks like it.
pub(super) fn starter(tenant: &TenantId, workflow: &Name) -> String {
    format!("{tenant}/{workflow}")
}

fn workflow(row: &AnyRow) -> Result<Workflow, RegistryError> {
    Ok(Workflow {
        tenant: rows::parsed(row, "tenant")?,
        name: rows::parsed(row, "name")?,
        version: rows::parsed(row, "version")?,
        settings: rows::json(row, "settings")?,
        next_at: rows::optional_time(row, "next_at")?,
        created_at: rows::time(row, "created_at")?,
        updated_at: rows::time(row, "updated_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}

fn workflow_version(row: &AnyRow) -> Result<WorkflowVersion, RegistryError> {
    Ok(WorkflowVersion {
        tenant: rows::parsed(row, "tenant")?,
        workflow: rows::parsed(row, "workflow")?,
        version: rows::parsed(row, "version")?,
        digest: rows::parsed(row, "digest")?,
        definition: rows::json(row, "definition")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
