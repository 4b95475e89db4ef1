//! `steward trigger delete`

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::Exit;

/// Remove a trigger, with what waits for it and its dead letters
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward trigger delete orders-paid

The events stay in the log.")]
pub struct Delete {
    /// The trigger
    pub name: Name,
}

impl Delete {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        client
            .delete(&["api", "v1", "triggers", self.name.as_str()])
            .await?;
        let done = json!({ "deleted": self.name });
        context
            .output
            .show(&done, || format!("{} is gone.", self.name))?;
        Ok(Exit::Done)
    }
}
