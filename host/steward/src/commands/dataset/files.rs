//! `steward dataset push` and `steward dataset pull`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use steward_data::Format;
use steward_registry::{DatasetRef, Name};

use crate::cli::Context;
use crate::commands::given::GivenArgs;
use crate::failure::Exit;
use crate::output::{field, size};
use crate::progress;

/// Add the rows of a file to a dataset, as its next snapshot
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward dataset push messages messages.jsonl
  steward dataset push reviews reviews.csv --types stars=number,tags=json
  steward dataset push orders orders.csv --encoding gb18030 --delimiter ';'
  steward dataset push events events.parquet

JSON Lines, CSV and TSV with a header, and Parquet; in UTF-8, UTF-16 or an encoding of East Asia, which are recognized. A \
snapshot never changes; the next push is the next snapshot. What is no row (a row of CSV with a cell too many, a quote that \
is not closed, broken JSON or characters, more than a mebibyte) is kept beside the snapshot with its line and the reason: \
`steward dataset pull NAME --rejects --output FILE`. Cells of CSV stay text, leading zeros and long numbers included, unless \
--types says otherwise.")]
pub struct Push {
    /// Name of the dataset; it is made with its first snapshot
    pub name: Name,
    /// The file
    pub file: PathBuf,
    #[command(flatten)]
    pub given: GivenArgs,
}

impl Push {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let length = std::fs::metadata(&self.file).ok().map(|about| about.len());
        let bar = progress::bytes(context.output, "sending", length);
        let path = ["api", "v1", "datasets", self.name.as_str()];
        let query = self.given.query(&self.file);
        let kind = "application/octet-stream";
        let added = client
            .send_file(&path, &query, kind, &self.file, bar.clone())
            .await?;
        bar.finish_and_clear();
        let reference = format!("{}@{}", field(&added, "/name"), field(&added, "/snapshot"));
        context.output.show(&added, || {
            let encoding = match field(&added, "/lineage/encoding") {
                encoding if encoding.is_empty() => String::new(),
                encoding => format!(" in {encoding}"),
            };
            format!(
                "{reference}: {} rows of {}{encoding}, {}",
                field(&added, "/rows"),
                field(&added, "/lineage/format"),
                size(added["file"]["size"].as_u64().unwrap_or(0)),
            )
        })?;
        if let Some(rejected) = added
            .pointer("/lineage/rejected")
            .and_then(Value::as_object)
        {
            let each = rejected
                .iter()
                .map(|(code, count)| format!("{count} {code}"));
            context.output.note(&format!(
                "not rows: {}; `steward dataset pull {reference} --rejects --output FILE` has them",
                each.collect::<Vec<_>>().join(", ")
            ));
        }
        Ok(Exit::Done)
    }
}

/// Write the rows of a snapshot into a file
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward dataset pull messages-clean --output clean.jsonl
  steward dataset pull messages@1 --output first.parquet
  steward dataset pull messages --format csv --output messages.txt
  steward dataset pull messages@1 --rejects --output rejects.jsonl

In CSV, what is nested is JSON in its cell, and a missing field or null an empty cell. Nothing is put before cells that a \
spreadsheet takes for formulas: open a file of strangers with care. In Parquet, a field is a column of the narrowest type \
that keeps every value, and one of several kinds a column of JSON.")]
pub struct Pull {
    /// `name` for the newest snapshot, or `name@3`
    pub dataset: DatasetRef,
    /// Where to write; what is there is replaced once all of it has come
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// jsonl, csv, tsv or parquet [default: by the name of the file, else jsonl]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// What was no row in the file or the run that the snapshot came from, with line and reason, as JSON Lines
    #[arg(long, conflicts_with = "format")]
    pub rejects: bool,
}

impl Pull {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let dataset = self.dataset.to_string();
        let bar = progress::bytes(context.output, "receiving", None);
        let format = self.format.or_else(|| Format::of_name(&self.output));
        let format = format.unwrap_or(Format::JsonLines);
        let (kind, query) = match self.rejects {
            true => ("rejects", Vec::new()),
            false => ("rows", vec![("format", format.as_str().to_owned())]),
        };
        let path = ["api", "v1", "datasets", &dataset, kind];
        let bytes = client
            .receive_file(&path, &query, &self.output, bar.clone())
            .await?;
        bar.finish_and_clear();
        let answer = json!({ "dataset": dataset, "file": self.output, "bytes": bytes });
        context.output.show(&answer, || {
            format!("{} ({})", self.output.display(), size(bytes))
        })?;
        Ok(Exit::Done)
    }
}
