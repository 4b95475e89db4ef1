//! `steward model list`

use clap::Args;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, size, table, time};

/// List the models of the tenant
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model list
  steward model list --json | jq -r '.[].name'")]
pub struct List {}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let models = items(
            context
                .connection
                .client()?
                .get(&["api", "v1", "models"])
                .await?,
            "models",
        );
        context.output.show(&models, || {
            table(
                [
                    "NAME",
                    "VERSION",
                    "TASK",
                    "SIZE",
                    "REGISTERED",
                    "DESCRIPTION",
                ],
                models.iter().map(|m| {
                    [
                        field(m, "/name"),
                        field(m, "/version"),
                        field(m, "/config/task"),
                        size(total(m)),
                        time(m, "/created_at"),
                        field(m, "/config/description"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Size of all files of a model.
pub(super) fn total(model: &serde_json::Value) -> u64 {
    model["files"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, file)| file["size"].as_u64())
        .sum()
}
