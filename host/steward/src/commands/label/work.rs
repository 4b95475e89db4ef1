//! `steward label next`, `annotate` and `skip`

use clap::Args;
use serde_json::{Map, Value, json};
use steward_registry::Name;

use super::given::LabelGiven;
use super::{label, path, text};
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, printable, sheet, time};

/// Who works.
#[derive(Debug, Args)]
pub struct Annotator {
    /// The annotator [default: the key]
    #[arg(long = "as", value_name = "NAME")]
    annotator: Option<String>,
}

impl Annotator {
    /// A body that names the annotator, with more.
    fn body(&self, more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
        let mut body = Map::new();
        if let Some(annotator) = &self.annotator {
            body.insert("annotator".into(), json!(annotator));
        }
        body.extend(
            more.into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        Value::Object(body)
    }
}

/// Take the next task
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label next intents
  steward label next intents --as mei
  steward label next intents --as mei --json | jq -r .data.text

Who has a task is given the same again, with a new lease. Where there is nothing to do, the answer is null.")]
pub struct Next {
    /// Name of the project
    project: Name,
    #[command(flatten)]
    who: Annotator,
}

impl Next {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let place = path(self.project.as_str(), ["next"]);
        let task = client.post(&place, &self.who.body([])).await?;
        context.output.show(&task, || match task {
            Value::Null => "There is nothing to do for this annotator now.".to_owned(),
            ref task => told(task),
        })?;
        Ok(Exit::Done)
    }
}

fn told(task: &Value) -> String {
    let labels = task["labels"].as_array().into_iter().flatten();
    let labels: Vec<String> = labels.map(|label| field(label, "")).collect();
    let about = sheet([
        ("task", field(task, "/task")),
        ("annotator", field(task, "/annotator")),
        ("labels", labels.join(", ")),
        ("guideline", field(task, "/guideline")),
        ("yours until", time(task, "/leased_until")),
    ]);
    format!("{about}\n{}\n", printable(&text(&task["data"])))
}

/// Label a task that was taken
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label annotate intents m-007 bug --as mei
  steward label annotate names m-007 --span 0-5=person --span 12-20=company
  steward label annotate names m-009 --no-span

An annotator labels a task once. What is wrong is corrected by a judge: `steward label adjudicate`.")]
pub struct Annotate {
    /// Name of the project
    project: Name,
    /// Name of the task
    task: String,
    #[command(flatten)]
    given: LabelGiven,
    #[command(flatten)]
    who: Annotator,
}

impl Annotate {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let place = path(self.project.as_str(), ["tasks", &self.task, "annotations"]);
        let body = self.who.body([("label", self.given.json())]);
        let kept = client.post(&place, &body).await?;
        context.output.show(&kept, || {
            format!(
                "{}: {} by {}",
                field(&kept, "/task"),
                label(&kept["label"]),
                field(&kept, "/annotator")
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Give a task back unlabelled
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label skip intents m-007 --as mei --reason 'it is in a language that I do not read'

It is not given to this annotator again, but to another.")]
pub struct Skip {
    /// Name of the project
    project: Name,
    /// Name of the task
    task: String,
    #[command(flatten)]
    who: Annotator,
    /// Why, in a line
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

impl Skip {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let place = path(self.project.as_str(), ["tasks", &self.task, "skip"]);
        let body = self.who.body([("reason", json!(self.reason))]);
        client.post(&place, &body).await?;
        let answer = json!({ "task": self.task, "skipped": true });
        context
            .output
            .show(&answer, || format!("{}: skipped", self.task))?;
        Ok(Exit::Done)
    }
}
