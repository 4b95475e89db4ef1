//! `steward trust remove`

use clap::Args;
use steward_registry::Name;

use super::unvouched;
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::field;

/// Trust a key no longer
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward trust remove release

What runs goes on running, also after a restart, and is named in the answer: replace it. Nothing that only this key \
vouched for is deployed or rolled back to again while the tenant accepts signed plugins only.")]
pub struct Remove {
    /// What the tenant calls the key
    pub name: Name,
}

impl Remove {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let path = ["api", "v1", "trusted-keys", self.name.as_str()];
        let removed = context.connection.client()?.delete(&path).await?;
        context.output.show(&removed, || {
            let what = format!(
                "{} ({}) is trusted no longer.",
                self.name,
                field(&removed, "/key")
            );
            what + &unvouched(&removed)
        })?;
        Ok(Exit::Done)
    }
}
