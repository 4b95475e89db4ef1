//! `steward secret delete`

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::Exit;

/// Delete a secret: functions do not find it any more
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward secret delete payment-token")]
pub struct Delete {
    /// Name of the secret
    pub name: Name,
}

impl Delete {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        client
            .delete(&["api", "v1", "secrets", self.name.as_str()])
            .await?;
        context.output.show(&json!({ "deleted": self.name }), || {
            format!("Deleted the secret {}.", self.name)
        })?;
        Ok(Exit::Done)
    }
}
