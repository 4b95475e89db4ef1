//! How the answers of weights were spread when they were known to be good: what drift is measured from.

use crate::db::lacks_parent;
use crate::id::{Name, TenantId};
use crate::versions::check_version;
use crate::{ModelReference, ModelTarget, Registry, RegistryError, rows};

/// The largest spread, in bytes of JSON.
const MAX_SPREAD_BYTES: usize = 1 << 20;

impl Registry {
    /// Keeps the reference of a target. Where there is one already, that stays: of several hosts that
    /// take one at the same time the first wins, and all measure from the same.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the version; [`RegistryError::Invalid`] for a spread that is too
    /// large; [`RegistryError::Database`].
    pub async fn add_model_reference(
        &self,
        tenant: &TenantId,
        name: &Name,
        target: &ModelTarget,
        spread: &serde_json::Value,
    ) -> Result<(), RegistryError> {
        let spread = rows::to_json("reference of a model", spread, MAX_SPREAD_BYTES)?;
        // Hosts read references with a deployment; none of what they keep in memory changes by this.
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "INSERT INTO model_references (tenant, name, version, variant, spread, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, name, version, variant) DO NOTHING",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(check_version(&target.version)?)
        .bind(target.variant.as_ref().map_or("", Name::as_str))
        .bind(spread)
        .bind(rows::now().as_microsecond())
        .execute(&mut *write)
        .await;
        match done {
            Ok(_) => write.commit().await,
            Err(e) if lacks_parent(&e) => Err(RegistryError::NotFound {
                kind: "model version",
                name: format!("{name}@{}", target.version),
            }),
            Err(e) => Err(e.into()),
        }
    }

    /// Forgets the reference of a target, so that a new one is taken.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn remove_model_reference(
        &self,
        tenant: &TenantId,
        name: &Name,
        target: &ModelTarget,
    ) -> Result<(), RegistryError> {
        let mut write = self.db.write().await?;
        sqlx::query(
            "DELETE FROM model_references WHERE tenant = $1 AND name = $2 AND version = $3 AND variant = $4",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(check_version(&target.version)?)
        .bind(target.variant.as_ref().map_or("", Name::as_str))
        .execute(&mut *write)
        .await?;
        write.commit().await
    }

    /// The reference of a target, where one was taken.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn model_reference(
        &self,
        tenant: &TenantId,
        name: &Name,
        target: &ModelTarget,
    ) -> Result<Option<ModelReference>, RegistryError> {
        let row = sqlx::query(
            "SELECT * FROM model_references WHERE tenant = $1 AND name = $2 AND version = $3 AND variant = $4",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(check_version(&target.version)?)
        .bind(target.variant.as_ref().map_or("", Name::as_str))
        .fetch_optional(&self.db.pool)
        .await?;
        row.map(|row| {
            Ok(ModelReference {
                target: target.clone(),
                spread: rows::json(&row, "spread")?,
                created_at: rows::time(&row, "created_at")?,
            })
        })
        .transpose()
    }
}
