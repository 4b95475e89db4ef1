//! `steward model train`

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use steward_registry::{DatasetRef, ModelRef, Name};

use super::evaluate::number;
use crate::cli::Context;
use crate::commands::dataset::runs;
use crate::commands::label::Deciding;
use crate::failure::Exit;
use crate::output::{field, sheet, table};
use crate::progress;

/// Labels, and confusions, that are shown.
const SHOWN: usize = 20;

/// Train a classifier on labels: a head behind an embedding model
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model train intents --project intents --base minilm
  steward model train intents --dataset messages@2 --label intent --base minilm --class-weights balanced
  steward model train intents --dataset messages --base minilm --hidden 64 --folds 10 --seed 7 --json
  steward model train intents --dataset messages --base minilm --class-weights billing=2,other=0.5 --detach

The texts become vectors by the base model, and a head learns their labels: a logistic regression, or with --hidden a \
network. Both together are registered as the next version of the model, one ONNX file that takes texts and gives a \
probability for each label; `steward model deploy` brings it into service. A part of the texts (--held-out) is never \
learned from: which, follows from a hash of each text. What the version scores on it, and in a cross-validation over the \
others, is kept as evaluations that gates can name.

Where the base model cannot read a language, the head weighs single characters beside the vector (--characters) and the \
answer says so. Rows with `lang` are measured by language.")]
pub struct Train {
    /// The model that gets the next version
    pub name: Name,
    /// The model that embeds the texts
    #[arg(long, value_name = "MODEL")]
    pub base: ModelRef,
    /// The labelling project whose labels are learned; they become a snapshot of a dataset first
    #[arg(
        long,
        value_name = "PROJECT",
        required_unless_present = "dataset",
        conflicts_with = "dataset"
    )]
    pub project: Option<Name>,
    /// The dataset with texts and labels: `name` for the newest snapshot, or `name@3`
    #[arg(long, value_name = "DATASET")]
    pub dataset: Option<DatasetRef>,
    /// Field with the text [default: text]
    #[arg(long, value_name = "FIELD")]
    pub text: Option<String>,
    /// Field with the label [default: label]
    #[arg(long, value_name = "FIELD")]
    pub label: Option<String>,
    /// The dataset that gets the labels of the project [default: PROJECT-labels]
    #[arg(long, value_name = "NAME", requires = "project")]
    pub output: Option<Name>,
    /// The version to register [default: 1.0.0, or the next minor one]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<semver::Version>,
    /// Numbers of a hidden layer; without it the head is a logistic regression
    #[arg(long, value_name = "N")]
    pub hidden: Option<usize>,
    /// Penalty of the weights [default: 0.1, and 0.01 with --hidden]
    #[arg(long)]
    pub l2: Option<f64>,
    /// What an example counts: `even`, `balanced` (each label as much as another), or LABEL=WEIGHT,…
    #[arg(long, default_value = "even", value_name = "WEIGHTS", value_parser = class_weights)]
    pub class_weights: Value,
    /// How far a step of a network goes [default: 0.001]
    #[arg(long, value_name = "RATE", requires = "hidden")]
    pub learning_rate: Option<f64>,
    /// The most rounds of a network over the examples [default: 500]
    #[arg(long, value_name = "N", requires = "hidden")]
    pub max_epochs: Option<u32>,
    /// After how many rounds without a gain a network is done [default: 20]
    #[arg(long, value_name = "N", requires = "hidden")]
    pub patience: Option<u32>,
    /// Folds of the cross-validation; 0 for none
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub folds: usize,
    /// The share of the texts that is never learned from, and measured on
    #[arg(long, default_value_t = 0.2, value_name = "SHARE")]
    pub held_out: f64,
    /// Whether the head weighs single characters beside the vector
    #[arg(long, default_value = "auto")]
    pub characters: CharactersOption,
    /// What folds, and a network, are drawn from
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// What the model is, for people
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    #[command(flatten)]
    pub deciding: Deciding,
    /// Do not wait for the end
    #[arg(long)]
    pub detach: bool,
}

/// Whether a head weighs characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CharactersOption {
    /// Where the base model does not know one token of twenty
    Auto,
    /// In any case
    On,
    /// Never
    Off,
}

