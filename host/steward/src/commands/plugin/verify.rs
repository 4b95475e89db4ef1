//! `steward plugin verify`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use steward_supply::signature::MAX_ENVELOPE_BYTES;
use steward_supply::{Envelope, PublicKey};

use super::source::read_manifest;
use crate::cli::Context;
use crate::commands::items;
use crate::failure::{Exit, Failure};
use crate::output::field;
use crate::plugin::project::component_path;
use crate::plugin::supply::{beside, public_key, read, subject};

/// Verify the signature of a plugin on this machine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin verify
  steward plugin verify text-cleaner --key release.pem.pub
  steward plugin verify --component app.wasm --key ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo

Without --key, the keys are those that the tenant trusts. Nothing is built. It ends with 3 when there is no \
signature, with 6 when it does not hold or is of something else, and with 4 when none of the keys made it.")]
pub struct Verify {
    /// Folder of the plugin
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// The component [default: DIR/target/NAME.wasm, else DIR/NAME.wasm]
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
    /// The manifest [default: DIR/steward.toml]
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The signatures [default: COMPONENT.sig]
    #[arg(long, value_name = "FILE")]
    pub signature: Option<PathBuf>,
    /// A public key that may have signed it, or a file that holds one
    #[arg(long, value_name = "KEY")]
    pub key: Vec<String>,
}

impl Verify {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let path = self
            .manifest
            .clone()
            .unwrap_or_else(|| self.dir.join("steward.toml"));
        let (manifest, text) = read_manifest(&path)?;
        let component = self.component.clone().unwrap_or_else(|| {
            let built = component_path(&self.dir, &manifest);
            match built.is_file() {
                true => built,
                // As `steward plugin pull` lays it out.
                false => self.dir.join(format!("{}.wasm", manifest.plugin.name)),
            }
        });
        let bytes = read(&component, steward_oci::MAX_COMPONENT_BYTES)?;
        let path = self.signature.clone().unwrap_or_else(|| beside(&component));
        let envelope = read(&path, MAX_ENVELOPE_BYTES as u64)
            .map_err(|f| f.next("`steward plugin sign --key FILE` signs"))?;
        let version = manifest.plugin.version.to_string();
        let subject = subject(&manifest, &version, &text, &bytes);
        let signers = Envelope::read(&envelope)
            .and_then(|envelope| envelope.verify(&subject))
            .map_err(|e| {
                Failure::invalid(format!("{} is no signature of this plugin", path.display()))
                    .cause(e.to_string())
            })?;
        let known = self.known(&context).await?;
        let of = |key: &PublicKey| known.iter().find(|(_, known)| known == key);
        let plugin = format!("{}@{version}", manifest.plugin.name);
        let Some((name, key)) = signers.iter().find_map(of) else {
            let signers: Vec<String> = signers.iter().map(ToString::to_string).collect();
            let whose = if self.key.is_empty() {
                "that this tenant trusts"
            } else {
                "that was given"
            };
            let what = format!("{plugin} is signed by none of the keys {whose}");
            return Err(Failure::new(Exit::Denied, what)
                .cause(format!("it is signed by {}", signers.join(", ")))
                .into());
        };
        let answer = json!({
            "plugin": plugin,
            "signed_by": key.to_string(),
            "trusted_as": name,
            "signers": signers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        context.output.show(&answer, || match name {
            Some(name) => format!("{plugin} is signed by {name} ({key})."),
            None => format!("{plugin} is signed by {key}."),
        })?;
        Ok(Exit::Done)
    }

    /// The keys that may have signed it: those that were given, else those that the tenant trusts, by their names.
    async fn known(&self, context: &Context) -> anyhow::Result<Vec<(Option<String>, PublicKey)>> {
        if !self.key.is_empty() {
            let keys = self.key.iter().map(|given| Ok((None, public_key(given)?)));
            return keys.collect();
        }
        let client = context.connection.client()?;
        let keys = items(client.get(&["api", "v1", "trusted-keys"]).await?, "keys");
        let key = |key: &Value| Some((Some(field(key, "/name")), field(key, "/key").parse().ok()?));
        Ok(keys.iter().filter_map(key).collect())
    }
}
