//! `steward model prune`

use clap::Args;
use serde_json::{Value, json};
use steward_registry::{ModelRef, Name};

use super::quantize::{make, number};
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, sheet, size};

/// Set the smallest weights of a model to zero and measure what that costs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model prune minilm@1.0.0 --sparsity 0.3
  steward model prune minilm@1.0.0 --sparsity 0.5 --variant half

What it makes is a variant, asked for by `NAME@VERSION~VARIANT`; the original stays. Zeros make a file \
compress better; they make no processor faster by themselves.")]
pub struct Prune {
    /// `name`, `name@version` or `name@alias`
    #[arg(value_name = "MODEL")]
    pub model: ModelRef,
    /// The share of the weights to set to zero, above 0 and below 1
    #[arg(long, value_name = "SHARE")]
    pub sparsity: f64,
    /// Let layers with small weights lose more: the share is that of the whole model, not of each layer
    #[arg(long)]
    pub global: bool,
    /// Name of the variant [default: `pruned-` and the percentage]
    #[arg(long, value_name = "NAME")]
    pub variant: Option<Name>,
}

impl Prune {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let body =
            json!({ "sparsity": self.sparsity, "global": self.global, "variant": self.variant });
        make(context, "prune", "pruning", &self.model, &body, told).await
    }
}

fn told(made: &Value) -> String {
    let number = |pointer: &str| number(made, pointer);
    let bytes = |pointer: &str| size(number(pointer) as u64);
    let share = 100.0 * number("/zeros") / number("/parameters").max(1.0);
    format!(
        "Made {}.\n{}next: ask for it by that name, or measure it with `steward model evaluate`",
        field(made, "/model"),
        sheet([
            (
                "zeros",
                format!("{share:.1} % of {} weights", number("/parameters"))
            ),
            (
                "size",
                format!(
                    "{} compressed (before {})",
                    bytes("/compressed_bytes"),
                    bytes("/original_compressed_bytes")
                )
            ),
            (
                "similarity",
                format!(
                    "{:.4} mean, {:.4} least, over {} texts",
                    number("/similarity/mean"),
                    number("/similarity/min"),
                    number("/texts")
                )
            ),
        ])
    )
}
