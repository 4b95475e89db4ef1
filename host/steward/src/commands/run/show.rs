//! `steward run show`

use clap::Args;
use serde_json::{Map, Value};

use super::ended;
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, sheet, time};

/// Show a run: how it does, what it was given, what came out or why it failed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward run show 01ARZ3NDEKTSV4RRFFQ69G5FAV
  steward run show 01ARZ3NDEKTSV4RRFFQ69G5FAV --wait --json | jq .output")]
pub struct Show {
    /// The run
    pub id: String,
    /// Wait for its end, 300 seconds at most; the exit code then says how it ended
    #[arg(long)]
    pub wait: bool,
}

/// What the run calls, in which versions; empty where it calls nothing.
fn pins(run: &Value) -> String {
    let empty = run["pins"].as_object().is_some_and(Map::is_empty);
    match empty {
        true => String::new(),
        false => field(run, "/pins"),
    }
}

impl Show {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let query = [("wait", self.wait.to_string())];
        let run = client
            .query(&["api", "v1", "runs", &self.id], &query)
            .await?;
        context.output.show(&run, || {
            sheet([
                ("run", field(&run, "/id")),
                ("workflow", field(&run, "/workflow")),
                ("version", field(&run, "/version")),
                ("status", field(&run, "/status")),
                ("input", field(&run, "/input")),
                ("output", field(&run, "/output")),
                ("error", field(&run, "/error/title")),
                ("because", field(&run, "/error/detail")),
                ("at", field(&run, "/error/instance")),
                ("calls", pins(&run)),
                ("part of", field(&run, "/parent")),
                ("replay of", field(&run, "/replay_of")),
                ("trace", field(&run, "/trace")),
                ("due (UTC)", time(&run, "/due_at")),
                (
                    "started",
                    format!(
                        "{} by {}",
                        time(&run, "/created_at"),
                        field(&run, "/created_by")
                    ),
                ),
                ("ended", time(&run, "/ended_at")),
            ])
        })?;
        Ok(match self.wait {
            true => ended(&run),
            false => Exit::Done,
        })
    }
}
