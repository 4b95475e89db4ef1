//! `steward team …`

mod check_in;
mod cycle;
mod person;
mod process;
mod review;

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::{Exit, Failure};
use crate::output::{field, table, time};
use crate::plugin::supply;

/// The largest file of goals, of a cycle or of a process, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Review cycles, check-ins, scorecards of candidates, and the people they are about; plugins advise, people sign
#[derive(Debug, Subcommand)]
pub enum Team {
    #[command(subcommand)]
    Person(person::Person),
    #[command(subcommand)]
    Cycle(cycle::Cycle),
    #[command(subcommand)]
    Review(review::Review),
    #[command(subcommand)]
    Process(process::Process),
    #[command(subcommand)]
    CheckIn(check_in::CheckIn),
    Erasures(Erasures),
}

impl Team {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Person(command) => command.run(context).await,
            Self::Cycle(command) => command.run(context).await,
            Self::Review(command) => command.run(context).await,
            Self::Process(command) => command.run(context).await,
            Self::CheckIn(command) => command.run(context).await,
            Self::Erasures(command) => command.run(context).await,
        }
    }
}

/// List what was erased, on request or because its time was over
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team erasures

The audit log has an entry with the same numbers: steward audit list")]
pub struct Erasures {}

impl Erasures {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let found = client.get(&["api", "v1", "team", "erasures"]).await?;
        let erasures = items(found, "erasures");
        context.output.show(&erasures, || {
            table(
                [
                    "NUMBER",
                    "WHAT",
                    "WHY",
                    "WHEN",
                    "BY",
                    "REVIEWS",
                    "SCORES",
                    "CHECK-INS",
                ],
                erasures.iter().map(|erasure| {
                    [
                        field(erasure, "/number"),
                        field(erasure, "/subject"),
                        field(erasure, "/why"),
                        time(erasure, "/at"),
                        field(erasure, "/by"),
                        field(erasure, "/erased/reviews"),
                        field(erasure, "/erased/scores"),
                        field(erasure, "/erased/check_ins"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// A file of JSON.
fn read(path: &Path) -> anyhow::Result<Value> {
    let bytes = supply::read(path, MAX_FILE_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::invalid(format!("{} is not JSON", path.display()))
            .cause(error.to_string())
            .into()
    })
}

/// What is said of a person, a candidate or a list, as JSON for people too: it has more to it than a line.
fn whole(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
