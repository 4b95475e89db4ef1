//! Versions of plugins across tenants: one shares, another installs by digest. Nothing else is seen of the other.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use crate::db::{is_taken, lacks_parent};
use crate::id::{Digest, Name, TenantId};
use crate::manifest::Manifest;
use crate::quotas::{self, QuotaKind};
use crate::supply;
use crate::{PluginVersion, Registry, RegistryError, plugins, rows};

const ALL: &str = "*";

/// Who may install a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SharedWith {
    /// Every tenant: `*`.
    All,
    /// This one.
    Tenant(TenantId),
}

impl fmt::Display for SharedWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str(ALL),
            Self::Tenant(tenant) => tenant.fmt(f),
        }
    }
}

impl FromStr for SharedWith {
    type Err = crate::InvalidId;
    fn from_str(text: &str) -> Result<Self, crate::InvalidId> {
        match text {
            ALL => Ok(Self::All),
            name => name.parse().map(Self::Tenant),
        }
    }
}

impl TryFrom<String> for SharedWith {
    type Error = crate::InvalidId;
    fn try_from(text: String) -> Result<Self, crate::InvalidId> {
        text.parse()
    }
}

impl From<SharedWith> for String {
    fn from(with: SharedWith) -> Self {
        with.to_string()
    }
}

/// That a version is shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginShare {
    /// The plugin.
    pub name: Name,
    /// The version.
    pub version: semver::Version,
    /// With whom.
    pub shared_with: SharedWith,
    /// Since when.
    pub created_at: Timestamp,
    /// Id of the principal that shared it.
    pub created_by: String,
}

/// A version that another tenant shares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SharedPlugin {
    /// Whose it is.
    pub publisher: TenantId,
    /// Its name there.
    pub name: Name,
    /// Its version.
    pub version: semver::Version,
    /// Digest of the component: what it is installed by.
    pub digest: Digest,
    /// Size of the component, in bytes.
    pub size: u64,
    /// What it says of itself and asks for.
    pub manifest: Manifest,
}

impl Registry {
    /// Shares a version of a tenant's own plugin. Sharing it again changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the version or the tenant it is shared with; [`RegistryError::Invalid`] for a
    /// version that was itself installed from another tenant; [`RegistryError::Database`].
    pub async fn share_plugin(
        &self,
        tenant: &TenantId,
        name: &Name,
        version: &semver::Version,
        with: &[SharedWith],
        by: &str,
    ) -> Result<Vec<PluginShare>, RegistryError> {
        let selector = crate::Selector::Version(version.clone());
        let there = self.plugin_version(tenant, name, &selector).await?;
        if let Some(origin) = &there.origin {
            return Err(RegistryError::Invalid(format!(
                "{name}@{version} was installed from the tenant `{origin}`: only who published it shares it"
            )));
        }
        let mut change = self.db.change().await?;
        for with in with {
            if let SharedWith::Tenant(customer) = with {
                sqlx::query("SELECT name FROM tenants WHERE name = $1 AND deleted_at IS NULL")
                    .bind(customer.as_str())
                    .fetch_optional(&mut *change)
                    .await?
                    .ok_or_else(|| crate::tenants::no_such_tenant(customer))?;
            }
            sqlx::query(
                "INSERT INTO plugin_shares (tenant, name, version, shared_with, created_at, created_by) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, name, version, shared_with) DO NOTHING",
            )
            .bind(tenant.as_str())
            .bind(name.as_str())
            .bind(version.to_string())
            .bind(with.to_string())
            .bind(rows::now().as_microsecond())
            .bind(by)
            .execute(&mut *change)
            .await?;
        }
        change.commit().await?;
        self.plugin_shares(tenant, name).await
    }

    /// Ends the sharing of a version with one tenant, with `*`, or with everybody where none is named. What is
    /// installed stays installed: the artifact and the row are the customer's. Says how many shares ended.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where it is not shared so, [`RegistryError::Database`].
    pub async fn unshare_plugin(
        &self,
        tenant: &TenantId,
        name: &Name,
        version: &semver::Version,
        with: Option<&SharedWith>,
    ) -> Result<u64, RegistryError> {
        let mut change = self.db.change().await?;
        let ended = sqlx::query(
            "DELETE FROM plugin_shares WHERE tenant = $1 AND name = $2 AND version = $3 AND ($4 = '' OR shared_with = $4)",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(version.to_string())
        .bind(with.map(SharedWith::to_string).unwrap_or_default())
        .execute(&mut *change)
        .await?
        .rows_affected();
        if ended == 0 {
            return Err(RegistryError::NotFound {
                kind: "share",
                name: format!("{name}@{version}"),
            });
        }
        change.commit().await?;
        Ok(ended)
    }

    /// With whom the versions of a tenant's plugin are shared.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn plugin_shares(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<Vec<PluginShare>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM plugin_shares WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_all(&self.db.pool)
            .await?;
        let mut shares = rows.iter().map(share).collect::<Result<Vec<_>, _>>()?;
        shares.sort_by(|a, b| (&b.version, &a.shared_with).cmp(&(&a.version, &b.shared_with)));
        Ok(shares)
    }

