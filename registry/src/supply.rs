//! Where plugins come from: trusted keys, the policy of a tenant, and what is kept with a version.
//!
//! The policy is asked at two doors, inside the transaction of the change: when a version is published and when a
//! revision of a function is written, whoever writes it. What runs already goes on when a key is taken back, also after
//! a restart: taking a key back must be something an operator can do at once, without weighing an outage. It answers
//! with what is to be replaced.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use steward_supply::{
    Envelope, Provenance, PublicKey, Sbom, Sections, SignatureError, Subject, sha256,
};

use crate::db::{Write, is_taken, lacks_parent};
use crate::id::{Digest, Name, TenantId};
use crate::manifest::Manifest;
use crate::tenants::no_such_tenant;
use crate::{ArtifactRef, PluginVersion, Registry, RegistryError, StepDescription, rows};

/// The most keys that a tenant trusts.
pub const MAX_TRUSTED_KEYS: usize = 100;
/// The largest summary of a document, in bytes of JSON.
const MAX_SUMMARY_BYTES: usize = 64 * 1024;

/// A key whose signatures a tenant accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrustedKey {
    /// Whose trust it is.
    pub tenant: TenantId,
    /// What the tenant calls it.
    pub name: Name,
    /// `ed25519:…`
    #[serde(serialize_with = "as_text")]
    pub key: PublicKey,
    /// Since when.
    pub created_at: Timestamp,
    /// Id of the principal that said so.
    pub created_by: String,
}

fn as_text<S: serde::Serializer>(key: &PublicKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

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

/// What comes along when a version is published.
#[derive(Debug, Clone, Default)]
pub struct Supplied {
    /// The manifest as it was sent. Without it nothing else is kept.
    pub manifest_source: Option<String>,
    /// Signatures over component and manifest.
    pub signature: Option<Envelope>,
    /// What the component says of itself.
    pub sections: Sections,
    /// A bill of materials, and what is shown of it.
    pub sbom: Option<(Bytes, Sbom)>,
    /// How it was built, and what is shown of that.
    pub provenance: Option<(Bytes, Provenance)>,
    /// What a step says of itself.
    pub step: Option<StepDescription>,
}

/// A document that is kept with a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached<T> {
    /// Where its bytes are.
    #[serde(flatten)]
    pub file: ArtifactRef,
    /// What is shown of it.
    pub about: T,
}

/// Where a version comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginSupply {
    /// The manifest as it was sent.
    pub manifest_source: String,
    /// Signatures over component and manifest.
    pub signature: Option<Envelope>,
    /// What the component says of itself.
    pub sections: Sections,
    /// A bill of materials.
    pub sbom: Option<Attached<Sbom>>,
    /// How it was built.
    pub provenance: Option<Attached<Provenance>>,
}

