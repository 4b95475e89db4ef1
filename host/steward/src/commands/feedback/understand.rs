//! `steward feedback analyse`, `score` and `export`

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use steward_registry::{DatasetRef, Name};

use super::Which;
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, printable, sheet};
use crate::progress;

/// Understand feedback: languages, sentiments, topics, and themes with their trend
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback analyse
  steward feedback analyse --about support --since 2026-05-01T00:00:00Z --themes
  steward feedback analyse --function my-voice --json | jq '.feedback[] | select(.analysis.sentiment.known.label == \"negative\") | .id'

The function is any that is deployed from a plugin of the world `feedback`; the one that comes along says `unknown` where no \
model is configured and granted.")]
pub struct Analyse {
    #[command(flatten)]
    which: Which,
    /// The deployed function that reads it
    #[arg(long, default_value = "feedback")]
    function: Name,
    /// Group texts by what they mean as well
    #[arg(long)]
    themes: bool,
}

impl Analyse {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let mut body = self.which.fields();
        body.insert("function".into(), json!(self.function));
        body.insert("themes".into(), json!(self.themes));
        let client = context.connection.client()?;
        let bar = progress::spinner(context.output, "reading feedback");
        let place = ["api", "v1", "feedback", "analyses"];
        let answer = client.post(&place, &Value::Object(body)).await;
        bar.finish_and_clear();
        let answer = answer?;
        context.output.show(&answer, || told(&answer))?;
        Ok(Exit::Done)
    }
}

fn told(answer: &Value) -> String {
    let counts = |what: &str| {
        let counts = answer["counts"][what].as_object();
        let mut counts: Vec<(&String, u64)> = counts
            .into_iter()
            .flatten()
            .map(|(label, count)| (label, count.as_u64().unwrap_or_default()))
            .collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let each = counts
            .iter()
            .map(|(label, count)| format!("{label} {count}"));
        each.collect::<Vec<_>>().join(", ")
    };
    let mut told = sheet([
        ("texts", field(answer, "/texts")),
        ("language", printable(&counts("language"))),
        ("sentiment", printable(&counts("sentiment"))),
        ("topics", printable(&counts("topics"))),
    ]);
    for theme in answer["themes"].as_array().into_iter().flatten() {
        let members = theme["members"].as_array().map_or(0, Vec::len);
        let trend = field(theme, "/trend/direction");
        let name = field(theme, "/name");
        told.push_str(&printable(&format!("\n{members:>6}  {name}  {trend}")));
    }
    told
}

/// Compute the number of a survey, with its interval
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback score nps-2026 --metric nps
  steward feedback score checkout --metric csat --minimum 100 --since 2026-05-01T00:00:00Z

nps: 0 to 10, between -100 and 100. csat: 1 to 5, the share of 4 and 5. ces: 1 to 7, the mean. With fewer answers than the \
minimum there is no number.")]
pub struct Score {
    /// The survey
    survey: String,
    /// What is asked
    #[arg(long, value_enum)]
    metric: Metric,
    /// Which answer of a respondent counts who answered twice
    #[arg(long, value_enum, default_value_t = Twice::Last)]
    twice: Twice,
    /// Fewer answers give no number
    #[arg(long, value_name = "N", default_value_t = 30)]
    minimum: u32,
    /// Of the interval
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    confidence: f64,
    /// Said then or later, as RFC 3339 has it
    #[arg(long)]
    since: Option<jiff::Timestamp>,
    /// Said before
    #[arg(long)]
    until: Option<jiff::Timestamp>,
    /// The deployed function that computes it
    #[arg(long, default_value = "feedback")]
    function: Name,
}

/// What a survey asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Metric {
    /// Net promoter score
    Nps,
    /// Customer satisfaction
    Csat,
    /// Customer effort score
    Ces,
}

/// Which answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Twice {
    /// The last one
    Last,
    /// The first one
    First,
    /// None of them
    None,
}

/// The word of the interface.
pub(super) fn word(value: &impl ValueEnum) -> Option<String> {
    Some(value.to_possible_value()?.get_name().to_owned())
}