impl CharactersOption {
    fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// Weights of labels, as a body has them.
fn class_weights(given: &str) -> Result<Value, String> {
    if ["even", "balanced"].contains(&given) {
        return Ok(json!(given));
    }
    let mut weights = BTreeMap::new();
    for part in given.split(',') {
        let (label, weight) = part
            .rsplit_once('=')
            .ok_or("it is `even`, `balanced`, or LABEL=WEIGHT,LABEL=WEIGHT")?;
        let weight: f64 = weight
            .parse()
            .map_err(|_| format!("the weight of `{label}` is no number"))?;
        weights.insert(label.to_owned(), weight);
    }
    Ok(json!({ "given": weights }))
}

impl Train {
    fn spec(&self) -> Value {
        let mut spec = json!({
            "base": self.base,
            "fields": { "text": self.text, "label": self.label },
            "class_weights": self.class_weights,
            "folds": self.folds,
            "held_out": self.held_out,
            "characters": self.characters.word(),
            "seed": self.seed,
        });
        for (name, value) in [
            ("dataset", json!(self.dataset)),
            ("project", json!(self.project)),
            ("output", json!(self.output)),
            ("version", json!(self.version)),
            ("hidden", json!(self.hidden)),
            ("l2", json!(self.l2)),
            ("learning_rate", json!(self.learning_rate)),
            ("max_epochs", json!(self.max_epochs)),
            ("patience", json!(self.patience)),
            ("description", json!(self.description)),
        ] {
            if !value.is_null() {
                spec[name] = value;
            }
        }
        spec["decide"] = self.deciding.json();
        spec
    }

    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "models", self.name.as_str(), "train"];
        let run = client.post(&path, &self.spec()).await?;
        let id = field(&run, "/id");
        if self.detach {
            let next = format!("run {id}; `steward dataset status {id}` says how far it is");
            context.output.show(&run, || next)?;
            return Ok(Exit::Done);
        }
        let bar = progress::counted(context.output, "waiting", 0);
        let run = runs::ended(&client, run, bar, |bar, run| {
            let far = |name: &str| {
                run.pointer(&format!("/progress/{name}"))
                    .and_then(Value::as_u64)
            };
            let training = field(run, "/progress/phase") == "training";
            let (done, all) = match training {
                true => (far("trained"), far("trainings")),
                false => (far("texts"), far("total_texts")),
            };
            bar.set_length(all.unwrap_or(0));
            bar.set_position(done.unwrap_or(0));
            bar.set_message(match (training, far("rounds")) {
                (true, Some(rounds)) => format!("training, round {rounds}"),
                _ => field(run, "/progress/phase"),
            });
        })
        .await?;
        context.output.show(&run, || text(&run))?;
        Ok(runs::exit(&run))
    }
}

/// Whether a run trains a head.
pub fn is_training(run: &Value) -> bool {
    run.pointer("/spec/train").is_some()
}

/// A run that trains a head, for people.
pub fn text(run: &Value) -> String {
    let outcome = &run["outcome"];
    let done = field(run, "/state") == "done";
    let mut text = sheet([
        ("run", field(run, "/id")),
        ("state", field(run, "/state")),
        ("because", field(outcome, "/error")),
        (
            "phase",
            if done {
                String::new()
            } else {
                field(run, "/progress/phase")
            },
        ),
        ("model", field(outcome, "/model")),
        ("base", field(outcome, "/base/uses")),
        ("labels of", field(run, "/input")),
        ("examples", examples(&outcome["examples"])),
        ("head", head(outcome)),
        (
            "seconds",
            outcome["seconds"]
                .as_f64()
                .map_or_else(String::new, |s| format!("{s:.1}")),
        ),
    ]);
    if !done {
        return text;
    }
    let parts = [("cross-validation", "folds"), ("held out", "held_out")];
    let parts = parts.map(|(title, name)| (title, &outcome[name]));
    let measured: Vec<_> = parts.iter().filter(|(_, part)| part.is_object()).collect();
    text.push('\n');
    text.push_str(&table(
        [
            "MEASURED ON",
            "TEXTS",
            "ACCURACY",
            "BETWEEN",
            "MACRO F1",
            "LOG LOSS",
            "CALIBRATION",
        ],
        measured.iter().flat_map(|(title, part)| {
            let whole = [
                (*title).to_owned(),
                field(part, "/rows"),
                number(&part["metrics"]["accuracy"]),
                format!(
                    "{} – {}",
                    number(&part["interval"]["low"]),
                    number(&part["interval"]["high"])
                ),
                number(&part["metrics"]["macro_f1"]),
                number(&part["metrics"]["log_loss"]),
                number(&part["metrics"]["calibration_error"]),
            ];
            std::iter::once(whole).chain(languages(part))
        }),
    ));
    text.push('\n');
    if let Some((_, part)) = measured.last() {
        text.push('\n');
        text.push_str(&of_labels(part));
        text.push('\n');
    }
    for warning in outcome["warnings"].as_array().into_iter().flatten() {
        text.push_str(&format!(
            "\nwarning: {}",
            warning.as_str().unwrap_or_default()
        ));
    }
    let model = field(outcome, "/model");
    text.push_str(&format!(
        "\nnext: `steward model deploy {model}`, or with `--percent 10` on trial beside the version that answers now\n"
    ));
    text
}

