//! Datasets: snapshots that never change, and the runs that make one of another.

mod runs;

use sqlx::any::AnyRow;

use crate::db::{is_taken, lacks_parent};
use crate::id::{Name, TenantId};
use crate::tenants::no_such_tenant;
use crate::{ArtifactRef, DatasetRef, DatasetSnapshot, Registry, RegistryError, rows};

/// The largest lineage, in bytes of JSON.
const MAX_LINEAGE_BYTES: usize = 1 << 20;
/// How often the next number is tried where others take theirs at the same time.
const TRIES: u32 = 8;

impl Registry {
    /// Adds the next snapshot of a dataset: 1, 2, 3 …
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the tenant, or for bytes that are not in the artifact store;
    /// [`RegistryError::Invalid`] for a lineage that is too large; [`RegistryError::Database`].
    pub async fn add_snapshot(
        &self,
        tenant: &TenantId,
        name: &Name,
        file: ArtifactRef,
        rows: u64,
        lineage: &serde_json::Value,
        by: &str,
    ) -> Result<DatasetSnapshot, RegistryError> {
        let by = rows::one_line("an author", by)?;
        let lineage_json = rows::to_json("lineage", lineage, MAX_LINEAGE_BYTES)?;
        self.artifacts.size(&file.digest).await?;
        for _ in 0..TRIES {
            // Nothing that hosts keep in memory changes.
            let mut write = self.db.write().await?;
            crate::quotas::room(
                &mut write,
                tenant,
                crate::QuotaKind::StorageBytes,
                file.size,
            )
            .await?;
            let row = sqlx::query(
                "SELECT COALESCE(MAX(snapshot), 0) AS snapshot FROM dataset_snapshots WHERE tenant = $1 AND name = $2",
            )
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_one(&mut *write)
            .await?;
            let last: u64 = rows::count(&row, "snapshot")?;
            let snapshot = DatasetSnapshot {
                name: name.clone(),
                snapshot: last + 1,
                file,
                rows,
                lineage: lineage.clone(),
                created_at: rows::now(),
                created_by: by.to_owned(),
            };
            let done = sqlx::query(
                "INSERT INTO dataset_snapshots (tenant, name, snapshot, digest, size, rows, lineage, created_at, created_by) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )
            .bind(tenant.as_str())
            .bind(name.as_str())
            .bind(rows::to_bigint("the number of a snapshot", snapshot.snapshot)?)
            .bind(file.digest.to_string())
            .bind(rows::to_bigint("a size", file.size)?)
            .bind(rows::to_bigint("a number of rows", rows)?)
            .bind(&lineage_json)
            .bind(snapshot.created_at.as_microsecond())
            .bind(by)
            .execute(&mut *write)
            .await;
            match done {
                Ok(_) => {
                    write.commit().await?;
                    return Ok(snapshot);
                }
                Err(e) if is_taken(&e) => write.roll_back().await?,
                Err(e) if lacks_parent(&e) => return Err(no_such_tenant(tenant)),
                Err(e) => return Err(e.into()),
            }
        }
        Err(RegistryError::Conflict {
            kind: "snapshot",
            name: name.to_string(),
            detail: ": too many are added to this dataset at the same time".into(),
        })
    }

    /// The snapshot that a reference names; the newest where it names none.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn snapshot(
        &self,
        tenant: &TenantId,
        dataset: &DatasetRef,
    ) -> Result<DatasetSnapshot, RegistryError> {
        let number = match dataset.snapshot {
            Some(number) => rows::to_bigint("the number of a snapshot", number)?,
            None => i64::MAX,
        };
        let row = sqlx::query(
            "SELECT * FROM dataset_snapshots WHERE tenant = $1 AND name = $2 AND snapshot <= $3 \
             ORDER BY snapshot DESC LIMIT 1",
        )
        .bind(tenant.as_str())
        .bind(dataset.name.as_str())
        .bind(number)
        .fetch_optional(&self.db.pool)
        .await?;
        let found = row.as_ref().map(record).transpose()?;
        found
            .filter(|found| {
                dataset
                    .snapshot
                    .is_none_or(|number| number == found.snapshot)
            })
            .ok_or_else(|| RegistryError::NotFound {
                kind: "dataset",
                name: dataset.to_string(),
            })
    }

    /// Every snapshot of a dataset, the newest first.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where there is none, [`RegistryError::Database`].
    pub async fn snapshots(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Vec<DatasetSnapshot>, RegistryError> {
        let rows = sqlx::query(
            "SELECT * FROM dataset_snapshots WHERE tenant = $1 AND name = $2 ORDER BY snapshot DESC",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .fetch_all(&self.db.pool)
        .await?;
        if rows.is_empty() {
            return Err(RegistryError::NotFound {
                kind: "dataset",
                name: name.to_string(),
            });
        }
        rows.iter().map(record).collect()
    }

    /// The newest snapshot of each dataset of a tenant, by name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn datasets(&self, tenant: &TenantId) -> Result<Vec<DatasetSnapshot>, RegistryError> {
        let rows = sqlx::query(
            "SELECT s.* FROM dataset_snapshots s WHERE s.tenant = $1 AND s.snapshot = \
             (SELECT MAX(n.snapshot) FROM dataset_snapshots n WHERE n.tenant = s.tenant AND n.name = s.name) \
             ORDER BY s.name",
        )
        .bind(tenant.as_str())
        .fetch_all(&self.db.pool)
        .await?;
        rows.iter().map(record).collect()
    }
}

fn record(row: &AnyRow) -> Result<DatasetSnapshot, RegistryError> {
    Ok(DatasetSnapshot {
        name: rows::parsed(row, "name")?,
        snapshot: rows::count(row, "snapshot")?,
        file: ArtifactRef {
            digest: rows::parsed(row, "digest")?,
            size: rows::count(row, "size")?,
        },
        rows: rows::count(row, "rows")?,
        lineage: rows::json(row, "lineage")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