impl PluginSupply {
    /// The keys that signed this version, trusted or not; verified anew against what is stored, so that a row somebody
    /// changed in the database vouches for nothing.
    ///
    /// # Errors
    /// Every [`SignatureError`].
    pub fn signers(&self, of: &PluginVersion) -> Result<Vec<PublicKey>, SignatureError> {
        match &self.signature {
            Some(envelope) => signers(envelope, &of.manifest, &self.manifest_source, &of.digest),
            None => Ok(Vec::new()),
        }
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

fn signers(
    envelope: &Envelope,
    manifest: &Manifest,
    source: &str,
    component: &Digest,
) -> Result<Vec<PublicKey>, SignatureError> {
    // The signature is of the text; what counts everywhere else is what was read from it.
    if Manifest::parse(source).as_ref() != Ok(manifest) {
        return Err(SignatureError::Unreadable(
            "the manifest that is kept says something else than the text that was signed".into(),
        ));
    }
    let version = manifest.plugin.version.to_string();
    envelope.verify(&Subject {
        plugin: manifest.plugin.name.as_str(),
        version: &version,
        component: *component.as_bytes(),
        manifest: sha256(source.as_bytes()),
    })
}

/// What is to be written with a version.
pub(crate) struct Checked {
    signers: Vec<PublicKey>,
    row: Option<[Option<String>; 5]>,
}

impl Registry {
    /// Whether a version could be published with this signature: the keys that made it. Cheap, and asked before the
    /// component is compiled; publishing asks again.
    ///
    /// # Errors
    /// [`RegistryError::Signature`], [`RegistryError::NotTrusted`], [`RegistryError::Database`].
    pub async fn admits(
        &self,
        tenant: &TenantId,
        manifest: &Manifest,
        component: &Digest,
        supplied: &Supplied,
    ) -> Result<Vec<PublicKey>, RegistryError> {
        let keys = match (&supplied.signature, &supplied.manifest_source) {
            (Some(envelope), Some(source)) => signers(envelope, manifest, source, component)?,
            _ => Vec::new(),
        };
        let mut connection = self.db.pool.acquire().await?;
        asks(&mut connection, tenant, manifest, &keys).await?;
        Ok(keys)
    }

    /// Verifies what came along and stores its documents.
    pub(crate) async fn check_supplied(
        &self,
        manifest: &Manifest,
        component: &Digest,
        supplied: Supplied,
    ) -> Result<Checked, RegistryError> {
        let Some(source) = supplied.manifest_source else {
            return Ok(Checked {
                signers: Vec::new(),
                row: None,
            });
        };
        let keys = match &supplied.signature {
            Some(envelope) => signers(envelope, manifest, &source, component)?,
            None => Vec::new(),
        };
        let sbom = self.attach("SBOM", supplied.sbom).await?;
        let provenance = self.attach("provenance", supplied.provenance).await?;
        let sections = rows::to_json("sections", &supplied.sections, MAX_SUMMARY_BYTES)?;
        Ok(Checked {
            signers: keys,
            row: Some([
                Some(source),
                supplied.signature.map(|envelope| envelope.to_json()),
                Some(sections),
                sbom,
                provenance,
            ]),
        })
    }

    async fn attach<T: Serialize>(
        &self,
        what: &str,
        document: Option<(Bytes, T)>,
    ) -> Result<Option<String>, RegistryError> {
        let Some((bytes, about)) = document else {
            return Ok(None);
        };
        let file = self.artifacts.put(bytes).await?;
        rows::to_json(what, &Attached { file, about }, MAX_SUMMARY_BYTES).map(Some)
    }

    /// What is kept with a version; nothing for one that was published without.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn plugin_supply(
        &self,
        tenant: &TenantId,
        name: &Name,
        version: &Version,
    ) -> Result<Option<PluginSupply>, RegistryError> {
        sqlx::query(
            "SELECT * FROM plugin_supplies WHERE tenant = $1 AND name = $2 AND version = $3",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(version.to_string())
        .fetch_optional(&self.db.pool)
        .await?
        .as_ref()
        .map(supply)
        .transpose()
    }

    /// What is kept with the versions of a plugin, by version.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn plugin_supplies(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<BTreeMap<Version, PluginSupply>, RegistryError> {
        sqlx::query("SELECT * FROM plugin_supplies WHERE tenant = $1 AND name = $2")
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_all(&self.db.pool)
            .await?
            .iter()
            .map(|row| Ok((rows::parsed(row, "version")?, supply(row)?)))
            .collect()
    }

    /// The keys that the tenant trusts, by name.
    ///
    /// # Errors
    /// [`RegistryError::Database`]
    pub async fn trusted_keys(&self, tenant: &TenantId) -> Result<Vec<TrustedKey>, RegistryError> {
        trusted(&mut *self.db.pool.acquire().await?, tenant).await
    }

    /// Trusts a key from now on.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where the name or the key is there already, [`RegistryError::Invalid`] for more than
    /// [`MAX_TRUSTED_KEYS`], [`RegistryError::NotFound`] for the tenant, [`RegistryError::Database`].
    pub async fn add_trusted_key(
        &self,
        tenant: &TenantId,
        name: &Name,
        key: PublicKey,
        by: &str,
    ) -> Result<TrustedKey, RegistryError> {
        let by = rows::one_line("an author", by)?;
        let mut change = self.db.change().await?;
        let there = trusted(&mut change, tenant).await?;
        if there.len() >= MAX_TRUSTED_KEYS {
            return Err(RegistryError::Invalid(format!(
                "a tenant trusts at most {MAX_TRUSTED_KEYS} keys: remove one first"
            )));
        }
        let taken = |detail: String| RegistryError::Conflict {
            kind: "trusted key",
            name: name.to_string(),
            detail,
        };
        if let Some(same) = there.iter().find(|known| known.key == key) {
            return Err(taken(format!(", under the name `{}`", same.name)));
        }
        let added = TrustedKey {
            tenant: tenant.clone(),
            name: name.clone(),
            key,
            created_at: rows::now(),
            created_by: by.to_owned(),
        };
        let done = sqlx::query(
            "INSERT INTO trusted_keys (tenant, name, public_key, created_at, created_by) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(key.to_string())
        .bind(added.created_at.as_microsecond())
        .bind(by)
        .execute(&mut *change)
        .await;
        match done {
            Ok(_) => {
                change.commit().await?;
                Ok(added)
            }
            Err(e) if is_taken(&e) => Err(taken(String::new())),
            Err(e) if lacks_parent(&e) => Err(no_such_tenant(tenant)),
            Err(e) => Err(e.into()),
        }
    }

    /// Trusts a key no longer.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn remove_trusted_key(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<TrustedKey, RegistryError> {
        let mut change = self.db.change().await?;
        let row =
            sqlx::query("DELETE FROM trusted_keys WHERE tenant = $1 AND name = $2 RETURNING *")
                .bind(tenant.as_str())
                .bind(name.as_str())
                .fetch_optional(&mut *change)
                .await?
                .ok_or_else(|| RegistryError::NotFound {
                    kind: "trusted key",
                    name: name.to_string(),
                })?;
        let removed = key_record(&row)?;
        change.commit().await?;
        Ok(removed)
    }

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

async fn asks(
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

/// Writes what came along, beside the row of the version.
pub(crate) async fn write(
    change: &mut Write,
    tenant: &TenantId,
    manifest: &Manifest,
    checked: Checked,
) -> Result<(), RegistryError> {
    let Some([source, signature, sections, sbom, provenance]) = checked.row else {
        return Ok(());
    };
    sqlx::query(
        "INSERT INTO plugin_supplies (tenant, name, version, manifest_source, signature, sections, sbom, provenance) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tenant.as_str())
    .bind(manifest.plugin.name.as_str())
    .bind(manifest.plugin.version.to_string())
    .bind(source)
    .bind(signature)
    .bind(sections)
    .bind(sbom)
    .bind(provenance)
    .execute(&mut **change)
    .await?;
    Ok(())
}

/// Gives an installed version the signatures and documents of its publisher's, whose name for it is `name`.
pub(crate) async fn take_over(
    change: &mut Write,
    installed: &PluginVersion,
    name: &Name,
) -> Result<(), RegistryError> {
    let publisher = installed.origin.as_ref().map_or("", TenantId::as_str);
    sqlx::query(
        "INSERT INTO plugin_supplies (tenant, name, version, manifest_source, signature, sections, sbom, provenance) \
         SELECT $1, $2, s.version, s.manifest_source, s.signature, s.sections, s.sbom, s.provenance \
         FROM plugin_supplies s WHERE s.tenant = $3 AND s.name = $4 AND s.version = $5",
    )
    .bind(installed.tenant.as_str())
    .bind(installed.name.as_str())
    .bind(publisher)
    .bind(name.as_str())
    .bind(installed.version.to_string())
    .execute(&mut **change)
    .await?;
    Ok(())
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

async fn trusted(
    connection: &mut AnyConnection,
    tenant: &TenantId,
) -> Result<Vec<TrustedKey>, RegistryError> {
    let rows = sqlx::query("SELECT * FROM trusted_keys WHERE tenant = $1")
        .bind(tenant.as_str())
        .fetch_all(connection)
        .await?;
    let mut keys = rows.iter().map(key_record).collect::<Result<Vec<_>, _>>()?;
    keys.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(keys)
}

fn key_record(row: &AnyRow) -> Result<TrustedKey, RegistryError> {
    Ok(TrustedKey {
        tenant: rows::parsed(row, "tenant")?,
        name: rows::parsed(row, "name")?,
        key: rows::parsed(row, "public_key")?,
        created_at: rows::time(row, "created_at")?,
        created_by: rows::text(row, "created_by")?,
    })
}

fn supply(row: &AnyRow) -> Result<PluginSupply, RegistryError> {
    Ok(PluginSupply {
        manifest_source: rows::text(row, "manifest_source")?,
        signature: envelope(row)?,
        sections: rows::json(row, "sections")?,
        sbom: rows::optional_json(row, "sbom")?,
        provenance: rows::optional_json(row, "provenance")?,
    })
}

fn envelope(row: &AnyRow) -> Result<Option<Envelope>, RegistryError> {
    rows::optional_json(row, "signature")
}
