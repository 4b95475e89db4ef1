//! `steward label …`

mod add;
mod deciding;
mod files;
mod given;
mod judge;
mod predict;
mod project;
mod quality;
mod results;
mod weak;
mod work;

use clap::Subcommand;
use serde_json::Value;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::field;
pub use deciding::Deciding;

/// Label texts: projects, the work of annotators and judges, agreement, models that label beforehand
#[derive(Debug, Subcommand)]
pub enum Label {
    Create(project::Create),
    List(project::List),
    Status(project::Status),
    Guideline(project::Guideline),
    Overlap(project::Overlap),
    Add(add::Add),
    Next(work::Next),
    Annotate(work::Annotate),
    Skip(work::Skip),
    Gold(judge::Gold),
    Disputed(judge::Disputed),
    Adjudicate(judge::Adjudicate),
    Agreement(quality::Agreement),
    Results(results::Results),
    Predict(predict::Predict),
    Weak(weak::Weak),
    Export(files::Export),
    Import(files::Import),
}

impl Label {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Create(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Status(command) => command.run(context).await,
            Self::Guideline(command) => command.run(context).await,
            Self::Overlap(command) => command.run(context).await,
            Self::Add(command) => command.run(context).await,
            Self::Next(command) => command.run(context).await,
            Self::Annotate(command) => command.run(context).await,
            Self::Skip(command) => command.run(context).await,
            Self::Gold(command) => command.run(context).await,
            Self::Disputed(command) => command.run(context).await,
            Self::Adjudicate(command) => command.run(context).await,
            Self::Agreement(command) => command.run(context).await,
            Self::Results(command) => command.run(context).await,
            Self::Predict(command) => command.run(context).await,
            Self::Weak(command) => command.run(context).await,
            Self::Export(command) => command.run(context).await,
            Self::Import(command) => command.run(context).await,
        }
    }
}

/// The path of something in a project.
fn path<'a, const N: usize>(project: &'a str, rest: [&'a str; N]) -> Vec<&'a str> {
    [&["api", "v1", "labelling", project], &rest[..]].concat()
}

/// A label, for people.
fn label(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Object(label) => match label.get("spans") {
            None => field(value, "/choice"),
            Some(spans) => {
                let spans = spans.as_array().into_iter().flatten().map(|span| {
                    let at = |name: &str| field(span, name);
                    format!("{}-{} {}", at("/start"), at("/end"), at("/label"))
                });
                let spans: Vec<String> = spans.collect();
                if spans.is_empty() {
                    "(nothing)".into()
                } else {
                    spans.join(", ")
                }
            }
        },
        other => field(other, ""),
    }
}

/// The text of a task, for people; all of it where it has none.
fn text(data: &Value) -> String {
    let named = field(data, "/steward/text_field");
    let named = data.get(&named).and_then(Value::as_str);
    match (named, data.get("text").and_then(Value::as_str), data) {
        (Some(text), ..) | (None, Some(text), _) => text.to_owned(),
        (None, None, Value::String(text)) => text.clone(),
        (None, None, other) => other.to_string(),
    }
}

/// The beginning of a text, on one line of a table.
fn short(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = line.chars().take(60).collect();
    if line.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}

/// A number with four places; empty where there is none.
fn number(value: &Value) -> String {
    let number = value.as_f64();
    number.map_or_else(String::new, |number| format!("{number:.4}"))
}
