//! `steward function history`

use clap::Args;
use steward_registry::Name;

use super::split;
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// List the revisions of a function, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward function history text-cleaner")]
pub struct History {
    /// The function
    pub name: Name,
}

impl History {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let answer = client
            .get(&["api", "v1", "functions", self.name.as_str(), "history"])
            .await?;
        let revisions = items(answer, "revisions");
        context.output.show(&revisions, || {
            table(
                ["REVISION", "PLUGIN", "VERSIONS", "DEPLOYED", "BY"],
                revisions.iter().map(|r| {
                    [
                        field(r, "/revision"),
                        field(r, "/spec/plugin"),
                        split(r),
                        time(r, "/created_at"),
                        field(r, "/created_by"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
