//! Plugins and their versions.

use std::collections::BTreeMap;

use bytes::Bytes;
use semver::Version;
use sqlx::any::AnyRow;

use sqlx::Row as _;

use crate::db::{Write, is_taken, lacks_parent};
use crate::id::{Name, Selector, TenantId};
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest};
use crate::quotas::{self, QuotaKind};
use crate::supply::{self, Supplied};
use crate::tenants::no_such_tenant;
use crate::versions::{self, PLUGIN_ALIASES};
use crate::{PluginVersion, Registry, RegistryError, StepDescription, rows};

/// The largest description of a step, in bytes of JSON: two schemas of 64 KiB, escaped.
const MAX_STEP_BYTES: usize = 512 * 1024;

impl Registry {
    /// Publishes a version: first its artifact, then its row, so that a version which can be seen is
    /// always complete. `by` is the id of the principal.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where the version exists, with the same bytes or with others;
    /// [`RegistryError::NotFound`] for the tenant; [`RegistryError::Invalid`] for a manifest that breaks
    /// a rule; [`RegistryError::Store`]; [`RegistryError::Database`].
    pub async fn publish(
        &self,
        tenant: &TenantId,
        manifest: &Manifest,
        component: Bytes,
        by: &str,
    ) -> Result<PluginVersion, RegistryError> {
        self.publish_with(tenant, manifest, component, by, Supplied::default())
            .await
    }

    /// Publishes a version with its signatures and documents.
    ///
    /// # Errors
    /// Those of [`Registry::publish`]; [`RegistryError::Signature`] where a signature does not hold,
    /// whatever the policy; [`RegistryError::NotTrusted`] where the tenant accepts signed plugins only.
    pub async fn publish_with(
        &self,
        tenant: &TenantId,
        manifest: &Manifest,
        component: Bytes,
        by: &str,
        supplied: Supplied,
    ) -> Result<PluginVersion, RegistryError> {
        manifest
            .check()
            .map_err(|e| RegistryError::Invalid(e.to_string()))?;
        let by = rows::one_line("an author", by)?;
        let (name, version) = (&manifest.plugin.name, &manifest.plugin.version);
        versions::check_version(version)?;
        manifest_json(manifest)?;
        // Before anything is stored; who publishes at the same time is found by the insert below.
        if let Some(there) = self.exact_plugin_version(tenant, name, version).await? {
            return Err(conflict(&there));
        }

        let digest = crate::artifacts::digest_of(component.clone()).await;
        let step = supplied.step.clone();
        let checked = self.check_supplied(manifest, &digest, supplied).await?;
        let artifact = self.artifacts.put(component).await?;
        let record = PluginVersion {
            tenant: tenant.clone(),
            name: name.clone(),
            version: version.clone(),
            digest: artifact.digest,
            size: artifact.size,
            manifest: manifest.clone(),
            created_at: rows::now(),
            created_by: by.to_owned(),
            origin: None,
            step,
        };
        let mut change = self.db.change().await?;
        of_one_publisher(&mut change, tenant, name, None).await?;
        let new = new_name(&mut change, tenant, name).await?;
        quotas::room(&mut change, tenant, QuotaKind::Plugins, new).await?;
        quotas::room(&mut change, tenant, QuotaKind::StorageBytes, artifact.size).await?;
        // In the transaction: a key that is taken back at the same time counts for all or for none.
        supply::admit(&mut change, tenant, manifest, &checked).await?;
        match insert(&mut change, &record).await {
            Ok(()) => {
                supply::write(&mut change, tenant, manifest, checked).await?;
                change.commit().await?;
                Ok(record)
            }
            Err(e) if is_taken(&e) => {
                change.roll_back().await?;
                let there = self.exact_plugin_version(tenant, name, version).await?;
                Err(there.map_or_else(|| e.into(), |there| conflict(&there)))
            }
            Err(e) if lacks_parent(&e) => Err(no_such_tenant(tenant)),
            Err(e) => Err(e.into()),
        }
    }

