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
                        from(s),
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

/// The snapshot, or what else the rows come from.
fn from(snapshot: &Value) -> String {
    match snapshot.pointer("/lineage/from") {
        Some(Value::Array(several)) => {
            let names = several.iter().map(|name| field(name, ""));
            names.collect::<Vec<_>>().join(", ")
        }
        Some(_) => field(snapshot, "/lineage/from"),
        None if snapshot.pointer("/lineage/labelling").is_some() => "tasks".to_owned(),
        None => "a push".to_owned(),
    }
}

/// What ran, by name and version; or the project that labelled the rows.
fn steps(snapshot: &Value) -> String {
    if snapshot.pointer("/lineage/labelling").is_some() {
        return format!("label {}", field(snapshot, "/lineage/labelling/project"));
    }
    let steps = snapshot.pointer("/lineage/steps").and_then(Value::as_array);
    let uses = steps.into_iter().flatten().map(|step| field(step, "/uses"));
    uses.collect::<Vec<_>>().join(", ")
}
