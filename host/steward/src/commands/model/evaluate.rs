//! `steward model evaluate`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use steward_registry::ModelRef;

use super::rows;
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, table};
use crate::progress;

/// Measure a model on rows that say what is right
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model evaluate intents@1.1.0 --rows intents.jsonl
  steward model evaluate minilm@1.0.0~int8 --rows pairs.jsonl --dataset sts-2026-05

What a row holds decides what is measured:
  text, label             a classifier, or an embedding model by likeness: accuracy, macro F1
  text, text_pair, score  pairs: correlation with the scores
  text, entities          a token classifier: precision, recall, F1
An entity is {\"start\": 0, \"end\": 2, \"label\": …}, in code points. Rows with `lang` or `slice` are measured apart too. \
What is measured is kept with the version, and the gates of a deployment look at it.")]
pub struct Evaluate {
    /// `name`, `name@version` or `name@alias`, each with `~variant` or without
    #[arg(value_name = "MODEL")]
    pub model: ModelRef,
    /// JSON Lines
    #[arg(long, value_name = "FILE")]
    pub rows: PathBuf,
    /// What gates and people call the rows [default: the name of the file]
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// For an embedding model and rows with labels: the labels to choose from [default: those of the rows]
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    pub labels: Vec<String>,
}

impl Evaluate {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let dataset = self.dataset.unwrap_or_else(|| rows::name_of(&self.rows));
        let body =
            json!({ "dataset": dataset, "rows": rows::read(&self.rows)?, "labels": self.labels });
        let client = context.connection.client()?;
        let model = self.model.to_string();
        let bar = progress::spinner(context.output, format!("measuring {model} on {dataset}"));
        let answer = client
            .post(&["api", "v1", "models", &model, "evaluations"], &body)
            .await;
        bar.finish_and_clear();
        let evaluation = answer?;
        context.output.show(&evaluation, || told(&evaluation))?;
        Ok(Exit::Done)
    }
}

fn told(evaluation: &Value) -> String {
    let metrics = evaluation.pointer("/report/metrics");
    let rows = metrics.and_then(Value::as_object).into_iter().flatten();
    let numbers = table(
        ["METRIC", "VALUE"],
        rows.map(|(name, value)| [name.clone(), number(value)]),
    );
    format!(
        "{} rows of {}\n{numbers}",
        field(evaluation, "/report/rows"),
        field(evaluation, "/dataset")
    )
}

/// A number with four places.
pub(super) fn number(value: &Value) -> String {
    value
        .as_f64()
        .map_or_else(String::new, |number| format!("{number:.4}"))
}
