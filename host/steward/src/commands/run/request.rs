//! `steward run pause`, `resume`, `cancel` and `redrive`

use clap::Args;
use serde_json::json;

use super::told;
use crate::cli::Context;
use crate::failure::Exit;

/// Pause a run: what it has begun comes to its end, and nothing more begins
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  steward run pause 01ARZ3NDEKTSV4RRFFQ69G5FAV")]
pub struct Pause {
    /// The run
    pub id: String,
}

impl Pause {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        ask(context, &self.id, "pause").await
    }
}

/// Let a paused run go on
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  steward run resume 01ARZ3NDEKTSV4RRFFQ69G5FAV")]
pub struct Resume {
    /// The run
    pub id: String,
}

impl Resume {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        ask(context, &self.id, "resume").await
    }
}

/// Cancel a run, and the runs that it called as parts of itself
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  steward run cancel 01ARZ3NDEKTSV4RRFFQ69G5FAV")]
pub struct Cancel {
    /// The run
    pub id: String,
}

impl Cancel {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        ask(context, &self.id, "cancel").await
    }
}

/// Let a faulted run go on from the step that failed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward run redrive 01ARZ3NDEKTSV4RRFFQ69G5FAV
  steward run list --status faulted --json | jq -r '.[].id' | xargs -n1 steward run redrive")]
pub struct Redrive {
    /// The run
    pub id: String,
}

impl Redrive {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        ask(context, &self.id, "redrive").await
    }
}

async fn ask(context: Context, id: &str, what: &str) -> anyhow::Result<Exit> {
    let client = context.connection.client()?;
    let run = client
        .post(&["api", "v1", "runs", id, what], &json!({}))
        .await?;
    // A host that has the run hears of it in a moment.
    let going = matches!(
        run["status"].as_str(),
        Some("pending" | "running" | "waiting" | "paused")
    );
    context.output.show(&run, || match what {
        "cancel" if going => format!("{id} is asked to end."),
        "pause" if going && run["status"] != "paused" => {
            format!("{id} is asked to pause: what it has begun comes to its end.")
        }
        _ => told(&run),
    })?;
    Ok(Exit::Done)
}
