//! `steward function list`

use clap::Args;

use super::{granted, split};
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// List the functions of the tenant
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward function list
  steward function list --json | jq -r '.[].spec.name'")]
pub struct List {}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let functions = items(
            context
                .connection
                .client()?
                .get(&["api", "v1", "functions"])
                .await?,
            "functions",
        );
        context.output.show(&functions, || {
            table(
                [
                    "NAME", "PLUGIN", "VERSIONS", "MODELS", "REVISION", "DEPLOYED",
                ],
                functions.iter().map(|f| {
                    [
                        field(f, "/spec/name"),
                        field(f, "/spec/plugin"),
                        split(f),
                        granted(f, "inference"),
                        field(f, "/revision"),
                        time(f, "/created_at"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
