//! Deployments of models: which versions answer, as a history of revisions.

use sqlx::any::AnyRow;

use crate::db::{Write, is_taken};
use crate::id::{Name, TenantId};
use crate::versions::{MODEL_ALIASES, STABLE, check_version};
use crate::{ModelDeployment, ModelDeploymentSpec, ModelTarget, Registry, RegistryError, rows};

/// The alias of what is on trial.
pub(crate) const CANDIDATE: &str = "candidate";
/// The largest specification, in bytes of JSON.
const MAX_SPEC_BYTES: usize = 64 * 1024;
/// The most numbers that a deployment may demand.
const MAX_GATES: usize = 64;

impl Registry {
    /// Deploys: writes the next revision, which is the current one from then on. The aliases `stable`
    /// and `candidate` follow it in the same transaction.
    ///
    /// `after` is the revision that the caller has seen, 0 for none: where another came between,
    /// nothing is written. Without it the new one comes after whatever there is.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for a specification without sense; [`RegistryError::NotFound`] for a
    /// version or variant; [`RegistryError::Conflict`] where `after` is not the current revision;
    /// [`RegistryError::Database`].
    pub async fn put_model_deployment(
        &self,
        tenant: &TenantId,
        name: &Name,
        spec: &ModelDeploymentSpec,
        reason: &str,
        after: Option<u32>,
        by: &str,
    ) -> Result<ModelDeployment, RegistryError> {
        check_spec(spec)?;
        let by = rows::one_line("an author", by)?;
        let spec_json = rows::to_json("deployment", spec, MAX_SPEC_BYTES)?;
        let mut change = self.db.change().await?;
        let row = sqlx::query(
            "SELECT COALESCE(MAX(revision), 0) AS revision FROM model_deployments WHERE tenant = $1 AND name = $2",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .fetch_one(&mut *change)
        .await?;
        let current: u32 = rows::count(&row, "revision")?;
        if after.is_some_and(|after| after != current) {
            return Err(newer(name, current));
        }
        for target in targets(spec) {
            exists(&mut change, tenant, name, &target).await?;
        }
        let deployment = ModelDeployment {
            tenant: tenant.clone(),
            name: name.clone(),
            revision: current + 1,
            spec: spec.clone(),
            reason: rows::sentence(reason),
            created_at: rows::now(),
            created_by: by.to_owned(),
        };
        let done = sqlx::query(
            "INSERT INTO model_deployments (tenant, name, revision, spec, reason, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(i64::from(deployment.revision))
        .bind(spec_json)
        .bind(&deployment.reason)
        .bind(deployment.created_at.as_microsecond())
        .bind(by)
        .execute(&mut *change)
        .await;
        match done {
            Ok(_) => {}
            Err(e) if is_taken(&e) => return Err(newer(name, deployment.revision)),
            Err(e) => return Err(e.into()),
        }
        let candidate = spec.candidate.as_ref().map(|share| &share.version);
        for (alias, version) in [(STABLE, Some(&spec.stable.version)), (CANDIDATE, candidate)] {
            MODEL_ALIASES
                .write(&mut change, tenant, name, alias, version)
                .await?;
        }
        change.commit().await?;
        Ok(deployment)
    }

    /// The current revision of the deployment of a model.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where it never was deployed, [`RegistryError::Database`].
    pub async fn model_deployment(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<ModelDeployment, RegistryError> {
        let row = sqlx::query(
            "SELECT * FROM model_deployments WHERE tenant = $1 AND name = $2 ORDER BY revision DESC LIMIT 1",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .fetch_optional(&self.db.pool)
        .await?;
        row.as_ref()
            .map_or_else(|| Err(never_deployed(name)), record)
    }

    /// Every revision of the deployment of a model, newest first.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where it never was deployed, [`RegistryError::Database`].
    pub async fn model_deployment_history(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Vec<ModelDeployment>, RegistryError> {
        let rows = sqlx::query(
            "SELECT * FROM model_deployments WHERE tenant = $1 AND name = $2 ORDER BY revision DESC",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .fetch_all(&self.db.pool)
        .await?;
        if rows.is_empty() {
            return Err(never_deployed(name));
        }
        rows.iter().map(record).collect()
    }

    /// The current deployment of each model of every tenant, by tenant and name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn all_model_deployments(&self) -> Result<Vec<ModelDeployment>, RegistryError> {
        let rows = sqlx::query(
            "SELECT d.* FROM model_deployments d WHERE d.revision = \
             (SELECT MAX(n.revision) FROM model_deployments n WHERE n.tenant = d.tenant AND n.name = d.name)",
        )
        .fetch_all(&self.db.pool)
        .await?;
        let mut all = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        all.sort_by(|a, b| (&a.tenant, &a.name).cmp(&(&b.tenant, &b.name)));
        Ok(all)
    }
}

fn targets(spec: &ModelDeploymentSpec) -> impl Iterator<Item = ModelTarget> {
    let shares = spec.candidate.iter().chain(&spec.shadow);
    std::iter::once(spec.stable.clone()).chain(shares.map(crate::ModelShare::target))
}

async fn exists(
    change: &mut Write,
    tenant: &TenantId,
    name: &Name,
    target: &ModelTarget,
) -> Result<(), RegistryError> {
    let version = check_version(&target.version)?;
    let (statement, kind) = match target.variant {
        None => (
            "SELECT 1 FROM model_versions WHERE tenant = $1 AND name = $2 AND version = $3",
            "model version",
        ),
        Some(_) => (
            "SELECT 1 FROM model_variants WHERE tenant = $1 AND name = $2 AND version = $3 AND variant = $4",
            "model variant",
        ),
    };
    let mut query = sqlx::query(statement)
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(version);
    if let Some(variant) = &target.variant {
        query = query.bind(variant.as_str());
    }
    let found = query.fetch_optional(&mut **change).await?;
    found.map(drop).ok_or_else(|| RegistryError::NotFound {
        kind,
        name: format!("{name}@{target}"),
    })
}

/// The rules that hold for every deployment, whatever its model.
fn check_spec(spec: &ModelDeploymentSpec) -> Result<(), RegistryError> {
    let wrong = |text: String| Err(RegistryError::Invalid(text));
    for (what, share) in [("candidate", &spec.candidate), ("shadow", &spec.shadow)] {
        let Some(share) = share else { continue };
        if !(1..=100).contains(&share.percent) {
            return wrong(format!(
                "the share of the {what} is {} percent; it must be 1 to 100, or be left out with it",
                share.percent
            ));
        }
        if share.target() == spec.stable {
            return wrong(format!(
                "the {what} is the same as the stable version, {}",
                spec.stable
            ));
        }
    }
    if spec.gates.len() > MAX_GATES {
        return wrong(format!(
            "{} gates are more than the limit of {MAX_GATES}",
            spec.gates.len()
        ));
    }
    for gate in &spec.gates {
        let bounds = [gate.min, gate.max];
        let finite = bounds.iter().flatten().all(|bound| bound.is_finite());
        if !finite || bounds == [None, None] {
            return wrong(format!(
                "the gate on `{}` needs a `min`, a `max` or both, as numbers",
                gate.metric.chars().take(80).collect::<String>()
            ));
        }
    }
    Ok(())
}

fn never_deployed(name: &Name) -> RegistryError {
    RegistryError::NotFound {
        kind: "deployment of the model",
        name: name.to_string(),
    }
}

fn newer(name: &Name, revision: u32) -> RegistryError {
    RegistryError::Conflict {
        kind: "deployment",
        name: format!("{name}, revision {revision}"),
        detail: "; look at it and decide again".into(),
    }
}

fn record(row: &AnyRow) -> Result<ModelDeployment, RegistryError> {
    Ok(ModelDeployment {
        tenant: rows::parsed(row, "tenant")?,
        name: rows::parsed(row, "name")?,
        revision: rows::count(row, "revision")?,
        spec: rows::json(row, "spec")?,
        reason: rows::text(row, "reason")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
