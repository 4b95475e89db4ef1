//! Where plugins come from: trusted keys, the policy of a tenant, and what is kept with a version.
//!
//! The policy is asked at two doors, inside the transaction of the change: when a version is published and when a
//! revision of a function is written, whoever writes it. What runs already goes on when a key is taken back, also after
//! a restart: taking a key back must be something an operator can do at once, without weighing an outage. It answers
//! with what is to be replaced.

mod keys;
mod policy;

use std::collections::BTreeMap;

use bytes::Bytes;
use semver::Version;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use steward_supply::{
    Envelope, Provenance, PublicKey, Sbom, Sections, SignatureError, Subject, sha256,
};

pub use self::keys::{MAX_TRUSTED_KEYS, TrustedKey};
use self::policy::asks;
pub use self::policy::{PluginPolicy, Unvouched};
pub(crate) use self::policy::{admit, check_trusted};
use crate::db::Write;
use crate::id::{Digest, Name, TenantId};
use crate::manifest::Manifest;
use crate::{ArtifactRef, PluginVersion, Registry, RegistryError, StepDescription, rows};

/// The largest summary of a document, in bytes of JSON.
const MAX_SUMMARY_BYTES: usize = 64 * 1024;

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
