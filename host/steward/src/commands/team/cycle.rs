//! `steward team cycle …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use steward_registry::Name;

use super::read;
use super::review::summary;
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// Set, list and evaluate review cycles
#[derive(Debug, Subcommand)]
pub enum Cycle {
    Set(Set),
    List(List),
    Evaluate(Evaluate),
}

impl Cycle {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Set(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Evaluate(command) => command.run(context).await,
        }
    }
}

/// Set a cycle: what is rated, on which scale, and how parts become a score
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team cycle set h1-2026 --file cycle.json

The file:
  {\"criteria\": [{\"name\": \"craft\", \"weight\": 0.6}, {\"name\": \"协作\", \"weight\": 0.4}],
   \"scale\": {\"lowest\": 1, \"highest\": 5, \"step\": 1},
   \"formula\": \"0.5 * goals + 0.3 * lead + 0.2 * first(peer, lead)\",
   \"function\": \"team\", \"keep_until\": \"2029-01-01T00:00:00Z\"}

Formula, function and keep_until may be left out. Reviews that are not signed have to be evaluated anew.")]
pub struct Set {
    /// Name of the cycle
    pub name: Name,
    /// The cycle as JSON
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
}

impl Set {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let body = read(&self.file)?;
        let client = context.connection.client()?;
        let path = ["api", "v1", "team", "cycles", self.name.as_str()];
        let set = client.put(&path, &body).await?;
        context
            .output
            .show(&set, || format!("Set the cycle {}.", self.name))?;
        Ok(Exit::Done)
    }
}

/// List the cycles
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team cycle list")]
pub struct List {}

impl List {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let found = client.get(&["api", "v1", "team", "cycles"]).await?;
        let cycles = items(found, "cycles");
        context.output.show(&cycles, || {
            table(
                ["NAME", "FUNCTION", "FORMULA", "KEPT UNTIL"],
                cycles.iter().map(|cycle| {
                    [
                        field(cycle, "/name"),
                        field(cycle, "/function"),
                        field(cycle, "/formula"),
                        time(cycle, "/keep_until"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Evaluate reviews of a cycle: advice, which only a signature makes final
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward team cycle evaluate h1-2026
  steward team cycle evaluate h1-2026 --person e-17

Without --person, a lead evaluates whom they lead, and whoever manages keys everybody. A review that breaks a rule is \
refused by itself: steward team review show says why.")]
pub struct Evaluate {
    /// Name of the cycle
    pub name: Name,
    /// Id of a person; may be given again
    #[arg(long = "person", value_name = "ID")]
    pub people: Vec<Name>,
}

impl Evaluate {
    async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let people = (!self.people.is_empty()).then_some(self.people);
        let path = [
            "api",
            "v1",
            "team",
            "cycles",
            self.name.as_str(),
            "evaluation",
        ];
        let answer = client.post(&path, &json!({ "people": people })).await?;
        let reviews = items(answer, "reviews");
        context.output.show(&reviews, || summary(&reviews))?;
        Ok(Exit::Done)
    }
}
