//! `steward plugin list`

use clap::Args;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, short, size, table, time};

/// List the plugins of the tenant
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin list
  steward plugin list --json | jq -r '.[].name'")]
pub struct List {}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let plugins = items(
            context
                .connection
                .client()?
                .get(&["api", "v1", "plugins"])
                .await?,
            "plugins",
        );
        context.output.show(&plugins, || {
            table(
                [
                    "NAME",
                    "VERSION",
                    "WORLD",
                    "SIZE",
                    "DIGEST",
                    "PUBLISHED",
                    "DESCRIPTION",
                ],
                plugins.iter().map(|p| {
                    [
                        field(p, "/name"),
                        field(p, "/version"),
                        field(p, "/manifest/plugin/world"),
                        size(p["size"].as_u64().unwrap_or(0)),
                        short(&field(p, "/digest")),
                        time(p, "/created_at"),
                        field(p, "/manifest/plugin/description"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
