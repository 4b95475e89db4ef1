//! `steward plugin publish`

use clap::Args;

use super::source::Source;
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, size};

/// Build a plugin and publish it under the name and version of its manifest
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin publish
  steward plugin publish plugins/text-cleaner
  steward plugin publish --component app.wasm --manifest steward.toml

A published version never changes. Publishing it again ends with 5: raise the version in the manifest.
What is published runs only once it is deployed: `steward function deploy`.")]
pub struct Publish {
    #[command(flatten)]
    pub source: Source,
}

impl Publish {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let package = self.source.package(&context).await?;
        let version = package
            .send(&context, &["api", "v1", "plugins"], "publishing")
            .await?;
        let name = field(&version, "/name");
        context.output.show(&version, || {
            format!(
                "Published {name}@{} ({}, {}).\nnext: steward function deploy {name} --plugin {name}",
                field(&version, "/version"),
                size(version["size"].as_u64().unwrap_or(0)),
                field(&version, "/digest"),
            )
        })?;
        Ok(Exit::Done)
    }
}
