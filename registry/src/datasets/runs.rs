//! Runs over datasets.

use std::time::Duration;

use sqlx::any::AnyRow;

use crate::db::lacks_parent;
use crate::id::{Name, TenantId};
use crate::{DatasetRef, DatasetRun, Registry, RegistryError, RunState, rows};

/// The largest specification and the largest outcome, in bytes of JSON.
const MAX_JSON_BYTES: usize = 1 << 20;
/// How many runs are listed at most.
const MAX_LISTED: i64 = 200;

impl Registry {
    /// Writes down that a run has begun.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the snapshot, [`RegistryError::Invalid`] for a specification that is too large,
    /// [`RegistryError::Database`].
    pub async fn begin_run(
        &self,
        tenant: &TenantId,
        name: &Name,
        snapshot: u64,
        spec: &serde_json::Value,
        by: &str,
    ) -> Result<DatasetRun, RegistryError> {
        let by = rows::one_line("an author", by)?;
        let spec_json = rows::to_json("specification of a run", spec, MAX_JSON_BYTES)?;
        let now = rows::now();
        let run = DatasetRun {
            id: ulid::Ulid::generate().to_string(),
            input: DatasetRef {
                name: name.clone(),
                snapshot: Some(snapshot),
            },
            spec: spec.clone(),
            state: RunState::Running,
            progress: serde_json::Value::Null,
            outcome: serde_json::Value::Null,
            created_at: now,
            created_by: by.to_owned(),
            seen_at: now,
        };
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "INSERT INTO dataset_runs \
             (tenant, id, name, snapshot, spec, state, progress, outcome, created_at, created_by, seen_at) \
             VALUES ($1, $2, $3, $4, $5, $6, 'null', 'null', $7, $8, $7)",
        )
        .bind(tenant.as_str())
        .bind(&run.id)
        .bind(name.as_str())
        .bind(rows::to_bigint("the number of a snapshot", snapshot)?)
        .bind(spec_json)
        .bind(run.state.as_str())
        .bind(now.as_microsecond())
        .bind(by)
        .execute(&mut *write)
        .await;
        match done {
            Ok(_) => {
                write.commit().await?;
                Ok(run)
            }
            Err(e) if lacks_parent(&e) => Err(RegistryError::NotFound {
                kind: "dataset",
                name: run.input.to_string(),
            }),
            Err(e) => Err(e.into()),
        }
    }

    /// Writes down how far a run is, and that its host is alive. Says whether it goes on: one that was cancelled, or
    /// taken for lost, does not.
    ///
    /// # Errors
    /// [`RegistryError::Database`], [`RegistryError::Invalid`].
    pub async fn advance_run(
        &self,
        tenant: &TenantId,
        id: &str,
        progress: &serde_json::Value,
    ) -> Result<bool, RegistryError> {
        let progress = rows::to_json("progress of a run", progress, MAX_JSON_BYTES)?;
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "UPDATE dataset_runs SET progress = $1, seen_at = $2 WHERE tenant = $3 AND id = $4 AND state = $5",
        )
        .bind(progress)
        .bind(rows::now().as_microsecond())
        .bind(tenant.as_str())
        .bind(id)
        .bind(RunState::Running.as_str())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Ends a run that goes on, and says whether it did: of two ends, the first stands.
    ///
    /// # Errors
    /// [`RegistryError::Database`], [`RegistryError::Invalid`].
    pub async fn end_run(
        &self,
        tenant: &TenantId,
        id: &str,
        state: RunState,
        outcome: &serde_json::Value,
    ) -> Result<bool, RegistryError> {
        let outcome = rows::to_json("outcome of a run", outcome, MAX_JSON_BYTES)?;
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "UPDATE dataset_runs SET state = $1, outcome = $2, seen_at = $3 \
             WHERE tenant = $4 AND id = $5 AND state = $6",
        )
        .bind(state.as_str())
        .bind(outcome)
        .bind(rows::now().as_microsecond())
        .bind(tenant.as_str())
        .bind(id)
        .bind(RunState::Running.as_str())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// A run.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn dataset_run(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<DatasetRun, RegistryError> {
        let row = sqlx::query("SELECT * FROM dataset_runs WHERE tenant = $1 AND id = $2")
            .bind(tenant.as_str())
            .bind(id)
            .fetch_optional(&self.db.pool)
            .await?;
        row.as_ref().map_or_else(
            || {
                Err(RegistryError::NotFound {
                    kind: "run",
                    name: id.to_owned(),
                })
            },
            record,
        )
    }

    /// The last runs of a tenant, the newest first.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn dataset_runs(&self, tenant: &TenantId) -> Result<Vec<DatasetRun>, RegistryError> {
        let rows = sqlx::query(
            "SELECT * FROM dataset_runs WHERE tenant = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
        )
        .bind(tenant.as_str())
        .bind(MAX_LISTED)
        .fetch_all(&self.db.pool)
        .await?;
        rows.iter().map(record).collect()
    }

    /// Fails the runs of every tenant whose host has been silent for so long, and says how many there were. Their
    /// input is as it was and no snapshot was made.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn fail_lost_runs(&self, silence: Duration) -> Result<u64, RegistryError> {
        let now = rows::now();
        let silent = now.as_microsecond() - i64::try_from(silence.as_micros()).unwrap_or(i64::MAX);
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "UPDATE dataset_runs SET state = $1, outcome = $2, seen_at = $3 WHERE state = $4 AND seen_at < $5",
        )
        .bind(RunState::Failed.as_str())
        .bind(r#"{"error":"the host that ran it stopped; run it again"}"#)
        .bind(now.as_microsecond())
        .bind(RunState::Running.as_str())
        .bind(silent)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected())
    }
}

fn record(row: &AnyRow) -> Result<DatasetRun, RegistryError> {
    Ok(DatasetRun {
        id: rows::text(row, "id")?,
        input: DatasetRef {
            name: rows::parsed(row, "name")?,
            snapshot: Some(rows::count(row, "snapshot")?),
        },
        spec: rows::json(row, "spec")?,
        state: rows::parsed(row, "state")?,
        progress: rows::json(row, "progress")?,
        outcome: rows::json(row, "outcome")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
        seen_at: rows::time(row, "seen_at")?,
    })
}
