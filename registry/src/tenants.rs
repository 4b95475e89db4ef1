//! Tenants: their settings, and their end.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use crate::id::TenantId;
use crate::{QuotaKind, Registry, RegistryError, rows};

/// The largest settings, in bytes of JSON.
const MAX_SETTINGS_BYTES: usize = 64 * 1024;
/// The highest rate, in requests a second.
const MAX_RATE: u32 = 1_000_000;

/// A tenant: what isolates keys, plugins, functions, models and datasets from those of others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its name.
    pub name: TenantId,
    /// When it was created.
    pub created_at: Timestamp,
    /// What was set for it.
    pub settings: TenantSettings,
}

/// What the operator of the host sets for a tenant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantSettings {
    /// How much it may use; a kind that is not named has no bound.
    #[serde(default)]
    pub quotas: BTreeMap<QuotaKind, u64>,
    /// How fast all its keys together may ask; none is no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How fast each of its keys may ask that has no rate of its own; none is no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_rate: Option<Rate>,
    /// Who issues bearer tokens for it, as the identity crate reads it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issuers: Vec<serde_json::Value>,
}

/// A token bucket: how many requests at once, and how many a second in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests a second.
    pub per_second: u32,
    /// Requests at once; none is those of a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

impl Rate {
    /// Whether it lets anything through, and no more than a host could answer.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`]
    pub fn check(&self) -> Result<(), RegistryError> {
        let fits = |n: u32| (1..=MAX_RATE).contains(&n);
        if fits(self.per_second) && self.burst.is_none_or(fits) {
            return Ok(());
        }
        Err(RegistryError::Invalid(format!(
            "a rate has `per_second` and `burst` between 1 and {MAX_RATE}"
        )))
    }
}

impl Registry {
    /// Creates a tenant.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where it exists or a deleted one has its name, [`RegistryError::Database`].
    pub async fn create_tenant(&self, tenant: &TenantId) -> Result<(), RegistryError> {
        if self.ensure_tenant(tenant).await? {
            return Ok(());
        }
        let detail = match self.tenant(tenant).await {
            Err(RegistryError::NotFound { .. }) => {
                ": it was deleted, and its name stays taken".to_owned()
            }
            _ => String::new(),
        };
        Err(RegistryError::Conflict {
            kind: "tenant",
            name: tenant.to_string(),
            detail,
        })
    }

    /// Creates the tenant where it does not exist; says whether it did.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn ensure_tenant(&self, tenant: &TenantId) -> Result<bool, RegistryError> {
        let mut change = self.db.change().await?;
        let done = sqlx::query(
            "INSERT INTO tenants (name, created_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        )
        .bind(tenant.as_str())
        .bind(rows::now().as_microsecond())
        .execute(&mut *change)
        .await?;
        if done.rows_affected() == 0 {
            // Nothing changed: the revision stays as it was.
            change.roll_back().await?;
            return Ok(false);
        }
        change.commit().await?;
        Ok(true)
    }

    /// The names of all tenants, sorted.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn tenants(&self) -> Result<Vec<TenantId>, RegistryError> {
        let tenants = self.all_tenants().await?;
        Ok(tenants.into_iter().map(|tenant| tenant.name).collect())
    }

    /// All tenants with their settings, by name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn all_tenants(&self) -> Result<Vec<Tenant>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM tenants WHERE deleted_at IS NULL")
            .fetch_all(&self.db.pool)
            .await?;
        let mut tenants = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        tenants.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tenants)
    }

    /// One tenant.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], also for a deleted one; [`RegistryError::Database`].
    pub async fn tenant(&self, tenant: &TenantId) -> Result<Tenant, RegistryError> {
        let row = sqlx::query("SELECT * FROM tenants WHERE name = $1 AND deleted_at IS NULL")
            .bind(tenant.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        record(&row.ok_or_else(|| no_such_tenant(tenant))?)
    }

    /// Whether settings can be kept, before anything is done with them.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`]
    pub fn check_settings(&self, settings: &TenantSettings) -> Result<(), RegistryError> {
        for rate in [&settings.rate, &settings.key_rate].into_iter().flatten() {
            rate.check()?;
        }
        for limit in settings.quotas.values() {
            rows::to_bigint("a quota of", *limit)?;
        }
        rows::to_json("settings of a tenant", settings, MAX_SETTINGS_BYTES).map(drop)
    }

    /// Replaces the settings of a tenant.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Invalid`], [`RegistryError::Database`].
    pub async fn set_tenant(
        &self,
        tenant: &TenantId,
        settings: &TenantSettings,
    ) -> Result<Tenant, RegistryError> {
        self.check_settings(settings)?;
        let json = rows::to_json("settings of a tenant", settings, MAX_SETTINGS_BYTES)?;
        let mut change = self.db.change().await?;
        let row = sqlx::query(
            "UPDATE tenants SET settings = $2 WHERE name = $1 AND deleted_at IS NULL RETURNING *",
        )
        .bind(tenant.as_str())
        .bind(json)
        .fetch_optional(&mut *change)
        .await?
        .ok_or_else(|| no_such_tenant(tenant))?;
        let changed = record(&row)?;
        change.commit().await?;
        Ok(changed)
    }

    /// Deletes a tenant: its keys are revoked and its functions taken out of service, all at once. What it stored and
    /// its audit log are kept, and so is its name, which nobody can take again.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn delete_tenant(&self, tenant: &TenantId) -> Result<(), RegistryError> {
        let mut change = self.db.change().await?;
        let now = rows::now().as_microsecond();
        let done = sqlx::query(
            "UPDATE tenants SET deleted_at = $2 WHERE name = $1 AND deleted_at IS NULL",
        )
        .bind(tenant.as_str())
        .bind(now)
        .execute(&mut *change)
        .await?;
        if done.rows_affected() == 0 {
            return Err(no_such_tenant(tenant));
        }
        for statement in [
            "UPDATE principals SET revoked_at = $2 WHERE tenant = $1 AND revoked_at IS NULL",
            "UPDATE functions SET deleted_at = $2 WHERE tenant = $1 AND deleted_at IS NULL",
            "UPDATE workflow_runs SET status = 'cancelled', ended_at = $2, due_at = NULL, lease = '', gated = 0 \
             WHERE tenant = $1 AND ended_at IS NULL",
            "UPDATE workflows SET next_at = NULL, updated_at = $2 WHERE tenant = $1",
        ] {
            sqlx::query(statement)
                .bind(tenant.as_str())
                .bind(now)
                .execute(&mut *change)
                .await?;
        }
        // What it shared is not offered any more; who installed it has it.
        sqlx::query("DELETE FROM plugin_shares WHERE tenant = $1")
            .bind(tenant.as_str())
            .execute(&mut *change)
            .await?;
        change.commit().await
    }
}

fn record(row: &AnyRow) -> Result<Tenant, RegistryError> {
    Ok(Tenant {
        name: rows::parsed(row, "name")?,
        created_at: rows::time(row, "created_at")?,
        settings: rows::json(row, "settings")?,
    })
}

/// What it means that a row for this tenant has no tenant to refer to.
pub(crate) fn no_such_tenant(tenant: &TenantId) -> RegistryError {
    RegistryError::NotFound {
        kind: "tenant",
        name: tenant.to_string(),
    }
}
