//! Plugins and their versions.

use std::collections::BTreeMap;

use bytes::Bytes;
use semver::Version;
use sqlx::any::AnyRow;

use crate::db::{is_taken, lacks_parent};
use crate::id::{Name, Selector, TenantId};
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest};
use crate::supply::{self, Supplied};
use crate::tenants::no_such_tenant;
use crate::versions::{self, PLUGIN_ALIASES};
use crate::{PluginVersion, Registry, RegistryError, rows};

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
        let version_text = versions::check_version(version)?;
        // JSON is more verbose than the TOML that was read.
        let manifest_json = rows::to_json("manifest", manifest, 4 * MAX_MANIFEST_BYTES)?;
        // Before anything is stored; who publishes at the same time is found by the insert below.
        if let Some(there) = self.exact_plugin_version(tenant, name, version).await? {
            return Err(conflict(&there));
        }

        let digest = crate::artifacts::digest_of(component.clone()).await;
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
        };
        let mut change = self.db.change().await?;
        // In the transaction: a key that is taken back at the same time counts for all or for none.
        supply::admit(&mut change, tenant, manifest, &checked).await?;
        let done = sqlx::query(
            "INSERT INTO plugin_versions (tenant, name, version, digest, size, manifest, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(version_text)
        .bind(artifact.digest.to_string())
        .bind(rows::to_bigint("a size of", artifact.size)?)
        .bind(manifest_json)
        .bind(record.created_at.as_microsecond())
        .bind(by)
        .execute(&mut *change)
        .await;
        match done {
            Ok(_) => {
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
    })
}