impl Score {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let body = json!({
            "function": self.function,
            "survey": self.survey,
            "metric": word(&self.metric),
            "twice": word(&self.twice),
            "minimum": self.minimum,
            "confidence": self.confidence,
            "since": self.since,
            "until": self.until,
        });
        let client = context.connection.client()?;
        let answer = client
            .post(&["api", "v1", "feedback", "scores"], &body)
            .await?;
        context.output.show(&answer, || {
            let of = |pointer: &str| field(&answer, &format!("/result{pointer}"));
            let number = |pointer: &str| {
                let number = answer.pointer(&format!("/result/score/value/{pointer}"));
                number
                    .and_then(Value::as_f64)
                    .map(|number| format!("{number:.3}"))
            };
            let score = match (number("value"), number("low"), number("high")) {
                (Some(value), Some(low), Some(high)) => {
                    format!("{value}, between {low} and {high}")
                }
                _ => format!("none: {} answers are missing", of("/score/too_few")),
            };
            let mut told = sheet([
                ("survey", printable(&field(&answer, "/survey"))),
                ("metric", field(&answer, "/metric")),
                ("score", score),
                ("answers", of("/answers")),
                ("repeated", of("/repeated")),
            ]);
            for rejected in answer
                .pointer("/result/rejected")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let (id, why) = (field(rejected, "/id"), field(rejected, "/reason"));
                told.push_str(&printable(&format!("\n  {id}: {why}")));
            }
            told
        })?;
        Ok(Exit::Done)
    }
}

/// The format of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `prompt`, `chosen`, `rejected`
    #[default]
    Standard,
    /// The same as lists of messages
    Conversational,
    /// `prompt`, `completion`, `label`, for KTO
    Unpaired,
    /// A text and its label, to train a classifier with
    Labels,
}

/// Export what people preferred as rows of TRL, or the labels that they gave: the next snapshot of a dataset
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward feedback export --dataset preferences --model answers
  steward feedback export --dataset kto --format unpaired --since 2026-05-01T00:00:00Z
  steward feedback export --dataset intents --format labels --model intents --with intents@1

A correction is chosen over what it corrects; of answers to one prompt, what was rated higher or liked is chosen over what was \
rated lower or disliked. With `labels`, what corrects the answer of a classifier is the label of its prompt, and so is an answer that was liked; the rows \
of `--with` come first, without those that feedback calls otherwise. The lineage of the snapshot names the feedback and the \
models whose answers were judged.")]
pub struct Export {
    /// The dataset that gets the next snapshot
    #[arg(long, value_name = "NAME")]
    dataset: Name,
    /// The format of the rows
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// With `labels`: the rows of this snapshot come first
    #[arg(long, value_name = "DATASET")]
    with: Option<DatasetRef>,
    /// With `labels`: the field of the text [default: text]
    #[arg(long, value_name = "FIELD")]
    text: Option<String>,
    /// With `labels`: the field of the label [default: label]
    #[arg(long, value_name = "FIELD")]
    label: Option<String>,
    #[command(flatten)]
    which: Which,
    /// The deployed function that makes the rows of TRL
    #[arg(long, default_value = "feedback")]
    function: Name,
}

impl Export {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let mut body = self.which.fields();
        body.insert("output".into(), json!(self.dataset));
        body.insert("format".into(), json!(word(&self.format)));
        body.insert("function".into(), json!(self.function));
        body.insert("with".into(), json!(self.with));
        let named = [("text", self.text), ("label", self.label)];
        let named = named
            .into_iter()
            .filter_map(|(field, name)| Some((field.to_owned(), json!(name?))));
        body.insert("fields".into(), Value::Object(named.collect()));
        let client = context.connection.client()?;
        let place = ["api", "v1", "feedback", "snapshots"];
        let added = client.post(&place, &Value::Object(body)).await?;
        context.output.show(&added, || {
            format!(
                "{}@{}: {} rows of {} judged answers",
                field(&added, "/name"),
                field(&added, "/snapshot"),
                field(&added, "/rows"),
                field(&added, "/lineage/feedback/judged"),
            )
        })?;
        Ok(Exit::Done)
    }
}
