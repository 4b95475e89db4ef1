//! Counted use of functions, by minute.

use std::collections::BTreeMap;

use crate::db::lacks_parent;
use crate::id::TenantId;
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, Usage, rows};

impl Registry {
    /// Adds to what is stored; all of it or, on an error, nothing.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for a tenant, [`RegistryError::Invalid`] for a number over `i64::MAX`,
    /// [`RegistryError::Database`].
    pub async fn record_usage(&self, usage: &[Usage]) -> Result<(), RegistryError> {
        if usage.is_empty() {
            return Ok(());
        }
        let mut write = self.db.write().await?;
        // In one order, so that hosts which add to the same rows wait for each other, not in a circle.
        for entry in added_up(usage) {
            sqlx::query(
                "INSERT INTO usage_minutes (tenant, function, version, minute, calls, errors, wall_us) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) \
                 ON CONFLICT (tenant, minute, function, version) DO UPDATE SET \
                 calls = usage_minutes.calls + excluded.calls, \
                 errors = usage_minutes.errors + excluded.errors, \
                 wall_us = usage_minutes.wall_us + excluded.wall_us",
            )
            .bind(entry.tenant.as_str())
            .bind(entry.function.as_str())
            .bind(entry.version.to_string())
            .bind(entry.minute)
            .bind(rows::to_bigint("calls", entry.calls)?)
            .bind(rows::to_bigint("errors", entry.errors)?)
            .bind(rows::to_bigint("wall_us", entry.wall_us)?)
            .execute(&mut *write)
            .await
            .map_err(|e| if lacks_parent(&e) { no_such_tenant(&entry.tenant) } else { e.into() })?;
        }
        write.commit().await
    }

    /// What the tenant used since a minute (its start, in seconds since 1970), oldest first.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn usage(
        &self,
        tenant: &TenantId,
        since_minute: i64,
    ) -> Result<Vec<Usage>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM usage_minutes WHERE tenant = $1 AND minute >= $2")
            .bind(tenant.as_str())
            .bind(since_minute)
            .fetch_all(&self.db.pool)
            .await?;
        let mut usage = rows
            .iter()
            .map(|row| {
                Ok(Usage {
                    tenant: rows::parsed(row, "tenant")?,
                    function: rows::parsed(row, "function")?,
                    version: rows::parsed(row, "version")?,
                    minute: rows::count(row, "minute")?,
                    calls: rows::count(row, "calls")?,
                    errors: rows::count(row, "errors")?,
                    wall_us: rows::count(row, "wall_us")?,
                })
            })
            .collect::<Result<Vec<_>, RegistryError>>()?;
        usage.sort_by(|a, b| {
            (a.minute, &a.function, &a.version).cmp(&(b.minute, &b.function, &b.version))
        });
        Ok(usage)
    }
}

/// One entry for each row that will be written, in the order of their keys.
fn added_up(usage: &[Usage]) -> Vec<Usage> {
    let mut sums = BTreeMap::new();
    for entry in usage {
        let key = (&entry.tenant, entry.minute, &entry.function, &entry.version);
        sums.entry(key)
            .and_modify(|sum: &mut Usage| {
                sum.calls = sum.calls.saturating_add(entry.calls);
                sum.errors = sum.errors.saturating_add(entry.errors);
                sum.wall_us = sum.wall_us.saturating_add(entry.wall_us);
            })
            .or_insert_with(|| entry.clone());
    }
    sums.into_values().collect()
}
