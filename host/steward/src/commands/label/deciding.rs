//! How labels are decided: options that several commands have.

use clap::Args;
use serde_json::{Value, json};
use steward_registry::Name;

/// How votes become a label; `function:NAME` for a deployed labeller.
const METHODS: [&str; 3] = ["majority", "weighted-vote", "dawid-skene"];

fn method(given: &str) -> Result<String, String> {
    let own = given.strip_prefix("function:");
    if METHODS.contains(&given) || own.is_some_and(|name| name.parse::<Name>().is_ok()) {
        return Ok(given.to_owned());
    }
    Err(format!(
        "it is one of {}, function:NAME",
        METHODS.join(", ")
    ))
}

/// How labels are decided. What is known before holds, then what a judge decided, then votes, then a model.
#[derive(Debug, Args)]
pub struct Deciding {
    /// How votes become a label: majority (a tie decides nothing), weighted-vote (by answers to gold questions),
    /// dawid-skene (by estimated errors), or function:NAME (a deployed labeller)
    #[arg(long, default_value = METHODS[0], value_parser = method)]
    method: String,
    /// Let votes decide before there are as many as the overlap says
    #[arg(long)]
    partial: bool,
    /// Let a model's predictions decide the rest from this confidence on
    #[arg(long, value_name = "CONFIDENCE", conflicts_with = "auto_precision")]
    auto_threshold: Option<f64>,
    /// The same, from the confidence on from which it is right so often at least, measured on gold questions and on what
    /// judges decided
    #[arg(long, value_name = "SHARE")]
    auto_precision: Option<f64>,
    /// Which model, as `minilm@1.0.0`, or `weak:labeller` for labelling functions, where several have predicted
    #[arg(long, value_name = "MODEL")]
    auto_model: Option<String>,
}

impl Deciding {
    /// As a part of a body.
    pub fn json(&self) -> Value {
        let mut decide = json!({ "method": self.method, "partial": self.partial });
        if self.auto_threshold.is_some()
            || self.auto_precision.is_some()
            || self.auto_model.is_some()
        {
            decide["auto"] = json!({
                "model": self.auto_model,
                "threshold": self.auto_threshold,
                "precision": self.auto_precision,
            });
        }
        decide
    }

    /// As a query.
    pub fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![
            ("method", self.method.clone()),
            ("partial", self.partial.to_string()),
        ];
        let mut add = |name, value: Option<String>| query.extend(value.map(|value| (name, value)));
        add("auto_model", self.auto_model.clone());
        add("auto_threshold", self.auto_threshold.map(|n| n.to_string()));
        add("auto_precision", self.auto_precision.map(|n| n.to_string()));
        query
    }
}
