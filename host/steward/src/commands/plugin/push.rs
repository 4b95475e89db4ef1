//! `steward plugin push`

use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use steward_oci::{About, OciError, Place, Plugin};
use steward_supply::Envelope;

use super::source::{Along, Package, Source};
use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::plugin::registry::RegistryArgs;
use crate::plugin::supply::subject;
use crate::progress;

/// Push a plugin to a registry of OCI artifacts
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin push oci://registry.example.com/acme/text-cleaner:1.0.0
  steward plugin push oci://localhost:5000/text-cleaner:1.0.0 plugins/text-cleaner --plain-http
  steward plugin push oci://ghcr.io/acme/app:1.0.0 --component app.wasm --manifest steward.toml --sbom app.cdx.json

The artifact is laid out as `wkg` and the runtimes of the Bytecode Alliance read it. Manifest and signature go along \
as annotations; SBOM and provenance are attached to it. The answer names the digest, which means these bytes for \
ever: `steward plugin publish oci://…@sha256:…`. With SOURCE_DATE_EPOCH set, the same plugin makes the same digest.")]
pub struct Push {
    /// Where to: oci://HOST/REPOSITORY:TAG
    #[arg(value_name = "OCI", value_parser = place)]
    pub to: Place,
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub along: Along,
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// An address in a registry.
pub fn place(given: &str) -> Result<Place, String> {
    given.parse().map_err(|e: OciError| e.to_string())
}

impl Push {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let package = self
            .source
            .package_with(&context, &self.along, &self.registry)
            .await?;
        let (plugin, about) = laid_out(package)?;
        let client = self.registry.client(&self.to)?;
        let bar = progress::spinner(context.output, "pushing");
        let pushed = client.push(&self.to, &plugin, &about).await;
        bar.finish_and_clear();
        let digest = pushed.map_err(Failure::from)?;
        let reference = self.to.at(&digest).to_string();
        let answer =
            json!({ "pushed": self.to.to_string(), "digest": digest, "reference": reference });
        context.output.show(&answer, || {
            format!("Pushed {}.\nIt is {reference} for ever.", self.to)
        })?;
        Ok(Exit::Done)
    }
}

fn laid_out(package: Package) -> anyhow::Result<(Plugin, About)> {
    let component = package.component.read()?;
    let shape = steward_engine::inspect(&component)
        .map_err(|e| Failure::invalid("what is to be pushed is refused").cause(e.to_string()))?;
    let section = &package.manifest.plugin;
    let version = section.version.to_string();
    let signature = match &package.signature {
        None => None,
        Some(bytes) => {
            let subject = subject(&package.manifest, &version, &package.text, &component);
            let envelope = Envelope::read(bytes).and_then(|e| e.verify(&subject).map(|_| e));
            let envelope = envelope.map_err(|e| {
                Failure::invalid("the signature is not one of this plugin")
                    .cause(e.to_string())
                    .next("sign it again: `steward plugin sign --key FILE`")
            })?;
            Some(envelope.to_json())
        }
    };
    let annotations = [
        ("title", section.name.to_string()),
        ("version", version.clone()),
        ("description", section.description.clone()),
        ("licenses", section.license.clone()),
    ];
    let about = About {
        imports: shape.imports,
        exports: shape.exports,
        created: created()?,
        annotations: annotations
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect(),
    };
    let plugin = Plugin {
        component,
        manifest: Some(package.text),
        signature,
        sbom: package.sbom,
        provenance: package.provenance,
    };
    Ok((plugin, about))
}

/// Now, or what `SOURCE_DATE_EPOCH` says (<https://reproducible-builds.org/specs/source-date-epoch/>).
fn created() -> Result<Timestamp, Failure> {
    let Some(given) = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .filter(|v| !v.is_empty())
    else {
        return Ok(Timestamp::now());
    };
    given
        .parse()
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| Failure::new(Exit::Usage, "SOURCE_DATE_EPOCH is no number of seconds"))
}
