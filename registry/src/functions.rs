//! Functions: deployed routes, as a history of revisions.

use sqlx::any::AnyRow;

use crate::db::{Write, lacks_parent};
use crate::id::{Name, TenantId};
use crate::manifest::ManifestError;
use crate::quotas::{self, QuotaKind};
use crate::supply;
use crate::tenants::no_such_tenant;
use crate::{FunctionRevision, FunctionSpec, Registry, RegistryError, rows};

/// The largest specification, in bytes of JSON.
const MAX_SPEC_BYTES: usize = 256 * 1024;
/// The most versions that share the calls of one function.
const MAX_TARGETS: usize = 8;

/// The current revision of functions that are not deleted.
macro_rules! current {
    ($and:literal) => {
        concat!(
            "SELECT r.tenant, r.name, r.revision, r.spec, r.reason, r.created_at, r.created_by FROM functions f ",
            "JOIN function_revisions r ON r.tenant = f.tenant AND r.name = f.name AND r.revision = f.revision ",
            "WHERE f.deleted_at IS NULL ",
            $and
        )
    };
}

impl Registry {
    /// Deploys: writes the next revision of the function, which is the current one from then on. The
    /// versions it names exist; whether its grants and configuration suit them is checked above.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for shares that do not add up to 100 and the like;
    /// [`RegistryError::NotFound`] for the tenant or a version; [`RegistryError::NotTrusted`] for a
    /// version that the policy of the tenant refuses; [`RegistryError::Database`].
    pub async fn put_function(
        &self,
        tenant: &TenantId,
        spec: &FunctionSpec,
        by: &str,
    ) -> Result<FunctionRevision, RegistryError> {
        self.put_function_after(tenant, spec, "", None, by).await
    }

    /// The same with a reason, and only where the current revision is the one that the caller has seen.
    ///
    /// # Errors
    /// As [`Registry::put_function`]; [`RegistryError::Conflict`] where `after` is not the current revision,
    /// [`RegistryError::NotFound`] where the function has been deleted since.
    pub async fn put_function_after(
        &self,
        tenant: &TenantId,
        spec: &FunctionSpec,
        reason: &str,
        after: Option<u32>,
        by: &str,
    ) -> Result<FunctionRevision, RegistryError> {
        check_spec(spec)?;
        let mut change = self.db.change().await?;
        let written = write_revision(&mut change, tenant, spec, reason, after, by).await?;
        change.commit().await?;
        Ok(written)
    }

