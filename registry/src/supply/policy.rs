//! Which plugins a tenant accepts, asked before a version is published and before it runs.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row as _};
use steward_supply::PublicKey;

use super::keys::{TrustedKey, trusted};
use super::{Checked, envelope, signers};
use crate::db::{Write, lacks_parent};
use crate::id::{Name, TenantId};
use crate::manifest::Manifest;
use crate::tenants::no_such_tenant;
use crate::{Registry, RegistryError, rows};

/// Which plugins a tenant accepts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginPolicy {
    /// Every plugin that passes the checks.
    #[default]
    Any,
    /// Only those that a trusted key has signed.
    Signed,
}

impl PluginPolicy {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Signed => "signed",
        }
    }
}

impl fmt::Display for PluginPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PluginPolicy {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Any, Self::Signed]
            .into_iter()
            .find(|policy| policy.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no policy for plugins; it is `any` or `signed`"))
    }
}

/// A version that a function runs and that no trusted key vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unvouched {
    /// The function.
    pub function: Name,
    /// Its plugin.
    pub plugin: Name,
    /// The version.
    pub version: Version,
}

impl Registry {
    /// Which plugins the tenant accepts.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn plugin_policy(&self, tenant: &TenantId) -> Result<PluginPolicy, RegistryError> {
        policy(&mut *self.db.pool.acquire().await?, tenant).await
    }

    /// Accepts these plugins from now on.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the tenant, [`RegistryError::Database`].
    pub async fn set_plugin_policy(
        &self,
        tenant: &TenantId,
        policy: PluginPolicy,
        by: &str,
    ) -> Result<(), RegistryError> {
        let by = rows::one_line("an author", by)?;
        let mut change = self.db.change().await?;
        sqlx::query(
            "INSERT INTO plugin_policies (tenant, plugins, changed_at, changed_by) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (tenant) DO UPDATE SET plugins = excluded.plugins, changed_at = excluded.changed_at, \
             changed_by = excluded.changed_by",
        )
        .bind(tenant.as_str())
        .bind(policy.as_str())
        .bind(rows::now().as_microsecond())
        .bind(by)
        .execute(&mut *change)
        .await
        .map_err(|e| if lacks_parent(&e) { no_such_tenant(tenant) } else { e.into() })?;
        change.commit().await
    }

    /// Asks the policy of the tenant whether a version may run. For what runs without a revision of a function, whose
    /// writing asks by itself.
    ///
    /// # Errors
    /// [`RegistryError::NotTrusted`], [`RegistryError::Signature`], [`RegistryError::NotFound`],
    /// [`RegistryError::Database`].
    pub async fn check_trusted(
        &self,
        tenant: &TenantId,
        name: &Name,
        version: &Version,
    ) -> Result<(), RegistryError> {
        check_trusted(&mut *self.db.pool.acquire().await?, tenant, name, version).await
    }

    /// What the functions of the tenant run that no trusted key vouches for, whatever the policy.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn unvouched(&self, tenant: &TenantId) -> Result<Vec<Unvouched>, RegistryError> {
        let functions = self.functions(tenant).await?;
        let mut connection = self.db.pool.acquire().await?;
        let mut unvouched = Vec::new();
        for spec in functions.into_iter().map(|function| function.spec) {
            for target in spec.targets {
                match vouched(&mut connection, tenant, &spec.plugin, &target.version).await {
                    Ok(()) => {}
                    Err(RegistryError::NotTrusted { .. } | RegistryError::Signature(_)) => {
                        unvouched.push(Unvouched {
                            function: spec.name.clone(),
                            plugin: spec.plugin.clone(),
                            version: target.version,
                        });
                    }
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(unvouched)
    }
}

/// Asks the policy about a version that is about to be published.
pub(crate) async fn admit(
    change: &mut Write,
    tenant: &TenantId,
    manifest: &Manifest,
    checked: &Checked,
) -> Result<(), RegistryError> {
    asks(change, tenant, manifest, &checked.signers).await
}

pub(super) async fn asks(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    manifest: &Manifest,
    signers: &[PublicKey],
) -> Result<(), RegistryError> {
    if policy(connection, tenant).await? == PluginPolicy::Any {
        return Ok(());
    }
    let plugin = format!("{}@{}", manifest.plugin.name, manifest.plugin.version);
    trusts(&trusted(connection, tenant).await?, plugin, signers)
}

/// Asks the policy about a version that is about to run.
pub(crate) async fn check_trusted(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    name: &Name,
    version: &Version,
) -> Result<(), RegistryError> {
    match policy(connection, tenant).await? {
        PluginPolicy::Any => Ok(()),
        PluginPolicy::Signed => vouched(connection, tenant, name, version).await,
    }
}

async fn vouched(
    connection: &mut AnyConnection,
    tenant: &TenantId,
    name: &Name,
    version: &Version,
) -> Result<(), RegistryError> {
    let plugin = format!("{name}@{version}");
    let row = sqlx::query(
        "SELECT v.digest, v.manifest, s.manifest_source, s.signature FROM plugin_versions v \
         LEFT JOIN plugin_supplies s ON s.tenant = v.tenant AND s.name = v.name AND s.version = v.version \
         WHERE v.tenant = $1 AND v.name = $2 AND v.version = $3",
    )
    .bind(tenant.as_str())
    .bind(name.as_str())
    .bind(version.to_string())
    .fetch_optional(&mut *connection)
    .await?
    .ok_or_else(|| RegistryError::NotFound {
        kind: "plugin version",
        name: plugin.clone(),
    })?;
    let keys = match (
        row.try_get::<Option<String>, _>("manifest_source")?,
        envelope(&row)?,
    ) {
        (Some(source), Some(envelope)) => signers(
            &envelope,
            &rows::json(&row, "manifest")?,
            &source,
            &rows::parsed(&row, "digest")?,
        )?,
        _ => Vec::new(),
    };
    trusts(&trusted(connection, tenant).await?, plugin, &keys)
}

/// Whether one of the signers is trusted.
fn trusts(
    trusted: &[TrustedKey],
    plugin: String,
    signers: &[PublicKey],
) -> Result<(), RegistryError> {
    if signers
        .iter()
        .any(|key| trusted.iter().any(|t| t.key == *key))
    {
        return Ok(());
    }
    let (reason, next) = match signers {
        [] => (
            "has no signature".to_owned(),
            "sign it with `steward plugin sign --key FILE` and publish it as a new version"
                .to_owned(),
        ),
        [first, ..] => {
            let keys: Vec<String> = signers.iter().map(ToString::to_string).collect();
            (
                format!(
                    "is signed by {} alone, which this tenant does not trust",
                    keys.join(", ")
                ),
                format!(
                    "if the tenant shall trust that key, an operator says `steward trust add NAME --key {first}`"
                ),
            )
        }
    };
    Err(RegistryError::NotTrusted {
        plugin,
        reason,
        next,
    })
}

async fn policy(
    connection: &mut AnyConnection,
    tenant: &TenantId,
) -> Result<PluginPolicy, RegistryError> {
    let row = sqlx::query("SELECT plugins FROM plugin_policies WHERE tenant = $1")
        .bind(tenant.as_str())
        .fetch_optional(connection)
        .await?;
    row.map_or(Ok(PluginPolicy::Any), |row| rows::parsed(&row, "plugins"))
}
