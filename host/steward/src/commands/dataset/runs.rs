//! `steward dataset runs`, `steward dataset status` and `steward dataset cancel`

use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::impact;
use crate::cli::Context;
use crate::client::Client;
use crate::commands::data::duplicates;
use crate::commands::items;
use crate::commands::model::train;
use crate::failure::Exit;
use crate::output::{field, sheet, table, time};

/// How often it is asked how far a run is.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Asks how far a run is until it has ended; `tell` shows it to whoever looks.
pub async fn ended(
    client: &Client,
    mut run: Value,
    bar: ProgressBar,
    tell: impl Fn(&ProgressBar, &Value),
) -> anyhow::Result<Value> {
    let id = field(&run, "/id");
    while field(&run, "/state") == "running" {
        tell(&bar, &run);
        tokio::time::sleep(LOOK_AGAIN).await;
        run = client.get(&["api", "v1", "dataset-runs", &id]).await?;
    }
    bar.finish_and_clear();
    Ok(run)
}

/// What a run that has ended means to scripts.
pub fn exit(run: &Value) -> Exit {
    match field(run, "/state").as_str() {
        "done" => Exit::Done,
        _ => Exit::Failed,
    }
}

/// List the last runs over datasets
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward dataset runs")]
pub struct Runs {}

impl Runs {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let runs = items(client.get(&["api", "v1", "dataset-runs"]).await?, "runs");
        context.output.show(&runs, || {
            table(
                ["ID", "INPUT", "STATE", "GAVE", "BEGAN"],
                runs.iter().map(|run| {
                    [
                        field(run, "/id"),
                        field(run, "/input"),
                        field(run, "/state"),
                        gave(run),
                        time(run, "/created_at"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Show how far a run is, or what it gave
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward dataset status 01KB3V5W0000000000000000AA
  steward dataset status 01KB3V5W0000000000000000AA --json | jq .outcome.costs")]
pub struct Status {
    /// Id of the run
    pub id: String,
}

impl Status {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let mut run = client.get(&["api", "v1", "dataset-runs", &self.id]).await?;
        if impact::is_impact(&run) {
            impact::with_samples(&client, &mut run).await?;
            context.output.show(&run, || impact::text(&run))?;
            return Ok(Exit::Done);
        }
        if train::is_training(&run) {
            context.output.show(&run, || train::text(&run))?;
            return Ok(Exit::Done);
        }
        context.output.show(&run, || text(&run))?;
        Ok(Exit::Done)
    }
}

/// End a run; it makes no snapshot
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward dataset cancel 01KB3V5W0000000000000000AA")]
pub struct Cancel {
    /// Id of the run
    pub id: String,
}

impl Cancel {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "dataset-runs", &self.id, "cancel"];
        let answer = client.post(&path, &json!({})).await?;
        context.output.show(&answer, || {
            match answer["cancelled"].as_bool() {
                Some(true) => "It was ended.",
                _ => "It had ended before.",
            }
            .to_owned()
        })?;
        Ok(Exit::Done)
    }
}

fn gave(run: &Value) -> String {
    match field(run, "/outcome/snapshot") {
        gave if gave.is_empty()
            && train::is_training(run)
            && run["outcome"]["model"].is_string() =>
        {
            field(run, "/outcome/model")
        }
        gave if gave.is_empty() && run["outcome"]["report"].is_string() => "a report".to_owned(),
        gave if gave.is_empty() => field(run, "/outcome/error"),
        gave => gave,
    }
}

/// A run, for people.
pub(super) fn text(run: &Value) -> String {
    let done = field(run, "/state") == "done";
    let of = if done { "/outcome" } else { "/progress" };
    let rows = |what: &str| field(run, &format!("{of}/rows/{what}"));
    let mut text = sheet([
        ("run", field(run, "/id")),
        ("input", field(run, "/input")),
        ("state", field(run, "/state")),
        ("snapshot", field(run, "/outcome/snapshot")),
        ("because", field(run, "/outcome/error")),
        ("rows read", rows("read")),
        ("kept", rows("kept")),
        ("changed", rows("changed")),
        ("dropped", rows("dropped")),
        ("rejected", rows("rejected")),
        (
            "seconds",
            match run.pointer("/outcome/seconds").and_then(Value::as_f64) {
                Some(seconds) => format!("{seconds:.3}"),
                None => String::new(),
            },
        ),
    ]);
    let steps = run.pointer("/outcome/steps").and_then(Value::as_array);
    let costs = run.pointer("/outcome/costs").and_then(Value::as_array);
    if let (Some(steps), Some(costs)) = (steps, costs)
        && !steps.is_empty()
    {
        text.push('\n');
        text.push_str(&table(
            ["STEP", "USES", "CALLS", "TEXTS", "CHARACTERS", "SECONDS"],
            steps.iter().zip(costs).map(|(step, cost)| {
                [
                    field(step, "/step"),
                    field(step, "/uses"),
                    field(cost, "/calls"),
                    field(cost, "/texts"),
                    field(cost, "/characters"),
                    format!("{:.3}", cost["seconds"].as_f64().unwrap_or(0.0)),
                ]
            }),
        ));
        text.push('\n');
    }
    if let Some(found) = run.pointer("/outcome/duplicates") {
        text.push('\n');
        text.push_str(&duplicates::text(found));
        text.push('\n');
    }
    text
}
