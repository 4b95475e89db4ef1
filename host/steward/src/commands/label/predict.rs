//! `steward label predict`

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use steward_registry::{ModelRef, Name};

use super::{given, number, path};
use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::output::{field, sheet};
use crate::progress;

/// What annotators get first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// The smallest lead of the best label over the second
    #[default]
    Margin,
    /// The largest entropy of the labels
    Entropy,
    /// The least sure best label
    LeastConfidence,
    /// As it is
    None,
}

impl Order {
    pub fn json(self) -> Value {
        match self {
            Self::Margin => json!("margin"),
            Self::Entropy => json!("entropy"),
            Self::LeastConfidence => json!("least-confidence"),
            Self::None => Value::Null,
        }
    }
}

/// Let a model label beforehand, and put in front of people what it is least sure of
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward label predict intents --model minilm
  steward label predict intents --model minilm --labels @labels.json --precision 0.9
  steward label predict intents --model intents-head@1.0.0 --order entropy
  steward label predict names --model rampart --labels @kinds.json

The model predicts the open tasks, and those whose label is known: gold questions, and what a judge decided. These show \
from which confidence on it can be trusted. `results` and `export` take its predictions with --auto-precision or \
--auto-threshold. --labels is a list, or `@FILE` with example texts: {\"billing\": [\"I was charged twice\", …], …}. \
Where parts of texts are labelled, the model is a token classifier, and the file says which of its kinds stand for which \
label: {\"person\": [\"GIVEN_NAME\", \"SURNAME\"], …}; without one, kinds that are labels of the project are taken.")]
pub struct Predict {
    /// Name of the project
    project: Name,
    /// `name`, `name@version` or `name@alias`, each with `~variant` or without
    #[arg(long)]
    model: ModelRef,
    /// What it chooses from [default: a model's own; for an embedding model those of the project]
    #[arg(long, value_name = "LABEL,LABEL")]
    labels: Option<String>,
    /// What annotators get first
    #[arg(long, value_enum, default_value_t)]
    order: Order,
    /// How often the model shall be right at least
    #[arg(long, default_value_t = 0.95, value_name = "SHARE")]
    precision: f64,
}

impl Predict {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let labels = self.labels.as_deref().map(labels).transpose()?;
        let order = self.order.json();
        let (predictions, trust) = (
            path(self.project.as_str(), ["predictions"]),
            path(self.project.as_str(), ["trust"]),
        );
        let bar = progress::spinner(context.output, "predicting");
        let (mut predicted, mut after) = (0, json!(0));
        let model = loop {
            let body =
                json!({ "model": self.model, "labels": labels, "order": order, "after": after });
            let answer = client.post(&predictions, &body).await;
            let answer = answer.inspect_err(|_| bar.finish_and_clear())?;
            predicted += answer["predicted"].as_u64().unwrap_or(0);
            bar.set_message(format!("{predicted} predicted"));
            after = answer["next"].clone();
            if after.is_null() {
                break field(&answer, "/model");
            }
        };
        bar.finish_and_clear();
        let mut answer = json!({ "model": model, "predicted": predicted, "trust": null });
        if predicted > 0 {
            let asked = [("model", model), ("precision", self.precision.to_string())];
            answer["trust"] = client.query(&trust, &asked).await?;
        }
        context.output.show(&answer, || told(&answer))?;
        Ok(Exit::Done)
    }
}

/// A list of labels, or a file of labels with examples.
fn labels(given: &str) -> Result<Value, Failure> {
    if !given.starts_with('@') {
        let labels = given.split([',', '，']).map(str::trim);
        return Ok(json!(labels.collect::<Vec<_>>()));
    }
    let text = given::text(given)?;
    serde_json::from_str::<Value>(&text)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| {
            Failure::invalid(format!(
                "{}: labels with examples are an object",
                &given[1..]
            ))
            .next("write {\"label\": [\"example text\", …], …}")
        })
}

fn told(answer: &Value) -> String {
    let predicted = [
        ("model", field(answer, "/model")),
        ("predicted", field(answer, "/predicted")),
    ];
    sheet(predicted.into_iter().chain(trusted(&answer["trust"])))
}

/// How far a source of predictions can be trusted, for people.
pub fn trusted(trust: &Value) -> [(&'static str, String); 3] {
    let found = &trust["threshold"];
    let precision = number(&trust["precision"]);
    let threshold = match found {
        Value::Null => format!("none is known to be right {precision} of the time; add gold"),
        found => format!(
            "{}: right {} of {}, at least {} of the time",
            number(&found["threshold"]),
            field(found, "/correct"),
            field(found, "/labelled"),
            number(&found["at_least"])
        ),
    };
    [
        ("of them known", field(trust, "/known")),
        ("confidence", threshold),
        (
            "labels",
            format!(
                "{} of {} open tasks",
                field(trust, "/labelled"),
                field(trust, "/open")
            ),
        ),
    ]
}
