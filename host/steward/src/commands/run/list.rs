//! `steward run list`

use clap::Args;
use steward_registry::Name;
use steward_registry::workflows::RunStatus;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// List runs, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward run list
  steward run list --workflow orders --status faulted
  steward run list --json | jq -r '.[] | select(.error) | .id'")]
pub struct List {
    /// Only of this workflow
    #[arg(long)]
    pub workflow: Option<Name>,
    /// Only those: pending, running, waiting, paused, completed, faulted or cancelled
    #[arg(long)]
    pub status: Option<RunStatus>,
    /// Only those that were started before this one
    #[arg(long, value_name = "RUN")]
    pub before: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let mut query = vec![("limit", self.limit.to_string())];
        query.extend(self.workflow.map(|name| ("workflow", name.to_string())));
        query.extend(self.status.map(|status| ("status", status.to_string())));
        query.extend(self.before.map(|id| ("before", id)));
        let runs = items(client.query(&["api", "v1", "runs"], &query).await?, "runs");
        context.output.show(&runs, || {
            table(
                [
                    "RUN", "WORKFLOW", "VERSION", "STATUS", "STARTED", "ENDED", "ERROR",
                ],
                runs.iter().map(|r| {
                    [
                        field(r, "/id"),
                        field(r, "/workflow"),
                        field(r, "/version"),
                        field(r, "/status"),
                        time(r, "/created_at"),
                        time(r, "/ended_at"),
                        field(r, "/error/title"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
