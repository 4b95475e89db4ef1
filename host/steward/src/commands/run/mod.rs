//! `steward run …`

mod approve;
mod journal;
mod list;
mod replay;
mod request;
mod show;

use clap::Subcommand;
use serde_json::Value;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, time};

/// Look at runs of workflows, approve, pause, cancel, redrive and replay them
#[derive(Debug, Subcommand)]
pub enum Run {
    List(list::List),
    Show(show::Show),
    Journal(journal::Journal),
    Pause(request::Pause),
    Resume(request::Resume),
    Cancel(request::Cancel),
    Redrive(request::Redrive),
    Approve(approve::Approve),
    Replay(replay::Replay),
}

impl Run {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Journal(command) => command.run(context).await,
            Self::Pause(command) => command.run(context).await,
            Self::Resume(command) => command.run(context).await,
            Self::Cancel(command) => command.run(context).await,
            Self::Redrive(command) => command.run(context).await,
            Self::Approve(command) => command.run(context).await,
            Self::Replay(command) => command.run(context).await,
        }
    }
}

/// How a run does, in a few lines.
pub fn told(run: &Value) -> String {
    let id = field(run, "/id");
    let error = || {
        let title = field(run, "/error/title");
        match field(run, "/error/detail") {
            detail if detail.is_empty() => title,
            detail => format!("{title}: {detail}"),
        }
    };
    match run["status"].as_str() {
        Some("completed") => format!("{id} is completed: {}", run["output"]),
        Some("faulted") => format!("{id} is faulted. {}", error()),
        Some("waiting") => match time(run, "/due_at") {
            due if due.is_empty() => format!("{id} is waiting."),
            due => format!("{id} is waiting, until {due} UTC at the latest."),
        },
        _ => format!("{id} is {}.", field(run, "/status")),
    }
}

/// How a run ended, as an exit code.
pub fn ended(run: &Value) -> Exit {
    match run["status"].as_str() {
        Some("completed") => Exit::Done,
        _ => Exit::Failed,
    }
}
