//! `steward plugin document`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::output::size;
use crate::progress;
use crate::reference::Reference;

/// Get a document of a published version: its manifest, signature, SBOM or provenance
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin document text-cleaner@1.0.0 sbom --out text-cleaner.cdx.json
  steward plugin document text-cleaner@stable signature --out text-cleaner.wasm.sig")]
pub struct Document {
    /// `name@version` or `name@alias`
    #[arg(value_name = "PLUGIN")]
    pub plugin: Reference,
    /// Which document
    pub document: Kind,
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// What is kept with a version, byte for byte.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Kind {
    /// `steward.toml`, as it was sent
    Manifest,
    /// The DSSE envelope
    Signature,
    /// The bill of materials
    Sbom,
    /// How it was built
    Provenance,
}

impl Document {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let Some(selector) = &self.plugin.selector else {
            let next = format!("name one, as {}@stable", self.plugin.name);
            return Err(Failure::new(Exit::Usage, "a document is of one version")
                .next(next)
                .into());
        };
        let kind = match self.document {
            Kind::Manifest => "manifest",
            Kind::Signature => "signature",
            Kind::Sbom => "sbom",
            Kind::Provenance => "provenance",
        };
        let (name, selector) = (self.plugin.name.as_str(), selector.to_string());
        let path = ["api", "v1", "plugins", name, &selector, "documents", kind];
        let bar = progress::bytes(context.output, "receiving", None);
        let received = context
            .connection
            .client()?
            .receive_file(&path, &[], &self.out, bar.clone())
            .await;
        bar.finish_and_clear();
        let bytes = received?;
        context
            .output
            .show(&json!({ "file": self.out, "size": bytes }), || {
                format!("Wrote {} ({}).", self.out.display(), size(bytes))
            })?;
        Ok(Exit::Done)
    }
}