    /// The highest version of each plugin, by name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn plugins(&self, tenant: &TenantId) -> Result<Vec<PluginVersion>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM plugin_versions WHERE tenant = $1")
            .bind(tenant.as_str())
            .fetch_all(&self.db.pool)
            .await?;
        Ok(versions::highest_of_each(
            rows.iter().map(record).collect::<Result<_, _>>()?,
        ))
    }

    /// Every version of a plugin, highest first.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where there is none, [`RegistryError::Database`].
    pub async fn plugin_versions(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Vec<PluginVersion>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM plugin_versions WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_all(&self.db.pool)
            .await?;
        if rows.is_empty() {
            return Err(RegistryError::NotFound {
                kind: "plugin",
                name: name.to_string(),
            });
        }
        let mut found = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        versions::sort(&mut found);
        Ok(found)
    }

    /// One version, by number or by alias.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn plugin_version(
        &self,
        tenant: &TenantId,
        name: &Name,
        selector: &Selector,
    ) -> Result<PluginVersion, RegistryError> {
        let found = match selector {
            Selector::Version(version) => self.exact_plugin_version(tenant, name, version).await?,
            Selector::Alias(alias) => {
                // Versions are never deleted, so that what an alias names is there.
                match self.plugin_aliases(tenant, name).await?.get(alias) {
                    Some(version) => self.exact_plugin_version(tenant, name, version).await?,
                    None => None,
                }
            }
        };
        found.ok_or_else(|| RegistryError::NotFound {
            kind: "plugin version",
            name: format!("{name}@{selector}"),
        })
    }

    /// The version that is meant where none is named: the alias `stable` where it is set, else the
    /// highest that is no pre-release, else the highest.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where there is no version, [`RegistryError::Database`].
    pub async fn latest_plugin_version(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<PluginVersion, RegistryError> {
        // Aliases first: a version that one of them names is among the versions read afterwards.
        let aliases = self.plugin_aliases(tenant, name).await?;
        let found = versions::latest(self.plugin_versions(tenant, name).await?, &aliases);
        found.ok_or_else(|| RegistryError::NotFound {
            kind: "plugin",
            name: name.to_string(),
        })
    }

    /// Lets the alias name this version from now on.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the version, [`RegistryError::Database`].
    pub async fn set_plugin_alias(
        &self,
        tenant: &TenantId,
        plugin: &Name,
        alias: &Name,
        version: &Version,
    ) -> Result<(), RegistryError> {
        PLUGIN_ALIASES
            .set(self, tenant, plugin, alias, version)
            .await
    }

    /// Every alias of a plugin and the version it names.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn plugin_aliases(
        &self,
        tenant: &TenantId,
        plugin: &Name,
    ) -> Result<BTreeMap<Name, Version>, RegistryError> {
        PLUGIN_ALIASES.of_one(self, tenant, plugin).await
    }

    async fn exact_plugin_version(
        &self,
        tenant: &TenantId,
        name: &Name,
        version: &Version,
    ) -> Result<Option<PluginVersion>, RegistryError> {
        sqlx::query(
            "SELECT * FROM plugin_versions WHERE tenant = $1 AND name = $2 AND version = $3",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(version.to_string())
        .fetch_optional(&self.db.pool)
        .await?
        .as_ref()
        .map(record)
        .transpose()
    }
}

/// Adds the row of a version.
pub(crate) async fn insert(change: &mut Write, version: &PluginVersion) -> Result<(), sqlx::Error> {
    // Both were checked before anything was stored.
    let failed = |e: RegistryError| sqlx::Error::Encode(e.into());
    sqlx::query(
        "INSERT INTO plugin_versions (tenant, name, version, digest, size, manifest, created_at, created_by, origin, \
         step) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(version.tenant.as_str())
    .bind(version.name.as_str())
    .bind(version.version.to_string())
    .bind(version.digest.to_string())
    .bind(rows::to_bigint("a size of", version.size).map_err(failed)?)
    .bind(manifest_json(&version.manifest).map_err(failed)?)
    .bind(version.created_at.as_microsecond())
    .bind(version.created_by.as_str())
    .bind(version.origin.as_ref().map(TenantId::as_str))
    .bind(step_json(version.step.as_ref()).map_err(failed)?)
    .execute(&mut **change)
    .await
    .map(drop)
}

/// JSON is more verbose than the TOML that was read.
fn manifest_json(manifest: &Manifest) -> Result<String, RegistryError> {
    rows::to_json("manifest", manifest, 4 * MAX_MANIFEST_BYTES)
}

/// Two schemas, escaped.
fn step_json(step: Option<&StepDescription>) -> Result<Option<String>, RegistryError> {
    step.map(|step| rows::to_json("description of the step", step, MAX_STEP_BYTES))
        .transpose()
}

/// Refuses where the tenant has a plugin of this name from another publisher; none is the tenant itself.
pub(crate) async fn of_one_publisher(
    change: &mut Write,
    tenant: &TenantId,
    name: &Name,
    origin: Option<&TenantId>,
) -> Result<(), RegistryError> {
    let row =
        sqlx::query("SELECT origin FROM plugin_versions WHERE tenant = $1 AND name = $2 LIMIT 1")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_optional(&mut **change)
            .await?;
    let Some(row) = row else {
        return Ok(());
    };
    let there: Option<String> = row.try_get("origin")?;
    if there.as_deref() == origin.map(TenantId::as_str) {
        return Ok(());
    }
    let whose = there.map_or_else(
        || " as the tenant's own".to_owned(),
        |there| format!(", installed from the tenant `{there}`"),
    );
    Err(RegistryError::Conflict {
        kind: "plugin",
        name: name.to_string(),
        detail: format!("{whose}: another publisher's needs another name"),
    })
}

/// 1 where the tenant has no plugin of this name, else 0.
pub(crate) async fn new_name(
    change: &mut Write,
    tenant: &TenantId,
    name: &Name,
) -> Result<u64, RegistryError> {
    let there =
        sqlx::query("SELECT 1 FROM plugin_versions WHERE tenant = $1 AND name = $2 LIMIT 1")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_optional(&mut **change)
            .await?;
    Ok(u64::from(there.is_none()))
}

fn conflict(there: &PluginVersion) -> RegistryError {
    RegistryError::Conflict {
        kind: "plugin version",
        name: format!("{}@{}", there.name, there.version),
        detail: format!(", with the digest {}", there.digest),
    }
}

fn record(row: &AnyRow) -> Result<PluginVersion, RegistryError> {
    Ok(PluginVersion {
        tenant: rows::parsed(row, "tenant")?,
        name: rows::parsed(row, "name")?,
        version: rows::parsed(row, "version")?,
        digest: rows::parsed(row, "digest")?,
        size: rows::count(row, "size")?,
        manifest: rows::json(row, "manifest")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
        origin: rows::optional_parsed(row, "origin")?,
        step: rows::optional_json(row, "step")?,
    })
}
