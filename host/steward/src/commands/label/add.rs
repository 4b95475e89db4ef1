//! `steward label add`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use steward_registry::{DatasetRef, Name};

use super::path;
use crate::cli::Context;
use crate::commands::model::rows;
use crate::failure::Exit;
use crate::output::field;
use crate::progress;

/// Add tasks to a labelling project: rows of a dataset, or of a file
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label add intents --dataset messages@1
  steward label add intents --dataset messages --text-field body --id-field number --limit 500
  steward label add intents --dataset exam --gold-field label
  steward label add intents --tasks tasks.jsonl

The row stays with its task, and goes out again with its label. Rows that the project has already are passed over, so the \
command can be given again. Rows whose label is known (--gold-field) become gold questions; annotators do not see the label.

A line of --tasks is {\"task\": \"t1\", \"text\": \"…\"}, with \"gold\" where the label is known, or \"data\" instead of a text.")]
pub struct Add {
    /// Name of the project
    project: Name,
    /// The snapshot: `name` for the newest, or `name@3`
    #[arg(long, required_unless_present = "tasks")]
    dataset: Option<DatasetRef>,
    /// Field with the text [default: text]
    #[arg(long, value_name = "NAME", conflicts_with = "tasks")]
    text_field: Option<String>,
    /// Field with the name of the task; where a row has none, its line is its name [default: id]
    #[arg(long, value_name = "NAME", conflicts_with = "tasks")]
    id_field: Option<String>,
    /// Field with the label of rows whose label is known
    #[arg(long, value_name = "NAME", conflicts_with = "tasks")]
    gold_field: Option<String>,
    /// Rows to pass over
    #[arg(long, value_name = "N", conflicts_with = "tasks")]
    skip: Option<u64>,
    /// Rows to take
    #[arg(long, value_name = "N", conflicts_with = "tasks")]
    limit: Option<u64>,
    /// A file of tasks instead, JSON Lines
    #[arg(long, value_name = "FILE", conflicts_with = "dataset")]
    tasks: Option<PathBuf>,
}

impl Add {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let body = match &self.tasks {
            Some(file) => json!({ "tasks": rows::read(file)? }),
            None => json!({
                "dataset": self.dataset,
                "text_field": self.text_field,
                "id_field": self.id_field,
                "gold_field": self.gold_field,
                "skip": self.skip.unwrap_or(0),
                "limit": self.limit,
            }),
        };
        let bar = progress::spinner(context.output, "adding tasks");
        let answer = client
            .post(&path(self.project.as_str(), ["tasks"]), &body)
            .await;
        bar.finish_and_clear();
        let added = answer?;
        context.output.show(&added, || told(&added))?;
        Ok(Exit::Done)
    }
}

fn told(added: &Value) -> String {
    let of = |what: &str| field(added, &format!("/{what}"));
    let mut told = format!(
        "{} added, {} there before, {} no tasks",
        of("added"),
        of("present"),
        of("rejected")
    );
    for reason in added["reasons"].as_array().into_iter().flatten() {
        let (line, why) = (field(reason, "/line"), field(reason, "/reason"));
        told.push_str(&crate::output::printable(&format!(
            "\n  line {line}: {why}"
        )));
    }
    told
}
