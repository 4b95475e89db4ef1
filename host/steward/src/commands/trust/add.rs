//! `steward trust add`

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::field;
use crate::plugin::supply::public_key;

/// Trust a key: what it signed counts as signed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward trust add release --key ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo
  steward trust add partner --key partner.pem.pub

Adding a key needs the role operator. `steward plugin keygen` makes keys; a public key of OpenSSL \
(`openssl pkey -in key.pem -pubout`) is read as well.")]
pub struct Add {
    /// What the tenant calls the key
    pub name: Name,
    /// The public key, or a file that holds it
    #[arg(long, value_name = "KEY")]
    pub key: String,
}

impl Add {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let key = public_key(&self.key)?;
        let body = json!({ "name": self.name, "key": key.to_string() });
        let added = context
            .connection
            .client()?
            .post(&["api", "v1", "trusted-keys"], &body)
            .await?;
        context.output.show(&added, || {
            format!(
                "{} is trusted as {}.",
                field(&added, "/key"),
                field(&added, "/name")
            )
        })?;
        Ok(Exit::Done)
    }
}
