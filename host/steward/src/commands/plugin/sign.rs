//! `steward plugin sign`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use steward_supply::Envelope;
use steward_supply::signature::MAX_ENVELOPE_BYTES;

use super::source::{Content, Source};
use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::plugin::supply::{beside, read, signing_key, subject};
use crate::whole::Whole;

/// Sign a plugin: its component and its manifest, together
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin sign --key release.pem
  steward plugin sign plugins/text-cleaner --key release.pem
  steward plugin sign --component app.wasm --manifest steward.toml --key release.pem

The signature is written beside the component, as NAME.wasm.sig, and `publish` and `push` take it along. Signed \
again by another key, the file holds both signatures. It is a DSSE envelope around an in-toto statement that names \
component and manifest by their SHA-256: a change of either one needs a new signature.")]
pub struct Sign {
    #[command(flatten)]
    pub source: Source,
    /// File with the private key, as `steward plugin keygen` makes it
    #[arg(long, value_name = "FILE", env = "STEWARD_SIGNING_KEY")]
    pub key: PathBuf,
}

impl Sign {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        // Before a build that would be for nothing.
        let key = signing_key(&self.key)?;
        let package = self.source.package(&context).await?;
        let Content::File(component) = &package.component else {
            return Err(
                Failure::new(Exit::Usage, "only a component in a file can be signed").into(),
            );
        };
        let version = package.manifest.plugin.version.to_string();
        let bytes = package.component.read()?;
        let subject = subject(&package.manifest, &version, &package.text, &bytes);
        let path = beside(component);
        let there = match path.is_file() {
            true => Envelope::read(&read(&path, MAX_ENVELOPE_BYTES as u64)?).ok(),
            false => None,
        };
        // One of an earlier build is replaced: it says nothing about this one.
        let there = there.filter(|envelope| envelope.verify(&subject).is_ok());
        let envelope = match there {
            Some(envelope) => envelope
                .sign_too(&subject, &key)
                .map_err(|e| Failure::invalid(e.to_string()))?,
            None => Envelope::sign(&subject, &key),
        };
        let signers = envelope
            .verify(&subject)
            .map_err(|e| Failure::invalid(e.to_string()))?;
        let mut file = Whole::create(&path)?;
        file.write(envelope.to_json().as_bytes())?;
        file.keep()?;
        let signers: Vec<String> = signers.iter().map(ToString::to_string).collect();
        let plugin = format!("{}@{version}", package.manifest.plugin.name);
        let answer = json!({ "plugin": plugin, "signature": path, "signers": signers });
        context.output.show(&answer, || {
            format!(
                "Signed {plugin}: {} by {}.",
                path.display(),
                signers.join(", ")
            )
        })?;
        Ok(Exit::Done)
    }
}
