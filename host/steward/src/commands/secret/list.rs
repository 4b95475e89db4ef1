//! `steward secret list`

use clap::Args;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// List the secrets of the tenant; never their values
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward secret list
  steward secret list --json")]
pub struct List {}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let secrets = items(client.get(&["api", "v1", "secrets"]).await?, "secrets");
        context.output.show(&secrets, || {
            table(
                ["NAME", "VERSION", "SET", "BY"],
                secrets.iter().map(|secret| {
                    [
                        field(secret, "/name"),
                        field(secret, "/version"),
                        time(secret, "/updated_at"),
                        field(secret, "/updated_by"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
