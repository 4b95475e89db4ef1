//! `steward label create`, `list`, `status`, `guideline` and `overlap`

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use steward_registry::Name;

use super::{given, path};
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, sheet, table, time};

/// What is labelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The text as a whole, with one label
    #[default]
    Choice,
    /// Parts of the text, each with a label
    Spans,
}

/// Create a labelling project
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label create intents --labels billing,bug,account --guideline @guideline.md
  steward label create names --kind spans --labels person,company --guideline 'Mark whole names.' --overlap 3
  steward label create reviews --labels 好评,差评 --guideline '看整体意思。' --gold-every 5

Each task is labelled by as many annotators as --overlap says. With --gold-every 5, every fifth task that an annotator gets \
is a question whose label is known, and nobody can tell which.")]
pub struct Create {
    /// Name of the project
    pub name: Name,
    /// The labels, in the order that annotators see
    #[arg(
        long,
        value_name = "LABEL,LABEL",
        value_delimiter = ',',
        required = true
    )]
    labels: Vec<String>,
    /// What annotators are told, or `@FILE`; Markdown
    #[arg(long, value_name = "TEXT")]
    guideline: String,
    /// What is labelled
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// How many annotators label each task
    #[arg(long, default_value_t = 2, value_name = "N")]
    overlap: u32,
    /// Every how manieth task is a gold question; 0 for none
    #[arg(long, default_value_t = 0, value_name = "N")]
    gold_every: u32,
    /// For how many seconds a task is an annotator's
    #[arg(long, default_value_t = 1800, value_name = "SECONDS")]
    lease_seconds: u32,
}

impl Create {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let body = json!({
            "name": self.name,
            "kind": match self.kind { Kind::Choice => "choice", Kind::Spans => "spans" },
            "labels": self.labels,
            "overlap": self.overlap,
            "lease_seconds": self.lease_seconds,
            "gold_every": self.gold_every,
            "guideline": given::text(&self.guideline)?,
        });
        let client = context.connection.client()?;
        let project = client.post(&["api", "v1", "labelling"], &body).await?;
        context.output.show(&project, || {
            let name = field(&project, "/name");
            format!("{name} is there; give it tasks with `steward label add {name}`")
        })?;
        Ok(Exit::Done)
    }
}

/// List the labelling projects of the tenant
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label list")]
pub struct List {}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let answer = client.get(&["api", "v1", "labelling"]).await?;
        let projects = items(answer, "projects");
        context.output.show(&projects, || {
            table(
                ["NAME", "KIND", "LABELS", "OVERLAP", "GUIDELINE", "CREATED"],
                projects.iter().map(|p| {
                    [
                        field(p, "/name"),
                        field(p, "/spec/kind"),
                        labels(p),
                        field(p, "/spec/overlap"),
                        field(p, "/guideline"),
                        time(p, "/created_at"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

fn labels(project: &Value) -> String {
    let labels = project.pointer("/spec/labels").and_then(Value::as_array);
    let labels = labels.into_iter().flatten().map(|label| field(label, ""));
    labels.collect::<Vec<_>>().join(", ")
}

/// Show how far a labelling project is
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label status intents
  steward label status intents --json | jq .status.disputed")]
pub struct Status {
    /// Name of the project
    project: Name,
}

impl Status {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let project = client.get(&path(self.project.as_str(), [])).await?;
        context.output.show(&project, || {
            let of = |what: &str| field(&project, &format!("/status/{what}"));
            sheet([
                ("project", field(&project, "/name")),
                ("labels", labels(&project)),
                ("annotators a task", field(&project, "/spec/overlap")),
                ("guideline", field(&project, "/guideline")),
                (
                    "open",
                    format!("{}, untouched {}", of("open"), of("untouched")),
                ),
                (
                    "complete",
                    format!("{}, disputed {}", of("complete"), of("disputed")),
                ),
                ("adjudicated", of("adjudicated")),
                ("gold questions", of("gold")),
                ("annotations", of("annotations")),
                ("in hands now", of("leased")),
                ("skipped", of("skipped")),
            ])
        })?;
        Ok(Exit::Done)
    }
}

/// Show what annotators are told, or write the next version
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label guideline intents
  steward label guideline intents --set @guideline.md

Tasks that are handed out from then on name the new version; an annotation names the one that its annotator was given.")]
pub struct Guideline {
    /// Name of the project
    project: Name,
    /// The next version, or `@FILE`; Markdown
    #[arg(long, value_name = "TEXT")]
    set: Option<String>,
}

impl Guideline {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let place = path(self.project.as_str(), ["guidelines"]);
        match &self.set {
            Some(text) => {
                let body = json!({ "text": given::text(text)? });
                let version = client.post(&place, &body).await?;
                context.output.show(&version, || {
                    format!("version {} holds from now on", field(&version, "/version"))
                })?;
            }
            None => {
                let versions = items(client.get(&place).await?, "guidelines");
                context.output.show(&versions, || {
                    let newest = versions.first().map(|version| {
                        let about = format!(
                            "version {} of {} by {}",
                            field(version, "/version"),
                            time(version, "/created_at"),
                            field(version, "/created_by")
                        );
                        let text = crate::output::printable(&field(version, "/text"));
                        format!("{about}\n\n{text}")
                    });
                    newest.unwrap_or_default()
                })?;
            }
        }
        Ok(Exit::Done)
    }
}

/// Change how many annotators label each task
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label overlap intents 3

Complete tasks are open again where it grows, and open ones complete where it shrinks.")]
pub struct Overlap {
    /// Name of the project
    project: Name,
    /// 1 to 100
    overlap: u32,
}

impl Overlap {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let place = path(self.project.as_str(), ["overlap"]);
        let body = json!({ "overlap": self.overlap });
        let project = client.put(&place, &body).await?;
        context.output.show(&project, || {
            format!(
                "{} annotators label each task",
                field(&project, "/spec/overlap")
            )
        })?;
        Ok(Exit::Done)
    }
}
