//! `steward trust list`

use clap::Args;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// List the keys whose signatures the tenant accepts
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward trust list
  steward trust list --json | jq -r '.[].key'")]
pub struct List {}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let keys = items(client.get(&["api", "v1", "trusted-keys"]).await?, "keys");
        context.output.show(&keys, || {
            table(
                ["NAME", "KEY", "SINCE", "BY"],
                keys.iter().map(|key| {
                    [
                        field(key, "/name"),
                        field(key, "/key"),
                        time(key, "/created_at"),
                        field(key, "/created_by"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
