//! `steward function …`

mod delete;
mod deploy;
mod history;
mod invocations;
mod invoke;
mod list;
pub mod logs;
mod promote;
mod rollback;
mod show;
mod stats;
mod status;
mod trial;

use clap::Subcommand;
use serde_json::Value;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::field;

/// Deploy plugins as functions, call them and look after them
#[derive(Debug, Subcommand)]
pub enum Function {
    Deploy(Box<deploy::Deploy>),
    Invoke(invoke::Invoke),
    List(list::List),
    Show(show::Show),
    History(history::History),
    Status(status::Status),
    Promote(promote::Promote),
    Rollback(rollback::Rollback),
    Logs(logs::Logs),
    Invocations(invocations::Invocations),
    Stats(stats::Stats),
    Delete(delete::Delete),
}

impl Function {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Deploy(command) => command.run(context).await,
            Self::Invoke(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::History(command) => command.run(context).await,
            Self::Status(command) => command.run(context).await,
            Self::Promote(command) => command.run(context).await,
            Self::Rollback(command) => command.run(context).await,
            Self::Logs(command) => command.run(context).await,
            Self::Invocations(command) => command.run(context).await,
            Self::Stats(command) => command.run(context).await,
            Self::Delete(command) => command.run(context).await,
        }
    }
}

/// `1.0.0 90 %, 1.1.0 10 %`
fn split(revision: &Value) -> String {
    let targets = revision.pointer("/spec/targets").and_then(Value::as_array);
    let shown = |target: &Value| match target["percent"].as_u64() {
        Some(100) | None => field(target, "/version"),
        Some(percent) => format!("{} {percent} %", field(target, "/version")),
    };
    targets
        .into_iter()
        .flatten()
        .map(shown)
        .collect::<Vec<_>>()
        .join(", ")
}

/// What is granted of a kind: `minilm, rampart@1.0.0`
fn granted(revision: &Value, kind: &str) -> String {
    let names = revision.pointer("/spec/grants").map(|grants| &grants[kind]);
    names
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}
