//! Counted use of functions and of models, by minute.

use std::collections::BTreeMap;

use crate::db::lacks_parent;
use crate::id::TenantId;
use crate::tenants::no_such_tenant;
use crate::{ModelUsage, Registry, RegistryError, Usage, rows};

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
                "INSERT INTO usage_minutes (tenant, function, version, minute, calls, errors, wall_us, \
                 cpu_us, memory_bytes, host_calls, inference_texts, bytes_in, bytes_out, inference_tokens) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
                 ON CONFLICT (tenant, minute, function, version) DO UPDATE SET \
                 calls = usage_minutes.calls + excluded.calls, \
                 errors = usage_minutes.errors + excluded.errors, \
                 wall_us = usage_minutes.wall_us + excluded.wall_us, \
                 cpu_us = usage_minutes.cpu_us + excluded.cpu_us, \
                 memory_bytes = CASE WHEN usage_minutes.memory_bytes > excluded.memory_bytes \
                 THEN usage_minutes.memory_bytes ELSE excluded.memory_bytes END, \
                 host_calls = usage_minutes.host_calls + excluded.host_calls, \
                 inference_texts = usage_minutes.inference_texts + excluded.inference_texts, \
                 bytes_in = usage_minutes.bytes_in + excluded.bytes_in, \
                 bytes_out = usage_minutes.bytes_out + excluded.bytes_out, \
                 inference_tokens = usage_minutes.inference_tokens + excluded.inference_tokens",
            )
            .bind(entry.tenant.as_str())
            .bind(entry.function.as_str())
            .bind(entry.version.to_string())
            .bind(entry.minute)
            .bind(rows::to_bigint("calls", entry.calls)?)
            .bind(rows::to_bigint("errors", entry.errors)?)
            .bind(rows::to_bigint("wall_us", entry.wall_us)?)
            .bind(rows::to_bigint("cpu_us", entry.cpu_us)?)
            .bind(rows::to_bigint("memory_bytes", entry.memory_bytes)?)
            .bind(rows::to_bigint("host_calls", entry.host_calls)?)
            .bind(rows::to_bigint("inference_texts", entry.inference_texts)?)
            .bind(rows::to_bigint("bytes_in", entry.bytes_in)?)
            .bind(rows::to_bigint("bytes_out", entry.bytes_out)?)
            .bind(rows::to_bigint("inference_tokens", entry.inference_tokens)?)
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
                    cpu_us: rows::count(row, "cpu_us")?,
                    memory_bytes: rows::count(row, "memory_bytes")?,
                    host_calls: rows::count(row, "host_calls")?,
                    inference_texts: rows::count(row, "inference_texts")?,
                    inference_tokens: rows::count(row, "inference_tokens")?,
                    bytes_in: rows::count(row, "bytes_in")?,
                    bytes_out: rows::count(row, "bytes_out")?,
                })
            })
            .collect::<Result<Vec<_>, RegistryError>>()?;
        usage.sort_by(|a, b| {
            (a.minute, &a.function, &a.version).cmp(&(b.minute, &b.function, &b.version))
        });
        Ok(usage)
    }

    /// Adds to what is stored of models; all of it or, on an error, nothing.
    ///
    /// # Errors
    /// As [`Registry::record_usage`].
    pub async fn record_model_usage(&self, usage: &[ModelUsage]) -> Result<(), RegistryError> {
        if usage.is_empty() {
            return Ok(());
        }
        let mut sums = BTreeMap::new();
        for entry in usage {
            sums.entry((&entry.tenant, entry.minute, &entry.model))
                .and_modify(|sum: &mut ModelUsage| sum.add(entry))
                .or_insert_with(|| entry.clone());
        }
        let mut write = self.db.write().await?;
        // In one order, as above.
        for entry in sums.into_values() {
            sqlx::query(
                "INSERT INTO model_usage_minutes (tenant, model, minute, calls, tokens) \
                 VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (tenant, minute, model) DO UPDATE SET \
                 calls = model_usage_minutes.calls + excluded.calls, \
                 tokens = model_usage_minutes.tokens + excluded.tokens",
            )
            .bind(entry.tenant.as_str())
            .bind(entry.model.as_str())
            .bind(entry.minute)
            .bind(rows::to_bigint("calls", entry.calls)?)
            .bind(rows::to_bigint("tokens", entry.tokens)?)
            .execute(&mut *write)
            .await
            .map_err(|e| {
                if lacks_parent(&e) {
                    no_such_tenant(&entry.tenant)
                } else {
                    e.into()
                }
            })?;
        }
        write.commit().await
    }

    /// What the models of the tenant were used since a minute (its start, in seconds since 1970), oldest first.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn model_usage(
        &self,
        tenant: &TenantId,
        since_minute: i64,
    ) -> Result<Vec<ModelUsage>, RegistryError> {
        let rows =
            sqlx::query("SELECT * FROM model_usage_minutes WHERE tenant = $1 AND minute >= $2")
                .bind(tenant.as_str())
                .bind(since_minute)
                .fetch_all(&self.db.pool)
                .await?;
        let read = |row| {
            Ok::<_, RegistryError>(ModelUsage {
                tenant: rows::parsed(row, "tenant")?,
                model: rows::parsed(row, "model")?,
                minute: rows::count(row, "minute")?,
                calls: rows::count(row, "calls")?,
                tokens: rows::count(row, "tokens")?,
            })
        };
        let mut usage = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        usage.sort_by(|a, b| (a.minute, &a.model).cmp(&(b.minute, &b.model)));
        Ok(usage)
    }
}

/// One entry for each row that will be written, in the order of their keys.
fn added_up(usage: &[Usage]) -> Vec<Usage> {
    let mut sums = BTreeMap::new();
    for entry in usage {
        let key = (&entry.tenant, entry.minute, &entry.function, &entry.version);
        sums.entry(key)
            .and_modify(|sum: &mut Usage| sum.add(entry))
            .or_insert_with(|| entry.clone());
    }
    sums.into_values().collect()
}
