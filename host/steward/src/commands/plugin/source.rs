//! What of a plugin goes to a server or a registry: its manifest, its component, and what travels with them.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use steward_oci::place::SCHEME;
use steward_registry::Manifest;
use steward_registry::manifest::MAX_MANIFEST_BYTES;
use steward_supply::{provenance, sbom, signature};

use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::multipart::Multipart;
use crate::plugin::registry::RegistryArgs;
use crate::plugin::supply::{self, read};
use crate::plugin::toolchain::Purpose;
use crate::progress;

/// Where manifest and component lie.
#[derive(Debug, Args)]
pub struct Source {
    /// Folder of the plugin; it is built first unless --component names a finished one
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// The component, of any language and build
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
    /// The manifest [default: DIR/steward.toml]
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
}

/// What travels with them.
#[derive(Debug, Default, Args)]
pub struct Along {
    /// Signatures, as `steward plugin sign` writes them [default: the file COMPONENT.sig, where there is one]
    #[arg(long, value_name = "FILE")]
    pub signature: Option<PathBuf>,
    /// A bill of materials: CycloneDX or SPDX 2, as JSON
    #[arg(long, value_name = "FILE")]
    pub sbom: Option<PathBuf>,
    /// SLSA provenance of the component, as JSON
    #[arg(long, value_name = "FILE")]
    pub provenance: Option<PathBuf>,
}

/// Manifest and component, found and read as far as can be told without the server.
pub struct Package {
    pub manifest: Manifest,
    pub text: String,
    pub component: Content,
    pub signature: Option<Bytes>,
    pub sbom: Option<Bytes>,
    pub provenance: Option<Bytes>,
}

/// A component: in a file, which is read while it is sent, or from a registry.
pub enum Content {
    File(PathBuf),
    Bytes(Bytes),
}

impl Content {
    /// All of it.
    pub fn read(&self) -> Result<Bytes, Failure> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::File(path) => read(path, steward_oci::MAX_COMPONENT_BYTES),
        }
    }
}

impl Source {
    /// Reads the manifest and finds or builds the component.
    pub async fn package(&self, context: &Context) -> anyhow::Result<Package> {
        let path = self
            .manifest
            .clone()
            .unwrap_or_else(|| self.dir.join("steward.toml"));
        let (manifest, text) = read_manifest(&path)?;
        let component = match &self.component {
            Some(component) => component.clone(),
            None => super::build::build(context, &self.dir, Purpose::Release).await?,
        };
        Ok(Package {
            manifest,
            text,
            component: Content::File(component),
            signature: None,
            sbom: None,
            provenance: None,
        })
    }

    /// The same with what travels along, or all of it from a registry.
    pub async fn package_with(
        &self,
        context: &Context,
        along: &Along,
        registry: &RegistryArgs,
    ) -> anyhow::Result<Package> {
        let place = self.dir.to_str().filter(|dir| dir.starts_with(SCHEME));
        let mut package = match place {
            Some(place) if self.component.is_none() => self.pulled(place, registry).await?,
            Some(_) => {
                let what = "a plugin comes from a registry or from --component, not from both";
                return Err(Failure::new(Exit::Usage, what).into());
            }
            None => self.package(context).await?,
        };
        let beside = match &package.component {
            Content::File(path) => Some(supply::beside(path)).filter(|path| path.is_file()),
            Content::Bytes(_) => None,
        };
        if let Some(path) = along.signature.clone().or(beside) {
            package.signature = Some(read(&path, signature::MAX_ENVELOPE_BYTES as u64)?);
        }
        if let Some(path) = &along.sbom {
            package.sbom = Some(read(path, sbom::MAX_BYTES as u64)?);
        }
        if let Some(path) = &along.provenance {
            package.provenance = Some(read(path, provenance::MAX_BYTES as u64)?);
        }
        Ok(package)
    }

    async fn pulled(&self, place: &str, registry: &RegistryArgs) -> anyhow::Result<Package> {
        let (pulled, _) = registry
            .pull(&place.parse().map_err(Failure::from)?)
            .await?;
        let (manifest, text) = match (&self.manifest, pulled.manifest) {
            (Some(path), _) => read_manifest(path)?,
            (None, Some(text)) => (Manifest::parse(&text)?, text),
            (None, None) => {
                let what = format!("{place} has no manifest of Steward: another tool pushed it");
                let next = "write one and name it with --manifest FILE";
                return Err(Failure::invalid(what).next(next).into());
            }
        };
        Ok(Package {
            manifest,
            text,
            component: Content::Bytes(pulled.component),
            signature: pulled.signature.map(Bytes::from),
            sbom: pulled.sbom,
            provenance: pulled.provenance,
        })
    }
}

impl Package {
    pub async fn form(&self) -> Result<Multipart, Failure> {
        let form = Multipart::new().bytes("manifest", "application/toml", self.text.clone());
        let mut form = match &self.component {
            Content::File(path) => form.file("component", path.clone()).await?,
            Content::Bytes(bytes) => {
                form.bytes("component", "application/octet-stream", bytes.clone())
            }
        };
        for (name, bytes) in [
            ("signature", &self.signature),
            ("sbom", &self.sbom),
            ("provenance", &self.provenance),
        ] {
            if let Some(bytes) = bytes {
                form = form.bytes(name, "application/json", bytes.clone());
            }
        }
        Ok(form)
    }

    /// Sends both to a path of the API.
    pub async fn send(
        &self,
        context: &Context,
        path: &[&str],
        what: &'static str,
    ) -> anyhow::Result<serde_json::Value> {
        let client = context.connection.client()?;
        let form = self.form().await?;
        let bar = progress::bytes(context.output, what, Some(form.length()));
        let answer = client.upload(path, form, bar.clone()).await;
        bar.finish_and_clear();
        Ok(answer?)
    }
}

/// Reads a manifest; a slip in it is found before anything is built or sent.
pub fn read_manifest(path: &Path) -> Result<(Manifest, String), Failure> {
    let size = std::fs::metadata(path)
        .map_err(|e| {
            Failure::file("read", path, &e)
                .next("every plugin has a manifest `steward.toml`; `steward plugin new` writes one")
        })?
        .len();
    let invalid = |why: String| {
        Failure::new(
            Exit::Invalid,
            format!("the manifest {} is refused", path.display()),
        )
        .cause(why)
    };
    if size > MAX_MANIFEST_BYTES as u64 {
        return Err(invalid(format!(
            "it has {size} bytes; at most {MAX_MANIFEST_BYTES} are read"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|e| Failure::file("read", path, &e))?;
    let manifest = Manifest::parse(&text).map_err(|e| invalid(e.to_string()))?;
    Ok((manifest, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_refused_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("steward.toml");
        assert_eq!(read_manifest(&path).unwrap_err().exit, Exit::NotFound);
        for wrong in [
            "",
            "= =",
            "[plugin]\nname = \"../x\"\nversion = \"1.0.0\"\nworld = \"cleaner\"",
            &"#".repeat(70_000),
        ] {
            std::fs::write(&path, wrong).unwrap();
            let failure = read_manifest(&path).unwrap_err();
            assert_eq!(failure.exit, Exit::Invalid);
            assert!(!failure.causes.is_empty());
        }
        std::fs::write(
            &path,
            "[plugin]\nname = \"x\"\nversion = \"1.0.0\"\nworld = \"cleaner\"",
        )
        .unwrap();
        assert_eq!(read_manifest(&path).unwrap().0.plugin.name.as_str(), "x");
    }
}
