//! `steward plugin pull`

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use steward_oci::{Place, Plugin};
use steward_registry::{Manifest, Name};
use steward_supply::{Envelope, Provenance, PublicKey, Sbom, sha256};

use super::push::place;
use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::output::size;
use crate::plugin::registry::RegistryArgs;
use crate::plugin::supply::{beside, subject};
use crate::whole::Whole;

/// Pull a plugin from a registry of OCI artifacts
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin pull oci://registry.example.com/acme/text-cleaner:1.0.0
  steward plugin pull oci://localhost:5000/text-cleaner:1.0.0 --out cleaner --plain-http

The folder gets NAME.wasm and, as far as they are there, steward.toml, NAME.wasm.sig, NAME.sbom.json and \
NAME.provenance.json. Everything is verified against its digest, and a signature that does not hold is refused before \
anything is written. Whom you trust is asked by `steward plugin verify FOLDER --key KEY`.")]
pub struct Pull {
    /// Where from: oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:…
    #[arg(value_name = "OCI", value_parser = place)]
    pub from: Place,
    /// Folder to write into [default: the name of the plugin]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub registry: RegistryArgs,
}

impl Pull {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let (plugin, digest) = self.registry.pull(&self.from).await?;
        let manifest = plugin
            .manifest
            .as_deref()
            .map(Manifest::parse)
            .transpose()?;
        let signers = verified(&plugin, manifest.as_ref())?;
        let name: Name = match &manifest {
            Some(manifest) => manifest.plugin.name.clone(),
            // Another tool named it; ours is the rule for names of files.
            None => self.from.name().parse()?,
        };
        let dir = self.out.unwrap_or_else(|| PathBuf::from(name.as_str()));
        let files = write(&dir, &name, &plugin)?;
        let reference = self.from.at(&digest).to_string();
        let signers: Vec<String> = signers.iter().map(ToString::to_string).collect();
        let answer = json!({ "reference": reference, "digest": digest, "dir": dir, "files": files, "signers": signers });
        context.output.show(&answer, || {
            let signed = match signers.is_empty() {
                true => "It is not signed.".to_owned(),
                false => format!(
                    "Signed by {}; `steward plugin verify` asks whether you trust that.",
                    signers.join(", ")
                ),
            };
            format!(
                "Pulled {reference}\ninto {}: {} ({}).\n{signed}",
                dir.display(),
                files.join(", "),
                size(plugin.component.len() as u64)
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Everything that can be verified before anything is written.
fn verified(plugin: &Plugin, manifest: Option<&Manifest>) -> Result<Vec<PublicKey>, Failure> {
    let wrong = |what: &str, why: String| {
        Failure::invalid(format!("the {what} in the registry is refused")).cause(why)
    };
    if let Some(sbom) = &plugin.sbom {
        Sbom::read(sbom).map_err(|e| wrong("SBOM", e.to_string()))?;
    }
    if let Some(provenance) = &plugin.provenance {
        Provenance::read(provenance, &sha256(&plugin.component))
            .map_err(|e| wrong("provenance", e.to_string()))?;
    }
    match (&plugin.signature, manifest, &plugin.manifest) {
        (None, ..) => Ok(Vec::new()),
        (Some(envelope), Some(manifest), Some(text)) => {
            let version = manifest.plugin.version.to_string();
            let subject = subject(manifest, &version, text, &plugin.component);
            Envelope::read(envelope.as_bytes())
                .and_then(|envelope| envelope.verify(&subject))
                .map_err(|e| wrong("signature", e.to_string()))
        }
        (Some(_), ..) => Err(wrong(
            "signature",
            "there is no manifest, which it would sign".into(),
        )),
    }
}

fn write(dir: &Path, name: &Name, plugin: &Plugin) -> Result<Vec<String>, Failure> {
    std::fs::create_dir_all(dir).map_err(|e| Failure::file("create", dir, &e))?;
    let component = format!("{name}.wasm");
    let signature = beside(Path::new(&component)).display().to_string();
    let files: Vec<(String, &[u8])> = [
        Some((component, &plugin.component[..])),
        plugin
            .manifest
            .as_ref()
            .map(|text| ("steward.toml".to_owned(), text.as_bytes())),
        plugin
            .signature
            .as_ref()
            .map(|text| (signature, text.as_bytes())),
        plugin
            .sbom
            .as_ref()
            .map(|bytes| (format!("{name}.sbom.json"), &bytes[..])),
        plugin
            .provenance
            .as_ref()
            .map(|bytes| (format!("{name}.provenance.json"), &bytes[..])),
    ]
    .into_iter()
    .flatten()
    .collect();
    // A folder with other files of these names is somebody's work.
    if let Some((name, _)) = files.iter().find(|(name, _)| dir.join(name).exists()) {
        let what = format!("{} exists already", dir.join(name).display());
        return Err(Failure::new(Exit::Conflict, what).next("name another folder with --out"));
    }
    for (name, bytes) in &files {
        let mut file = Whole::create(&dir.join(name))?;
        file.write(bytes)?;
        file.keep()?;
    }
    Ok(files.into_iter().map(|(name, _)| name).collect())
}