    /// What other tenants share with this one, by publisher, name and version.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn shared_plugins(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<SharedPlugin>, RegistryError> {
        let rows = sqlx::query(
            "SELECT DISTINCT v.tenant, v.name, v.version, v.digest, v.size, v.manifest FROM plugin_versions v \
             JOIN plugin_shares s ON s.tenant = v.tenant AND s.name = v.name AND s.version = v.version \
             WHERE v.tenant <> $1 AND (s.shared_with = $1 OR s.shared_with = '*')",
        )
        .bind(tenant.as_str())
        .fetch_all(&self.db.pool)
        .await?;
        let mut shared = rows.iter().map(shared).collect::<Result<Vec<_>, _>>()?;
        shared.sort_by(|a, b| {
            (&a.publisher, &a.name, &b.version).cmp(&(&b.publisher, &b.name, &a.version))
        });
        Ok(shared)
    }

    /// Installs a version that another tenant shares with this one, by its digest: under its own name, or under
    /// another where the tenant has a plugin of that name from elsewhere. All versions of one name come from one
    /// publisher, so that nobody's update takes the place of somebody else's plugin.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where nobody shares it with this tenant; [`RegistryError::Conflict`] where it is
    /// installed or the name is taken; [`RegistryError::NotTrusted`] where the tenant accepts signed plugins alone and
    /// trusts none of its signers; [`RegistryError::Quota`]; [`RegistryError::Database`].
    pub async fn install_plugin(
        &self,
        tenant: &TenantId,
        digest: &Digest,
        name: Option<&Name>,
        by: &str,
    ) -> Result<PluginVersion, RegistryError> {
        let by = rows::one_line("an author", by)?;
        let mut change = self.db.change().await?;
        let row = sqlx::query(
            "SELECT v.tenant, v.name, v.version, v.digest, v.size, v.manifest, v.step FROM plugin_versions v \
             JOIN plugin_shares s ON s.tenant = v.tenant AND s.name = v.name AND s.version = v.version \
             WHERE v.digest = $2 AND v.tenant <> $1 AND (s.shared_with = $1 OR s.shared_with = '*') \
             ORDER BY v.tenant, v.name, v.version LIMIT 1",
        )
        .bind(tenant.as_str())
        .bind(digest.to_string())
        .fetch_optional(&mut *change)
        .await?
        .ok_or_else(|| RegistryError::NotFound {
            kind: "shared plugin",
            name: digest.to_string(),
        })?;
        let there = shared(&row)?;
        let name = name.unwrap_or(&there.name);
        plugins::of_one_publisher(&mut change, tenant, name, Some(&there.publisher)).await?;
        let new = plugins::new_name(&mut change, tenant, name).await?;
        quotas::room(&mut change, tenant, QuotaKind::Plugins, new).await?;
        let record = PluginVersion {
            tenant: tenant.clone(),
            name: name.clone(),
            version: there.version,
            digest: there.digest,
            size: there.size,
            manifest: there.manifest,
            created_at: rows::now(),
            created_by: by.to_owned(),
            origin: Some(there.publisher.clone()),
            step: rows::optional_json(&row, "step")?,
        };
        match plugins::insert(&mut change, &record).await {
            Ok(()) => {
                supply::take_over(&mut change, &record, &there.name).await?;
                supply::check_trusted(&mut change, tenant, name, &record.version).await?;
                change.commit().await?;
                Ok(record)
            }
            Err(e) if is_taken(&e) => Err(RegistryError::Conflict {
                kind: "plugin version",
                name: format!("{name}@{}", record.version),
                detail: String::new(),
            }),
            Err(e) if lacks_parent(&e) => Err(crate::tenants::no_such_tenant(tenant)),
            Err(e) => Err(e.into()),
        }
    }
}

fn share(row: &AnyRow) -> Result<PluginShare, RegistryError> {
    Ok(PluginShare {
        name: rows::parsed(row, "name")?,
        version: rows::parsed(row, "version")?,
        shared_with: rows::parsed(row, "shared_with")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}

fn shared(row: &AnyRow) -> Result<SharedPlugin, RegistryError> {
    Ok(SharedPlugin {
        publisher: rows::parsed(row, "tenant")?,
        name: rows::parsed(row, "name")?,
        version: rows::parsed(row, "version")?,
        digest: rows::parsed(row, "digest")?,
        size: rows::count(row, "size")?,
        manifest: rows::json(row, "manifest")?,
    })
}
