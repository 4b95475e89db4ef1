//! Models and their versions.

use std::collections::BTreeMap;

use semver::Version;
use sqlx::any::AnyRow;

use crate::db::{is_taken, lacks_parent};
use crate::deployments::CANDIDATE;
use crate::id::{ModelRef, Name, Selector, TenantId};
use crate::quotas::{self, QuotaKind};
use crate::tenants::no_such_tenant;
use crate::versions::{self, MODEL_ALIASES, STABLE};
use crate::{ArtifactRef, Lineage, ModelVersion, Registry, RegistryError, rows};

/// The largest model config, in bytes of JSON: room for thousands of labels.
const MAX_CONFIG_BYTES: usize = 256 * 1024;
/// The longest lineage, in bytes of JSON.
const MAX_LINEAGE_BYTES: usize = 16 * 1024;
/// The most files one version has.
const MAX_FILES: usize = 16;

impl Registry {
    /// Registers a version of a model whose files are in the artifact store already.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where the version exists; [`RegistryError::NotFound`] for the tenant
    /// or a file that is not in the store; [`RegistryError::Invalid`] for a file name or size that is
    /// wrong; [`RegistryError::Store`]; [`RegistryError::Database`].
    #[allow(clippy::too_many_arguments, reason = "each is a column of the row")]
    pub async fn push_model(
        &self,
        tenant: &TenantId,
        name: &Name,
        version: &Version,
        config: &serde_json::Value,
        files: BTreeMap<String, ArtifactRef>,
        lineage: &Lineage,
        by: &str,
    ) -> Result<ModelVersion, RegistryError> {
        let by = rows::one_line("an author", by)?;
        let version_text = versions::check_version(version)?;
        let config_json = rows::to_json("model config", config, MAX_CONFIG_BYTES)?;
        self.check_files(&files).await?;
        let files_json = rows::to_json("list of files", &files, 64 * 1024)?;
        let lineage_json = rows::to_json("lineage", lineage, MAX_LINEAGE_BYTES)?;
        let record = ModelVersion {
            tenant: tenant.clone(),
            name: name.clone(),
            version: version.clone(),
            files,
            config: config.clone(),
            variants: BTreeMap::new(),
            lineage: lineage.clone(),
            created_at: rows::now(),
            created_by: by.to_owned(),
        };
        let mut change = self.db.change().await?;
        let size = record
            .files
            .values()
            .fold(0_u64, |sum, file| sum.saturating_add(file.size));
        quotas::room(&mut change, tenant, QuotaKind::StorageBytes, size).await?;
        let done = sqlx::query(
            "INSERT INTO model_versions (tenant, name, version, files, config, lineage, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(version_text)
        .bind(files_json)
        .bind(config_json)
        .bind(lineage_json)
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
                let there = self.exact_model_version(tenant, name, version).await?;
                Err(there.map_or_else(|| e.into(), |there| conflict(&there)))
            }
            Err(e) if lacks_parent(&e) => Err(no_such_tenant(tenant)),
            Err(e) => Err(e.into()),
        }
    }

    /// Every file has a plain name, and is in the store with the size that was said.
    async fn check_files(
        &self,
        files: &BTreeMap<String, ArtifactRef>,
    ) -> Result<(), RegistryError> {
        if files.is_empty() || files.len() > MAX_FILES {
            return Err(RegistryError::Invalid(format!(
                "a model has 1 to {MAX_FILES} files, not {}",
                files.len()
            )));
        }
        for (file, artifact) in files {
            // No separator and no leading dot: the name stays inside whatever folder it is put into.
            let plain = (1..=64).contains(&file.len())
                && file
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
                && !file.starts_with('.');
            if !plain {
                return Err(RegistryError::Invalid(
                    "a model file has a name of 1 to 64 letters, digits, `.`, `_` and `-`, not starting with `.`"
                        .into(),
                ));
            }
            let stored = self.artifacts.size(&artifact.digest).await?;
            if stored != artifact.size {
                return Err(RegistryError::Invalid(format!(
                    "the model file `{file}` is said to have {} bytes; stored are {stored}",
                    artifact.size
                )));
            }
        }
        Ok(())
    }

    /// The highest version of each model, by name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn models(&self, tenant: &TenantId) -> Result<Vec<ModelVersion>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM model_versions WHERE tenant = $1")
            .bind(tenant.as_str())
            .fetch_all(&self.db.pool)
            .await?;
        let all = rows.iter().map(record).collect::<Result<_, _>>()?;
        self.with_variants(versions::highest_of_each(all)).await
    }

    /// Every version of every model of every tenant, by tenant and name, highest first.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn all_models(&self) -> Result<Vec<ModelVersion>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM model_versions")
            .fetch_all(&self.db.pool)
            .await?;
        let mut all = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        versions::sort(&mut all);
        all.sort_by(|a, b| (&a.tenant, &a.name).cmp(&(&b.tenant, &b.name)));
        self.with_variants(all).await
    }

    /// Every version of a model, highest first.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where there is none, [`RegistryError::Database`].
    pub async fn model_versions(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Vec<ModelVersion>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM model_versions WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_all(&self.db.pool)
            .await?;
        if rows.is_empty() {
            return Err(RegistryError::NotFound {
                kind: "model",
                name: name.to_string(),
            });
        }
        let mut found = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        versions::sort(&mut found);
        self.with_variants(found).await
    }

    /// One version, by number or by alias.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn model_version(
        &self,
        tenant: &TenantId,
        name: &Name,
        selector: &Selector,
    ) -> Result<ModelVersion, RegistryError> {
        let found = match selector {
            Selector::Version(version) => self.exact_model_version(tenant, name, version).await?,
            Selector::Alias(alias) => match self.model_aliases(tenant, name).await?.get(alias) {
                Some(version) => self.exact_model_version(tenant, name, version).await?,
                None => None,
            },
        };
        found.ok_or_else(|| RegistryError::NotFound {
            kind: "model version",
            name: format!("{name}@{selector}"),
        })
    }

    /// The version that is meant where none is named, by the rule for plugins.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where there is no version, [`RegistryError::Database`].
    pub async fn latest_model_version(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<ModelVersion, RegistryError> {
        let aliases = self.model_aliases(tenant, name).await?;
        let found = versions::latest(self.model_versions(tenant, name).await?, &aliases);
        found.ok_or_else(|| RegistryError::NotFound {
            kind: "model",
            name: name.to_string(),
        })
    }

    /// The version that a reference means now.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn resolve_model(
        &self,
        tenant: &TenantId,
        model: &ModelRef,
    ) -> Result<ModelVersion, RegistryError> {
        match &model.selector {
            Some(selector) => self.model_version(tenant, &model.name, selector).await,
            None => self.latest_model_version(tenant, &model.name).await,
        }
    }

    /// Lets the alias name this version from now on.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the version; [`RegistryError::Invalid`] for `stable` and
    /// `candidate` of a model that is deployed, which follow its deployment;
    /// [`RegistryError::Database`].
    pub async fn set_model_alias(
        &self,
        tenant: &TenantId,
        model: &Name,
        alias: &Name,
        version: &Version,
    ) -> Result<(), RegistryError> {
        let mut change = self.db.change().await?;
        if [STABLE, CANDIDATE].contains(&alias.as_str()) {
            let deployed =
                sqlx::query("SELECT 1 FROM model_deployments WHERE tenant = $1 AND name = $2")
                    .bind(tenant.as_str())
                    .bind(model.as_str())
                    .fetch_optional(&mut *change)
                    .await?;
            if deployed.is_some() {
                return Err(RegistryError::Invalid(format!(
                    "the alias `{alias}` follows the deployment of the model `{model}`; change that"
                )));
            }
        }
        MODEL_ALIASES
            .write(&mut change, tenant, model, alias.as_str(), Some(version))
            .await?;
        change.commit().await
    }

    /// Every alias of a model and the version it names.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn model_aliases(
        &self,
        tenant: &TenantId,
        model: &Name,
    ) -> Result<BTreeMap<Name, Version>, RegistryError> {
        MODEL_ALIASES.of_one(self, tenant, model).await
    }

    /// Every alias of every model: tenant, model, alias, version.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn all_model_aliases(
        &self,
    ) -> Result<Vec<(TenantId, Name, Name, Version)>, RegistryError> {
        let rows = sqlx::query("SELECT tenant, name, alias, version FROM model_aliases")
            .fetch_all(&self.db.pool)
            .await?;
        let mut all = rows
            .iter()
            .map(|row| {
                Ok((
                    rows::parsed(row, "tenant")?,
                    rows::parsed(row, "name")?,
                    rows::parsed(row, "alias")?,
                    rows::parsed(row, "version")?,
                ))
            })
            .collect::<Result<Vec<_>, RegistryError>>()?;
        all.sort();
        Ok(all)
    }

    async fn exact_model_version(
        &self,
        tenant: &TenantId,
        name: &Name,
        version: &Version,
    ) -> Result<Option<ModelVersion>, RegistryError> {
        let row = sqlx::query(
            "SELECT * FROM model_versions WHERE tenant = $1 AND name = $2 AND version = $3",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(version.to_string())
        .fetch_optional(&self.db.pool)
        .await?;
        let found = row.iter().map(record).collect::<Result<_, _>>()?;
        Ok(self.with_variants(found).await?.pop())
    }
}

fn conflict(there: &ModelVersion) -> RegistryError {
    let files: Vec<String> = there
        .files
        .iter()
        .map(|(file, a)| format!("{file} {}", a.digest))
        .collect();
    RegistryError::Conflict {
        kind: "model version",
        name: format!("{}@{}", there.name, there.version),
        detail: format!(", with {}", files.join(", ")),
    }
}

fn record(row: &AnyRow) -> Result<ModelVersion, RegistryError> {
    Ok(ModelVersion {
        tenant: rows::parsed(row, "tenant")?,
        name: rows::parsed(row, "name")?,
        version: rows::parsed(row, "version")?,
        files: rows::json(row, "files")?,
        config: rows::json(row, "config")?,
        variants: BTreeMap::new(),
        lineage: rows::json(row, "lineage")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}
