//! `steward key revoke`

use clap::Args;
use serde_json::json;

use super::local::{Local, recorded};
use crate::cli::Context;
use crate::failure::Exit;

/// Revoke a key: it is refused from now on
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward key revoke 01jd8x3v9q5w2e4r6t8y0u1i3o
  steward key revoke 01jd8x3v9q5w2e4r6t8y0u1i3o --data-dir steward-data

`steward key list` shows the ids. Other hosts of the same registry follow within a second.")]
pub struct Revoke {
    /// Id of the key: the part after `stw_`, 26 characters
    pub id: String,
    #[command(flatten)]
    pub local: Local,
}

impl Revoke {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self.local.registry().await? {
            Some(registry) => {
                let tenant = self.local.tenant()?;
                let work = registry.revoke_key(&tenant, &self.id);
                recorded("key revoke", &self.id, &tenant, work).await?;
            }
            None => {
                let mut path = self.local.keys();
                path.push(&self.id);
                context.connection.client()?.delete(&path).await?;
            }
        }
        context.output.show(&json!({ "revoked": self.id }), || {
            format!("Revoked the key {}.", self.id)
        })?;
        Ok(Exit::Done)
    }
}
