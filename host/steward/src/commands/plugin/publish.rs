//! `steward plugin publish`

use clap::Args;

use super::source::{Along, Source};
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, size};
use crate::plugin::registry::RegistryArgs;
use crate::plugin::supply::signers;

/// Build a plugin and publish it under the name and version of its manifest
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin publish
  steward plugin publish plugins/text-cleaner
  steward plugin publish --component app.wasm --manifest steward.toml
  steward plugin publish --sbom target/text-cleaner.cdx.json --provenance provenance.json
  steward plugin publish oci://registry.example.com/acme/text-cleaner@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef

In place of a folder, an address in a registry of OCI artifacts is published from there, with the signatures and \
documents that lie beside it.

A published version never changes. Publishing it again ends with 5: raise the version in the manifest. \
What is published runs only once it is deployed: `steward function deploy`.")]
pub struct Publish {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub along: Along,
    #[command(flatten)]
    pub registry: RegistryArgs,
}

impl Publish {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let package = self
            .source
            .package_with(&context, &self.along, &self.registry)
            .await?;
        let version = package
            .send(&context, &["api", "v1", "plugins"], "publishing")
            .await?;
        let name = field(&version, "/name");
        context.output.show(&version, || {
            let signed = match signers(&version["supply"]) {
                signers if signers.is_empty() => String::new(),
                signers => format!("Signed by {}.\n", signers.replace('\n', ", ")),
            };
            format!(
                "Published {name}@{} ({}, {}).\n{signed}next: steward function deploy {name} --plugin {name}",
                field(&version, "/version"),
                size(version["size"].as_u64().unwrap_or(0)),
                field(&version, "/digest"),
            )
        })?;
        Ok(Exit::Done)
    }
}
