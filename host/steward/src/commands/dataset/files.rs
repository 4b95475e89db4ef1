//! `steward dataset push` and `steward dataset pull`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use steward_registry::{DatasetRef, Name};

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, size};
use crate::progress;

/// Add a JSON Lines file to a dataset, as its next snapshot
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward dataset push messages messages.jsonl

One JSON object a line. A snapshot never changes; the next push is the next snapshot. Lines are counted and not judged:
`steward dataset run` rejects those that cannot be treated, each with its reason.")]
pub struct Push {
    /// Name of the dataset; it is made with its first snapshot
    pub name: Name,
    /// The file
    pub file: PathBuf,
}

impl Push {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let length = std::fs::metadata(&self.file).ok().map(|about| about.len());
        let bar = progress::bytes(context.output, "sending", length);
        let path = ["api", "v1", "datasets", self.name.as_str()];
        let added = client
            .send_file(&path, &[], &self.file, bar.clone())
            .await?;
        bar.finish_and_clear();
        context.output.show(&added, || {
            format!(
                "{}@{}: {} rows, {}",
                field(&added, "/name"),
                field(&added, "/snapshot"),
                field(&added, "/rows"),
                size(added["file"]["size"].as_u64().unwrap_or(0)),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Write the rows of a snapshot into a file
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward dataset pull messages-clean --output clean.jsonl
  steward dataset pull messages@1 --output first.jsonl")]
pub struct Pull {
    /// `name` for the newest snapshot, or `name@3`
    pub dataset: DatasetRef,
    /// Where to write; what is there is replaced once all of it has come
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

impl Pull {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let dataset = self.dataset.to_string();
        let bar = progress::bytes(context.output, "receiving", None);
        let path = ["api", "v1", "datasets", &dataset, "rows"];
        let bytes = client
            .receive_file(&path, &[], &self.output, bar.clone())
            .await?;
        bar.finish_and_clear();
        let answer = json!({ "dataset": dataset, "file": self.output, "bytes": bytes });
        context.output.show(&answer, || {
            format!("{} ({})", self.output.display(), size(bytes))
        })?;
        Ok(Exit::Done)
    }
}
