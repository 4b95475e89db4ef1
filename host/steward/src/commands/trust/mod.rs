//! `steward trust …`

mod add;
mod list;
mod policy;
mod remove;

use clap::Subcommand;
use serde_json::Value;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::field;

/// Say whose signatures count, and whether plugins must be signed
#[derive(Debug, Subcommand)]
pub enum Trust {
    Add(add::Add),
    List(list::List),
    Remove(remove::Remove),
    Policy(policy::Policy),
}

impl Trust {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Add(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Remove(command) => command.run(context).await,
            Self::Policy(command) => command.run(context).await,
        }
    }
}

/// What runs on although no trusted key vouches for it, in a sentence for each function.
fn unvouched(answer: &Value) -> String {
    let running = items(answer.clone(), "unvouched");
    let line = |u: &Value| {
        format!(
            "\nThe function {} goes on running {}@{}, which no trusted key has signed; it is not deployed again.",
            field(u, "/function"),
            field(u, "/plugin"),
            field(u, "/version")
        )
    };
    running.iter().map(line).collect()
}
