//! `steward dataset run`

use clap::Args;
use serde_json::Value;
use steward_data::{FieldsGiven, RunSpec, StepGiven, StepSpec};
use steward_registry::{DatasetRef, Name};

use super::runs;
use crate::cli::Context;
use crate::commands::data::duplicates::DuplicateArgs;
use crate::failure::Exit;
use crate::output::field;
use crate::progress;

/// Run steps over a snapshot on the server; what comes out is the next snapshot of a dataset
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward dataset run messages --step text-cleaner --step anonymizer --output messages-clean
  steward dataset run messages@1 --step classify:minilm:praise,complaint --output messages-labelled
  steward dataset run messages --step classify:minilm:@labels.json --output messages-labelled --detach
  steward dataset run messages --near-duplicates 0.8 --semantic-duplicates minilm:0.95 --output messages-distinct

The steps are those of `steward data run`. The snapshot says where it comes from: the rows that were read, the plugins \
and models with their versions and digests, what became of the rows, and what each step cost.")]
pub struct Run {
    /// `name` for the newest snapshot, or `name@3`
    pub dataset: DatasetRef,
    /// The dataset that gets the next snapshot
    #[arg(long, short, value_name = "NAME")]
    pub output: Name,
    /// What happens to the rows; give it once for each step
    #[arg(
        long,
        value_name = "STEP",
        required_unless_present_any = ["near_duplicates", "semantic_duplicates", "sentence_duplicates"]
    )]
    pub step: Vec<StepSpec>,
    /// Keep rows that a cleaner holds to be the same as one before them
    #[arg(long)]
    pub keep_duplicates: bool,
    #[command(flatten)]
    pub duplicates: DuplicateArgs,
    /// Field with the text [default: text]
    #[arg(long, value_name = "NAME")]
    pub text_field: Option<String>,
    /// Field with the name of the record [default: id]
    #[arg(long, value_name = "NAME")]
    pub id_field: Option<String>,
    /// Replace `findings`, `label` and `score` where the rows have them; otherwise those rows are rejected
    #[arg(long)]
    pub overwrite: bool,
    /// Do not wait for the end
    #[arg(long)]
    pub detach: bool,
}

impl Run {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let mut steps = Vec::with_capacity(self.step.len());
        for step in &self.step {
            // A file of labels lies here and not on the server.
            steps.push(StepGiven::from(&step.read()?));
        }
        let spec = RunSpec {
            output: self.output,
            steps,
            fields: FieldsGiven {
                text: self.text_field,
                id: self.id_field,
                overwrite: self.overwrite,
                ..FieldsGiven::default()
            },
            keep_duplicates: self.keep_duplicates,
            duplicates: self.duplicates.given()?,
        };
        let dataset = self.dataset.to_string();
        let path = ["api", "v1", "datasets", &dataset, "runs"];
        let run = client.post(&path, &serde_json::to_value(&spec)?).await?;
        let id = field(&run, "/id");
        if self.detach {
            let next = format!("run {id}; `steward dataset status {id}` says how far it is");
            context.output.show(&run, || next)?;
            return Ok(Exit::Done);
        }
        let bar = progress::bytes(context.output, "", Some(0));
        let run = runs::ended(&client, run, bar, |bar, run| {
            if let Some(total) = run.pointer("/progress/total_bytes").and_then(Value::as_u64) {
                bar.set_length(total);
            }
            if let Some(bytes) = run.pointer("/progress/bytes").and_then(Value::as_u64) {
                bar.set_position(bytes);
            }
            let number = |at: &str| run.pointer(at).and_then(Value::as_f64);
            let rows = number("/progress/rows/read").unwrap_or_default();
            let duplicates = number("/progress/duplicates");
            bar.set_message(progress::of_rows(rows as u64, duplicates));
        })
        .await?;
        context.output.show(&run, || runs::text(&run))?;
        Ok(runs::exit(&run))
    }
}
