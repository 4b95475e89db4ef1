//! `steward label gold`, `disputed` and `adjudicate`

use clap::Args;
use serde_json::{Value, json};
use steward_registry::Name;

use super::given::LabelGiven;
use super::{label, path, short, text};
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table};

/// Make a task a gold question, whose label is known
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label gold intents m-007 bug
  steward label gold intents m-007 --none

Annotators are asked gold questions among others, as often as the project says, and measured by them; a model's \
confidence is calibrated on them.")]
pub struct Gold {
    /// Name of the project
    project: Name,
    /// Name of the task
    task: String,
    /// The label; for parts of the text, `--span`
    #[arg(value_name = "LABEL", required_unless_present_any = ["none", "span"])]
    label: Option<String>,
    /// A labelled part of the text; give it once for each
    #[arg(long, value_name = "START-END=LABEL", conflicts_with_all = ["none", "label"])]
    span: Vec<super::given::Span>,
    /// Make it a task like others
    #[arg(long, conflicts_with = "label")]
    none: bool,
}

impl Gold {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let given = LabelGiven {
            label: self.label,
            span: self.span,
            no_span: false,
        };
        let known = if self.none { Value::Null } else { given.json() };
        let client = context.connection.client()?;
        let place = path(self.project.as_str(), ["tasks", &self.task, "gold"]);
        client.put(&place, &json!({ "label": known })).await?;
        let answer = json!({ "task": self.task, "gold": known });
        context.output.show(&answer, || match &known {
            Value::Null => format!("{} is a task like others", self.task),
            known => format!("{} is a gold question: {}", self.task, label(known)),
        })?;
        Ok(Exit::Done)
    }
}

/// List the complete tasks whose annotators differ
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label disputed intents
  steward label disputed intents --limit 500 --json | jq -r '.[].task'")]
pub struct Disputed {
    /// Name of the project
    project: Name,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

impl Disputed {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let place = path(self.project.as_str(), ["disputed"]);
        let answer = client
            .query(&place, &[("limit", self.limit.to_string())])
            .await?;
        let tasks = items(answer, "tasks");
        context.output.show(&tasks, || {
            table(
                ["TASK", "SAID", "TEXT"],
                tasks.iter().map(|task| {
                    [
                        field(task, "/task"),
                        said(task),
                        short(&text(&task["data"])),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

fn said(task: &Value) -> String {
    let annotations = task["annotations"].as_array().into_iter().flatten();
    let said =
        annotations.map(|said| format!("{}: {}", field(said, "/annotator"), label(&said["label"])));
    said.collect::<Vec<_>>().join("\n")
}

/// Decide the label of a task, as a judge
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label adjudicate intents m-007 bug --reason 'it is about the crash, not about the invoice'
  steward label adjudicate names m-007 --span 0-5=person

What a judge decides holds, whatever the votes are. A later decision takes the place of an earlier one, which is kept.")]
pub struct Adjudicate {
    /// Name of the project
    project: Name,
    /// Name of the task
    task: String,
    #[command(flatten)]
    given: LabelGiven,
    /// Why, in a line
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

impl Adjudicate {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let place = path(
            self.project.as_str(),
            ["tasks", &self.task, "adjudications"],
        );
        let body = json!({ "label": self.given.json(), "reason": self.reason });
        let decided = client.post(&place, &body).await?;
        context.output.show(&decided, || {
            let number = field(&decided, "/number");
            format!(
                "{}: {} (decision {number})",
                self.task,
                label(&decided["label"])
            )
        })?;
        Ok(Exit::Done)
    }
}
