//! Variants of model versions: the same weights in another form.

use std::collections::BTreeMap;

use semver::Version;
use sqlx::any::AnyRow;

use crate::db::{is_taken, lacks_parent};
use crate::id::{Name, TenantId};
use crate::{ArtifactRef, ModelVariant, ModelVersion, Registry, RegistryError, rows, versions};

/// The largest report of how a variant was made, in bytes of JSON: room for a line for each of ten
/// thousand layers.
const MAX_REPORT_BYTES: usize = 4 << 20;

type Key = (TenantId, Name, Version);

impl Registry {
    /// Adds a variant to a version, whose file is in the artifact store already.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where the version has this variant; [`RegistryError::NotFound`] for
    /// the version or the file; [`RegistryError::Invalid`] for a report that is too large;
    /// [`RegistryError::Store`]; [`RegistryError::Database`].
    #[allow(clippy::too_many_arguments, reason = "each is a column of the row")]
    pub async fn add_model_variant(
        &self,
        tenant: &TenantId,
        name: &Name,
        version: &Version,
        variant: &Name,
        file: ArtifactRef,
        report: &serde_json::Value,
        by: &str,
    ) -> Result<ModelVariant, RegistryError> {
        let by = rows::one_line("an author", by)?;
        let file_json = rows::to_json("file", &file, 1024)?;
        let report_json = rows::to_json("report of a variant", report, MAX_REPORT_BYTES)?;
        self.artifacts.size(&file.digest).await?;
        let record = ModelVariant {
            file,
            report: report.clone(),
            created_at: rows::now(),
            created_by: by.to_owned(),
        };
        let mut change = self.db.change().await?;
        crate::quotas::room(
            &mut change,
            tenant,
            crate::QuotaKind::StorageBytes,
            file.size,
        )
        .await?;
        let done = sqlx::query(
            "INSERT INTO model_variants (tenant, name, version, variant, file, report, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(versions::check_version(version)?)
        .bind(variant.as_str())
        .bind(file_json)
        .bind(report_json)
        .bind(record.created_at.as_microsecond())
        .bind(by)
        .execute(&mut *change)
        .await;
        match done {
            Ok(_) => {
                change.commit().await?;
                Ok(record)
            }
            Err(e) if is_taken(&e) => {
                change.roll_back().await?;
                Err(RegistryError::Conflict {
                    kind: "model variant",
                    name: format!("{name}@{version}~{variant}"),
                    detail: String::new(),
                })
            }
            Err(e) if lacks_parent(&e) => {
                change.roll_back().await?;
                Err(RegistryError::NotFound {
                    kind: "model version",
                    name: format!("{name}@{version}"),
                })
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Gives each of these versions its variants.
    pub(crate) async fn with_variants(
        &self,
        mut versions: Vec<ModelVersion>,
    ) -> Result<Vec<ModelVersion>, RegistryError> {
        // Of one tenant or of all: what is asked for is never a part of several.
        let one = match versions.as_slice() {
            [] => return Ok(versions),
            [first, rest @ ..] => rest.iter().all(|v| v.tenant == first.tenant),
        };
        let rows = if one {
            sqlx::query("SELECT * FROM model_variants WHERE tenant = $1")
                .bind(versions[0].tenant.as_str())
                .fetch_all(&self.db.pool)
                .await?
        } else {
            sqlx::query("SELECT * FROM model_variants")
                .fetch_all(&self.db.pool)
                .await?
        };
        let mut found = BTreeMap::<Key, BTreeMap<Name, ModelVariant>>::new();
        for row in &rows {
            let key = (
                rows::parsed(row, "tenant")?,
                rows::parsed(row, "name")?,
                rows::parsed(row, "version")?,
            );
            let of_version = found.entry(key).or_default();
            of_version.insert(rows::parsed(row, "variant")?, record(row)?);
        }
        for version in &mut versions {
            let key = (
                version.tenant.clone(),
                version.name.clone(),
                version.version.clone(),
            );
            version.variants = found.remove(&key).unwrap_or_default();
        }
        Ok(versions)
    }
}

fn record(row: &AnyRow) -> Result<ModelVariant, RegistryError> {
    Ok(ModelVariant {
        file: rows::json(row, "file")?,
        report: rows::json(row, "report")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
