//! `steward dataset list` and `steward dataset show`

use clap::Args;
use serde_json::Value;
use steward_registry::Name;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, size, table, time};

/// List the datasets of the tenant
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward dataset list")]
pub struct List {}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let datasets = items(client.get(&["api", "v1", "datasets"]).await?, "datasets");
        context.output.show(&datasets, || {
            table(
                ["NAME", "SNAPSHOT", "ROWS", "SIZE", "ADDED"],
                datasets.iter().map(|d| {
                    [
                        field(d, "/name"),
                        field(d, "/snapshot"),
                        field(d, "/rows"),
                        size(d["file"]["size"].as_u64().unwrap_or(0)),
                        time(d, "/created_at"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Show the snapshots of a dataset and where each comes from
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward dataset show messages-clean
  steward dataset show messages-clean --json | jq '.[0].lineage.costs'")]
pub struct Show {
    /// Name of the dataset
    pub name: Name,
}

impl Show {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "datasets", self.name.as_str()];
        let snapshots = items(client.get(&path).await?, "snapshots");
        context.output.show(&snapshots, || {
            table(
                ["SNAPSHOT", "ROWS", "SIZE", "FROM", "STEPS", "ADDED", "BY"],
                snapshots.iter().map(|s| {
                    [
                        field(s, "/snapshot"),
                        field(s, "/rows"),
                        size(s["file"]["size"].as_u64().unwrap_or(0)),
                        match s.pointer("/lineage/from") {
                            None => "a push".to_owned(),
                            Some(_) => field(s, "/lineage/from"),
                        },
                        steps(s),
                        time(s, "/created_at"),
                        field(s, "/created_by"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// What ran, by name and version.
fn steps(snapshot: &Value) -> String {
    let steps = snapshot.pointer("/lineage/steps").and_then(Value::as_array);
    let uses = steps.into_iter().flatten().map(|step| field(step, "/uses"));
    uses.collect::<Vec<_>>().join(", ")
}
