//! `steward workflow list`

use clap::Args;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// List the workflows of the tenant
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward workflow list
  steward workflow list --json | jq -r '.[].name'")]
pub struct List {}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let all = items(client.get(&["api", "v1", "workflows"]).await?, "workflows");
        context.output.show(&all, || {
            table(
                ["NAME", "VERSION", "CONCURRENCY", "NEXT", "APPLIED"],
                all.iter().map(|w| {
                    [
                        field(w, "/name"),
                        field(w, "/version"),
                        field(w, "/concurrency"),
                        time(w, "/next_at"),
                        time(w, "/updated_at"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
