//! `steward label results`

use clap::Args;
use serde_json::Value;
use steward_registry::Name;

use super::deciding::Deciding;
use super::{label, number, path};
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table};

/// Show the labels that tasks have, and how each was decided
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label results intents
  steward label results intents --method dawid-skene --limit 500
  steward label results intents --auto-precision 0.9 --json | jq -r '.[] | select(.label == null) | .task'

What is known before (gold) holds, then what a judge decided, then the votes, then the model, where one is asked for.")]
pub struct Results {
    /// Name of the project
    project: Name,
    #[command(flatten)]
    deciding: Deciding,
    /// At most so many tasks, up to 10,000
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    /// The position after which to begin
    #[arg(long, default_value_t = 0, value_name = "POSITION")]
    after: u64,
}

impl Results {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let mut query = self.deciding.query();
        query.push(("limit", self.limit.to_string()));
        query.push(("after", self.after.to_string()));
        let place = path(self.project.as_str(), ["results"]);
        let answer = client.query(&place, &query).await?;
        let next = field(&answer, "/next");
        let results = items(answer, "results");
        context.output.show(&results, || told(&results))?;
        if !next.is_empty() {
            let note = format!("there are more: `--after {next}`");
            context.output.note(&note);
        }
        Ok(Exit::Done)
    }
}

fn told(results: &[Value]) -> String {
    table(
        ["TASK", "LABEL", "METHOD", "CONFIDENCE", "VOTES", "BY"],
        results.iter().map(|decided| {
            [
                field(decided, "/task"),
                match decided.get("tied").and_then(Value::as_array) {
                    Some(tied) => {
                        let tied: Vec<String> = tied.iter().map(|label| field(label, "")).collect();
                        format!("({})", tied.join(" | "))
                    }
                    None => label(&decided["label"]),
                },
                field(decided, "/method"),
                number(&decided["confidence"]),
                field(decided, "/votes"),
                field(decided, "/by"),
            ]
        }),
    )
}
