//! How labels are decided: options that several commands have.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

/// How votes become a label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// Most votes; a tie decides nothing
    #[default]
    Majority,
    /// Votes weighed by how well an annotator answers gold questions
    WeightedVote,
    /// Votes weighed by the estimated errors of the annotators (Dawid and Skene)
    DawidSkene,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Majority => "majority",
            Self::WeightedVote => "weighted-vote",
            Self::DawidSkene => "dawid-skene",
        }
    }
}

/// How labels are decided. What is known before holds, then what a judge decided, then votes, then a model.
#[derive(Debug, Args)]
pub struct Deciding {
    /// How votes become a label
    #[arg(long, value_enum, default_value_t)]
    method: Method,
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
    /// Which model, as `minilm@1.0.0`, where several have predicted
    #[arg(long, value_name = "MODEL")]
    auto_model: Option<String>,
}

impl Deciding {
    /// As a part of a body.
    pub fn json(&self) -> Value {
        let mut decide = json!({ "method": self.method.name(), "partial": self.partial });
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
            ("method", self.method.name().to_owned()),
            ("partial", self.partial.to_string()),
        ];
        let mut add = |name, value: Option<String>| query.extend(value.map(|value| (name, value)));
        add("auto_model", self.auto_model.clone());
        add("auto_threshold", self.auto_threshold.map(|n| n.to_string()));
        add("auto_precision", self.auto_precision.map(|n| n.to_string()));
        query
    }
}