    /// The current revision of each function of the tenant, by name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn functions(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<FunctionRevision>, RegistryError> {
        let rows = sqlx::query(current!("AND f.tenant = $1"))
            .bind(tenant.as_str())
            .fetch_all(&self.db.pool)
            .await?;
        sorted(&rows)
    }

    /// The current revision of each function of every tenant, by tenant and name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn all_functions(&self) -> Result<Vec<FunctionRevision>, RegistryError> {
        sorted(&sqlx::query(current!("")).fetch_all(&self.db.pool).await?)
    }

    /// The current revision of one function.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn function(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<FunctionRevision, RegistryError> {
        let row = sqlx::query(current!("AND f.tenant = $1 AND f.name = $2"))
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        record(&row.ok_or_else(|| no_such_function(name))?)
    }

    /// Every revision, newest first; also of a function that was deleted.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where it never existed, [`RegistryError::Database`].
    pub async fn function_history(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Vec<FunctionRevision>, RegistryError> {
        let rows = sqlx::query(
            "SELECT * FROM function_revisions WHERE tenant = $1 AND name = $2 ORDER BY revision DESC",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .fetch_all(&self.db.pool)
        .await?;
        if rows.is_empty() {
            return Err(no_such_function(name));
        }
        rows.iter().map(record).collect()
    }

    /// The current revision of a function and the one to go back to: `to`, or the one before the current.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the function or the revision, [`RegistryError::Database`].
    pub async fn function_to_go_back_to(
        &self,
        tenant: &TenantId,
        name: &Name,
        to: Option<u32>,
    ) -> Result<(FunctionRevision, FunctionRevision), RegistryError> {
        let current = self.function(tenant, name).await?;
        let to = to.unwrap_or(current.revision.saturating_sub(1));
        let row = sqlx::query(
            "SELECT * FROM function_revisions WHERE tenant = $1 AND name = $2 AND revision = $3",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(i64::from(to))
        .fetch_optional(&self.db.pool)
        .await?;
        let Some(row) = row else {
            let name = match to {
                0 => format!("{name}, before its first revision"),
                _ => format!("{name}, revision {to}"),
            };
            return Err(RegistryError::NotFound {
                kind: "function revision",
                name,
            });
        };
        Ok((current, record(&row)?))
    }

    /// Takes the function out of service. Its history stays, and its numbers go on where the name is
    /// deployed again.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn delete_function(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<(), RegistryError> {
        let mut change = self.db.change().await?;
        let done = sqlx::query(
            "UPDATE functions SET deleted_at = $3 WHERE tenant = $1 AND name = $2 AND deleted_at IS NULL",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(rows::now().as_microsecond())
        .execute(&mut *change)
        .await?;
        if done.rows_affected() == 0 {
            return Err(no_such_function(name));
        }
        change.commit().await
    }
}

async fn write_revision(
    change: &mut Write,
    tenant: &TenantId,
    spec: &FunctionSpec,
    reason: &str,
    after: Option<u32>,
    by: &str,
) -> Result<FunctionRevision, RegistryError> {
    let by = rows::one_line("an author", by)?;
    let reason = rows::sentence(reason);
    for target in &spec.targets {
        sqlx::query(
            "SELECT 1 FROM plugin_versions WHERE tenant = $1 AND name = $2 AND version = $3",
        )
        .bind(tenant.as_str())
        .bind(spec.plugin.as_str())
        .bind(target.version.to_string())
        .fetch_optional(&mut **change)
        .await?
        .ok_or_else(|| RegistryError::NotFound {
            kind: "plugin version",
            name: format!("{}@{}", spec.plugin, target.version),
        })?;
        supply::check_trusted(change, tenant, &spec.plugin, &target.version).await?;
    }
    let revision = match after {
        Some(after) => follow(change, tenant, &spec.name, after).await?,
        None => next(change, tenant, &spec.name).await?,
    };
    let written = FunctionRevision {
        tenant: tenant.clone(),
        revision,
        spec: spec.clone(),
        reason: reason.clone(),
        created_at: rows::now(),
        created_by: by.to_owned(),
    };
    sqlx::query(
        "INSERT INTO function_revisions (tenant, name, revision, spec, reason, created_at, created_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tenant.as_str())
    .bind(spec.name.as_str())
    .bind(i64::from(written.revision))
    .bind(rows::to_json("function", spec, MAX_SPEC_BYTES)?)
    .bind(reason)
    .bind(written.created_at.as_microsecond())
    .bind(by)
    .execute(&mut **change)
    .await?;
    Ok(written)
}

/// The number of the next revision, whatever the current one is.
async fn next(change: &mut Write, tenant: &TenantId, name: &Name) -> Result<u32, RegistryError> {
    let there = sqlx::query(
        "SELECT 1 FROM functions WHERE tenant = $1 AND name = $2 AND deleted_at IS NULL",
    )
    .bind(tenant.as_str())
    .bind(name.as_str())
    .fetch_optional(&mut **change)
    .await?;
    if there.is_none() {
        quotas::room(change, tenant, QuotaKind::Functions, 1).await?;
    }
    let row = sqlx::query(
        "INSERT INTO functions (tenant, name, revision, deleted_at) VALUES ($1, $2, 1, NULL) \
         ON CONFLICT (tenant, name) DO UPDATE SET revision = functions.revision + 1, deleted_at = NULL \
         RETURNING revision",
    )
    .bind(tenant.as_str())
    .bind(name.as_str())
    .fetch_one(&mut **change)
    .await
    .map_err(|e| if lacks_parent(&e) { no_such_tenant(tenant) } else { e.into() })?;
    rows::count(&row, "revision")
}

/// The number of the revision after one that was seen, where that is still the current one: compared and set in one
/// statement, so that of two who saw the same one comes second.
async fn follow(
    change: &mut Write,
    tenant: &TenantId,
    name: &Name,
    after: u32,
) -> Result<u32, RegistryError> {
    let row = sqlx::query(
        "UPDATE functions SET revision = revision + 1 \
         WHERE tenant = $1 AND name = $2 AND revision = $3 AND deleted_at IS NULL RETURNING revision",
    )
    .bind(tenant.as_str())
    .bind(name.as_str())
    .bind(i64::from(after))
    .fetch_optional(&mut **change)
    .await?;
    if let Some(row) = row {
        return rows::count(&row, "revision");
    }
    let now = sqlx::query(
        "SELECT revision FROM functions WHERE tenant = $1 AND name = $2 AND deleted_at IS NULL",
    )
    .bind(tenant.as_str())
    .bind(name.as_str())
    .fetch_optional(&mut **change)
    .await?
    .ok_or_else(|| no_such_function(name))?;
    let now: u32 = rows::count(&now, "revision")?;
    Err(RegistryError::Conflict {
        kind: "function",
        name: format!("{name}, revision {now}"),
        detail: "; look at it and decide again".into(),
    })
}

/// The rules that hold for every function, whatever its plugin.
fn check_spec(spec: &FunctionSpec) -> Result<(), RegistryError> {
    let wrong = |text: String| Err(RegistryError::Invalid(text));
    if spec.targets.is_empty() || spec.targets.len() > MAX_TARGETS {
        return wrong(format!(
            "a function has 1 to {MAX_TARGETS} targets, not {}",
            spec.targets.len()
        ));
    }
    for (i, target) in spec.targets.iter().enumerate() {
        if target.percent == 0 && !spec.is_reached(&target.version) {
            return wrong(format!(
                "the target {} has no share and no header leads to it: leave it out",
                target.version
            ));
        }
        if spec.targets[..i]
            .iter()
            .any(|other| other.version == target.version)
        {
            return wrong(format!("the version {} is a target twice", target.version));
        }
    }
    let sum: u32 = spec.targets.iter().map(|t| u32::from(t.percent)).sum();
    if sum != 100 {
        return wrong(format!(
            "the shares of the targets add up to {sum} percent, not to 100"
        ));
    }
    match spec
        .limits
        .check("limits")
        .and_then(|()| spec.check_rollout())
    {
        Ok(()) => Ok(()),
        // Without the mention of a manifest: these limits come from a deployment.
        Err(ManifestError::Invalid(text)) => wrong(text),
        Err(other) => wrong(other.to_string()),
    }
}

fn no_such_function(name: &Name) -> RegistryError {
    RegistryError::NotFound {
        kind: "function",
        name: name.to_string(),
    }
}

fn sorted(rows: &[AnyRow]) -> Result<Vec<FunctionRevision>, RegistryError> {
    let mut all = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|a, b| (&a.tenant, &a.spec.name).cmp(&(&b.tenant, &b.spec.name)));
    Ok(all)
}

fn record(row: &AnyRow) -> Result<FunctionRevision, RegistryError> {
    Ok(FunctionRevision {
        tenant: rows::parsed(row, "tenant")?,
        revision: rows::count(row, "revision")?,
        spec: rows::json(row, "spec")?,
        reason: rows::text(row, "reason")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
