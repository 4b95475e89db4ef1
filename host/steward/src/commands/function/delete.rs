//! `steward function delete`

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::Exit;

/// Take a function down; its plugin stays published
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward function delete text-cleaner")]
pub struct Delete {
    /// The function
    pub name: Name,
}

impl Delete {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        client
            .delete(&["api", "v1", "functions", self.name.as_str()])
            .await?;
        context.output.show(&json!({ "deleted": self.name }), || {
            format!("Deleted the function {}.", self.name)
        })?;
        Ok(Exit::Done)
    }
}
