//! What versions of models scored on datasets.

use semver::Version;
use sqlx::any::AnyRow;

use crate::db::lacks_parent;
use crate::id::{Name, TenantId};
use crate::versions::check_version;
use crate::{ModelEvaluation, ModelTarget, Registry, RegistryError, rows};

/// The largest report, in bytes of JSON.
const MAX_REPORT_BYTES: usize = 1 << 20;

impl Registry {
    /// Keeps what a target scored on a dataset, in the place of what it scored on it before.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the version; [`RegistryError::Invalid`] for a report that is too
    /// large or a name that is no line of text; [`RegistryError::Database`].
    pub async fn put_model_evaluation(
        &self,
        tenant: &TenantId,
        name: &Name,
        target: &ModelTarget,
        dataset: &str,
        report: &serde_json::Value,
        by: &str,
    ) -> Result<ModelEvaluation, RegistryError> {
        let evaluation = ModelEvaluation {
            target: target.clone(),
            dataset: rows::one_line("a dataset", dataset)?.to_owned(),
            report: report.clone(),
            created_at: rows::now(),
            created_by: rows::one_line("an author", by)?.to_owned(),
        };
        let report_json = rows::to_json("report of an evaluation", report, MAX_REPORT_BYTES)?;
        // Nothing that hosts keep in memory changes.
        let mut write = self.db.write().await?;
        let done = sqlx::query(
            "INSERT INTO model_evaluations (tenant, name, version, variant, dataset, report, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (tenant, name, version, variant, dataset) DO UPDATE SET \
             report = excluded.report, created_at = excluded.created_at, created_by = excluded.created_by",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(check_version(&target.version)?)
        .bind(target.variant.as_ref().map_or("", Name::as_str))
        .bind(&evaluation.dataset)
        .bind(report_json)
        .bind(evaluation.created_at.as_microsecond())
        .bind(&evaluation.created_by)
        .execute(&mut *write)
        .await;
        match done {
            Ok(_) => {
                write.commit().await?;
                Ok(evaluation)
            }
            Err(e) if lacks_parent(&e) => Err(RegistryError::NotFound {
                kind: "model version",
                name: format!("{name}@{}", target.version),
            }),
            Err(e) => Err(e.into()),
        }
    }

    /// Every evaluation of a version and of its variants, the newest first; those of one time by variant and dataset.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn model_evaluations(
        &self,
        tenant: &TenantId,
        name: &Name,
        version: &Version,
    ) -> Result<Vec<ModelEvaluation>, RegistryError> {
        let rows = sqlx::query(
            "SELECT * FROM model_evaluations WHERE tenant = $1 AND name = $2 AND version = $3 \
             ORDER BY created_at DESC",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(check_version(version)?)
        .fetch_all(&self.db.pool)
        .await?;
        let mut all = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        // Not by the database, which has a collation of its own.
        all.sort_by(|a, b| {
            let newest = b.created_at.cmp(&a.created_at);
            newest
                .then_with(|| a.target.variant.cmp(&b.target.variant))
                .then_with(|| a.dataset.cmp(&b.dataset))
        });
        Ok(all)
    }
}

fn record(row: &AnyRow) -> Result<ModelEvaluation, RegistryError> {
    let variant = rows::text(row, "variant")?;
    Ok(ModelEvaluation {
        target: ModelTarget {
            version: rows::parsed(row, "version")?,
            variant: match variant.as_str() {
                "" => None,
                _ => Some(rows::parsed(row, "variant")?),
            },
        },
        dataset: rows::text(row, "dataset")?,
        report: rows::json(row, "report")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
