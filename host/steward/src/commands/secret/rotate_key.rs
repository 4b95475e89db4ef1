//! `steward secret rotate-key`

use clap::Args;
use serde_json::json;
use steward_secrets::Vault;

use crate::cli::Context;
use crate::config::{StoreArgs, store};
use crate::failure::Exit;
use crate::host;

/// Replace the host key that secrets are encrypted under, without decrypting a secret
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward secret rotate-key --data-dir steward-data
  steward secret rotate-key --data-dir steward-data --forget

It works on the registry itself, of all tenants, and may run while hosts serve. Where the key is kept in a \
file, a new one is put first in it, and the old one stays behind it. Where a command or STEWARD_SECRETS_KEY \
gives the key, put the new one first there, the old one on the line behind it, and run this: it encrypts the \
key of every secret under the first one. --forget then takes the old ones out of the file; run it once every \
host of the registry has the new file.")]
pub struct RotateKey {
    #[command(flatten)]
    pub store: StoreArgs,
    /// Make no new key; take old ones that no secret needs out of the file
    #[arg(long)]
    pub forget: bool,
}

impl RotateKey {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let settings = store(&self.store)?;
        let registry = host::open(&settings).await?;
        let vault = Vault::start(registry, settings.secrets).await?;
        let old = vault.key_id();
        if vault.keeps_its_keys() && !self.forget {
            vault.renew_key().await?;
        }
        let rewrapped = vault.rewrap().await?;
        let forgotten = match self.forget {
            true => vault.forget_keys().await?,
            false => 0,
        };
        let answer = json!({
            "key_id": vault.key_id(),
            "old_key_id": old,
            "rewrapped": rewrapped,
            "forgotten": forgotten,
        });
        context.output.show(&answer, || {
            format!(
                "The host key is {}. Secrets put under it: {rewrapped}; old keys taken out: {forgotten}.",
                vault.key_id()
            )
        })?;
        Ok(Exit::Done)
    }
}
