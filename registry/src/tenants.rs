//! Tenants.

use crate::id::TenantId;
use crate::{Registry, RegistryError, rows};

impl Registry {
    /// Creates a tenant.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where it exists, [`RegistryError::Database`].
    pub async fn create_tenant(&self, tenant: &TenantId) -> Result<(), RegistryError> {
        if self.ensure_tenant(tenant).await? {
            return Ok(());
        }
        Err(RegistryError::Conflict {
            kind: "tenant",
            name: tenant.to_string(),
            detail: String::new(),
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

    /// Every tenant, by name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn tenants(&self) -> Result<Vec<TenantId>, RegistryError> {
        let rows = sqlx::query("SELECT name FROM tenants")
            .fetch_all(&self.db.pool)
            .await?;
        let mut tenants = rows
            .iter()
            .map(|row| rows::parsed(row, "name"))
            .collect::<Result<Vec<TenantId>, _>>()?;
        tenants.sort();
        Ok(tenants)
    }
}

/// What it means that a row for this tenant has no tenant to refer to.
pub(crate) fn no_such_tenant(tenant: &TenantId) -> RegistryError {
    RegistryError::NotFound {
        kind: "tenant",
        name: tenant.to_string(),
    }
}
