//! `steward label export` and `steward label import`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use steward_registry::Name;

use super::deciding::Deciding;
use super::path;
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, printable, size};
use crate::progress;

/// The form of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One labelled task a line, with everything that was said about it
    #[default]
    Jsonl,
    /// What Label Studio imports
    LabelStudio,
}

/// Export labels: as the next snapshot of a dataset, or into a file
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label export intents --dataset messages-labelled --method dawid-skene
  steward label export intents --dataset messages-labelled --auto-precision 0.9
  steward label export intents --output labels.jsonl
  steward label export intents --output tasks.json --format label-studio

A row of the snapshot is what the task was made of, with its label in `label` (`entities` for parts of texts), and with \
`labelling`: how it was decided, and who said what under which guideline. `steward dataset show` names the project, the \
guideline and the snapshots that the tasks come from; `steward model evaluate` takes such rows. Tasks that nothing decides \
are left out.")]
pub struct Export {
    /// Name of the project
    project: Name,
    /// The dataset that gets the next snapshot
    #[arg(long, value_name = "NAME", required_unless_present = "output")]
    dataset: Option<Name>,
    /// Where to write instead; what is there is replaced once all of it has come
    #[arg(long, short, value_name = "FILE", conflicts_with = "dataset")]
    output: Option<PathBuf>,
    /// The form of the file
    #[arg(long, value_enum, default_value_t, conflicts_with = "dataset")]
    format: Format,
    #[command(flatten)]
    deciding: Deciding,
    /// The field that gets the label [default: label, or entities]
    #[arg(long, value_name = "NAME", conflicts_with = "output")]
    label_field: Option<String>,
    /// Replace that field where rows have it; otherwise nothing is exported
    #[arg(long, conflicts_with = "output")]
    overwrite: bool,
    /// Export rows without a label as well
    #[arg(long, conflicts_with = "output")]
    undecided: bool,
}

impl Export {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        if let Some(file) = &self.output {
            let mut query = self.deciding.query();
            let format = match self.format {
                Format::Jsonl => "jsonl",
                Format::LabelStudio => "label-studio",
            };
            query.push(("format", format.to_owned()));
            let bar = progress::bytes(context.output, "receiving", None);
            let place = path(self.project.as_str(), ["export"]);
            let bytes = client
                .receive_file(&place, &query, file, bar.clone())
                .await?;
            bar.finish_and_clear();
            let answer = json!({ "project": self.project, "file": file, "bytes": bytes });
            context
                .output
                .show(&answer, || format!("{} ({})", file.display(), size(bytes)))?;
            return Ok(Exit::Done);
        }
        let body = json!({
            "output": self.dataset,
            "decide": self.deciding.json(),
            "label_field": self.label_field,
            "overwrite": self.overwrite,
            "undecided": self.undecided,
        });
        let place = path(self.project.as_str(), ["snapshots"]);
        let added = client.post(&place, &body).await?;
        context.output.show(&added, || {
            format!(
                "{}@{}: {} rows, {} tasks left out that nothing decides",
                field(&added, "/name"),
                field(&added, "/snapshot"),
                field(&added, "/rows"),
                field(&added, "/lineage/labelling/left_out"),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Import tasks, annotations, predictions and ground truth from a file of Label Studio
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label import intents project-1-at-2026-05-01.json
  steward label import intents export.json --control sentiment

The file is what Label Studio exports as JSON. Offsets are code points; those of old editors, which counted UTF-16 units, \
are told by the words that a span quotes. A file can be given again: what the project has stays as it is.")]
pub struct Import {
    /// Name of the project
    project: Name,
    /// The file
    file: PathBuf,
    /// The control whose labels are taken, its `name` in the labelling interface [default: all]
    #[arg(long, value_name = "NAME")]
    control: Option<String>,
}

impl Import {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let control = self.control.map(|control| ("control", control));
        let query: Vec<(&str, String)> = control.into_iter().collect();
        let length = std::fs::metadata(&self.file).ok().map(|about| about.len());
        let bar = progress::bytes(context.output, "sending", length);
        let place = path(self.project.as_str(), ["imports"]);
        let imported = client
            .send_file(
                &place,
                &query,
                "application/x-ndjson",
                &self.file,
                bar.clone(),
            )
            .await?;
        bar.finish_and_clear();
        context.output.show(&imported, || told(&imported))?;
        Ok(Exit::Done)
    }
}

fn told(imported: &Value) -> String {
    let of = |what: &str| field(imported, &format!("/{what}"));
    let rejected = imported["rejected"].as_array();
    let rejected = rejected.map(Vec::as_slice).unwrap_or_default();
    let mut told = format!(
        "{} tasks, {} annotations, {} predictions, {} adjudications; {} there before, {} not taken",
        of("tasks"),
        of("annotations"),
        of("predictions"),
        of("adjudications"),
        of("present"),
        rejected.len()
    );
    for refused in rejected.iter().take(20) {
        let (index, why) = (field(refused, "/index"), field(refused, "/reason"));
        told.push_str(&printable(&format!("\n  task {index}: {why}")));
    }
    told
}