fn examples(counts: &Value) -> String {
    if !counts.is_object() {
        return String::new();
    }
    let mut text = format!(
        "{} learned, {} held out",
        field(counts, "/learned"),
        field(counts, "/held_out")
    );
    for (name, what) in [
        ("unlabelled", "without a label"),
        ("unreadable", "unreadable"),
        ("repeated", "repeated"),
        ("contradictory", "contradictory"),
    ] {
        if let Some(count @ 1..) = counts["left_out"][name].as_u64() {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

fn head(outcome: &Value) -> String {
    let Some(kind) = outcome.pointer("/training/kind").and_then(Value::as_str) else {
        return String::new();
    };
    let mut text = match kind {
        "mlp" => format!(
            "network of {} hidden numbers, round {} of {} the best",
            field(outcome, "/training/hidden"),
            field(outcome, "/ended/best_epoch"),
            field(outcome, "/ended/epoch")
        ),
        _ => format!(
            "logistic regression, {} steps",
            field(outcome, "/ended/iterations")
        ),
    };
    if let Some(count @ 1..) = outcome["characters"].as_u64() {
        text.push_str(&format!(", and {count} characters"));
    }
    text
}

/// A line for each language.
fn languages(part: &Value) -> impl Iterator<Item = [String; 7]> {
    let metrics = part["metrics"].as_object().into_iter().flatten();
    metrics.filter_map(move |(name, accuracy)| {
        let lang = name.strip_prefix("accuracy[")?.strip_suffix(']')?;
        let of = |metric: &str| number(&part["metrics"][format!("{metric}[{lang}]")]);
        Some([
            format!("  {lang}"),
            String::new(),
            number(accuracy),
            String::new(),
            of("macro_f1"),
            of("log_loss"),
            String::new(),
        ])
    })
}

/// Each label, with the labels that it is taken for most.
fn of_labels(part: &Value) -> String {
    let names: Vec<&str> = part["confusion"]["labels"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let line = |(place, name): (usize, &&str)| {
        let counts = part["confusion"]["counts"]
            .get(place)
            .and_then(Value::as_array);
        let counts = counts.into_iter().flatten().filter_map(Value::as_u64);
        let mut taken: Vec<(u64, &str)> = counts
            .zip(&names)
            .enumerate()
            .filter(|(other, (count, _))| *other != place && *count > 0)
            .map(|(_, (count, name))| (count, *name))
            .collect();
        taken.sort_by(|a, b| b.cmp(a));
        let taken: Vec<String> = taken
            .iter()
            .take(3)
            .map(|(count, name)| format!("{name} {count}"))
            .collect();
        let of = |metric: &str| number(&part["labels"][*name][metric]);
        [
            (**name).to_owned(),
            part["labels"][*name]["support"]
                .as_u64()
                .unwrap_or(0)
                .to_string(),
            of("precision"),
            of("recall"),
            of("f1"),
            taken.join(", "),
        ]
    };
    table(
        ["LABEL", "TEXTS", "PRECISION", "RECALL", "F1", "TAKEN FOR"],
        names.iter().enumerate().take(SHOWN).map(line),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_labels_are_read() {
        assert_eq!(class_weights("balanced").unwrap(), json!("balanced"));
        let given = class_weights("退款=2,a=b=0.5").unwrap();
        assert_eq!(given, json!({ "given": { "退款": 2.0, "a=b": 0.5 } }));
        assert!(class_weights("fair").is_err() && class_weights("a=x").is_err());
    }

    #[test]
    fn a_training_is_told_to_people() {
        let part = json!({
            "rows": 4, "interval": { "low": 0.3, "high": 0.95 },
            "metrics": { "accuracy": 0.75, "macro_f1": 0.7, "log_loss": 0.5, "calibration_error": 0.1,
                "accuracy[lang=zh]": 0.5, "macro_f1[lang=zh]": 0.4, "log_loss[lang=zh]": 0.8 },
            "labels": { "退款": { "precision": 1.0, "recall": 0.5, "f1": 0.6667, "support": 2 },
                "物流": { "precision": 0.6667, "recall": 1.0, "f1": 0.8, "support": 2 } },
            "confusion": { "labels": ["物流", "退款"], "counts": [[2, 0], [1, 1]] },
        });
        let run = json!({
            "id": "01K", "state": "done", "input": "intents@1", "spec": { "train": "intents" },
            "outcome": {
                "model": "intents@1.1.0", "base": { "uses": "minilm@1.0.0" }, "seconds": 1.26,
                "examples": { "learned": 16, "held_out": 4, "left_out": { "repeated": 2 } },
                "training": { "kind": "logistic" }, "ended": { "iterations": 9 }, "characters": 30,
                "folds": null, "held_out": part, "warnings": ["68 % of the tokens"],
            },
        });
        let told = text(&run);
        for part in [
            "16 learned, 4 held out, 2 repeated",
            "logistic regression, 9 steps, and 30 characters",
            "0.3000 – 0.9500",
            "lang=zh",
            "物流 1",
            "warning: 68 %",
            "steward model deploy intents@1.1.0",
        ] {
            assert!(told.contains(part), "`{part}` is not in:\n{told}");
        }
        assert!(is_training(&run));
    }
}
