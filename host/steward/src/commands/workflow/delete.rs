//! `steward workflow delete`

use clap::Args;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::Exit;

/// Remove a workflow with the runs that have ended
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  steward workflow delete orders

While runs of it have not ended, it stays: cancel them first.")]
pub struct Delete {
    /// The workflow
    pub name: Name,
}

impl Delete {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "workflows", self.name.as_str()];
        let gone = client.delete(&path).await?;
        context
            .output
            .show(&gone, || format!("{} is gone.", self.name))?;
        Ok(Exit::Done)
    }
}
