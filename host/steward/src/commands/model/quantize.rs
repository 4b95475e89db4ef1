//! `steward model quantize`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use steward_inference::Precision;
use steward_registry::{ModelRef, Name};

use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::output::{field, sheet, size};
use crate::progress;

/// The largest file of texts that is read, in bytes.
const MAX_TEXTS: u64 = 4 << 20;

/// Make a smaller, faster form of a model and measure it beside the original
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model quantize minilm --to int8
  steward model quantize minilm@1.0.0 --to int8 --variant int8-exact --min-similarity 0.998
  steward model quantize minilm --to int8-static --texts messages.jsonl

What it makes is asked for by `NAME@VERSION~VARIANT`, wherever a model is named; the original stays.
  int8         the fastest; what a text gives depends a little on those it is computed with
  int8-static  nearly as fast; it does not
  int4         the smallest
  fp16         half the size, for accelerators")]
pub struct Quantize {
    /// `name`, `name@version` or `name@alias`
    #[arg(value_name = "MODEL")]
    pub model: ModelRef,
    /// What the weights become
    #[arg(long, value_name = "PRECISION", value_enum)]
    pub to: To,
    /// Name of the variant [default: that of the precision]
    #[arg(long, value_name = "NAME")]
    pub variant: Option<Name>,
    /// Mean similarity to reach, up to 1: as many layers stay in fp32 as that takes
    #[arg(long, value_name = "COSINE")]
    pub min_similarity: Option<f64>,
    /// Texts like those to come, a line each, or JSON Lines with a field `text`; 16 to 2048
    /// [default: messages of customers in English and Chinese]
    #[arg(long, value_name = "FILE")]
    pub texts: Option<PathBuf>,
}

/// What weights become.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[allow(missing_docs)]
pub enum To {
    Int8,
    Int8Static,
    Int4,
    Fp16,
}

impl From<To> for Precision {
    fn from(to: To) -> Self {
        match to {
            To::Int8 => Self::Int8,
            To::Int8Static => Self::Int8Static,
            To::Int4 => Self::Int4,
            To::Fp16 => Self::Fp16,
        }
    }
}

impl Quantize {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let texts = match &self.texts {
            Some(path) => read_texts(path)?,
            None => Vec::new(),
        };
        let body = json!({
            "to": Precision::from(self.to),
            "variant": self.variant,
            "min_similarity": self.min_similarity,
            "texts": texts,
        });
        make(context, "quantize", "quantizing", &self.model, &body, told).await
    }
}

/// Lets the host make a variant and says what it has become.
pub(super) async fn make(
    context: Context,
    what: &str,
    doing: &str,
    model: &ModelRef,
    body: &Value,
    told: fn(&Value) -> String,
) -> anyhow::Result<Exit> {
    let client = context.connection.client()?;
    let model = model.to_string();
    let doing = format!("{doing} {model} and measuring it");
    let bar = progress::spinner(context.output, doing);
    let answer = client
        .post(&["api", "v1", "models", &model, what], body)
        .await;
    bar.finish_and_clear();
    let made = answer?;
    context.output.show(&made, || told(&made))?;
    Ok(Exit::Done)
}

/// A number of the report of a variant; 0 where it is missing.
pub(super) fn number(made: &Value, pointer: &str) -> f64 {
    let number = made["report"].pointer(pointer).and_then(Value::as_f64);
    number.unwrap_or(0.0)
}

fn told(made: &Value) -> String {
    let report = &made["report"];
    let number = |pointer: &str| number(made, pointer);
    let bytes = |pointer: &str| size(number(pointer) as u64);
    let mut rows = vec![
        (
            "size",
            format!(
                "{} (pushed {}, in fp32 {})",
                bytes("/bytes"),
                bytes("/original_bytes"),
                bytes("/fp32_bytes")
            ),
        ),
        ("speed", format!("{:.2} × the original", number("/speedup"))),
        (
            "similarity",
            format!(
                "{:.4} mean, {:.4} least, over {} texts",
                number("/similarity/mean"),
                number("/similarity/min"),
                number("/texts")
            ),
        ),
    ];
    if report["same_label"].is_number() {
        rows.push((
            "same label",
            format!("{:.1} %", 100.0 * number("/same_label")),
        ));
    }
    let kept = report["kept"].as_array().map_or(0, Vec::len);
    rows.push((
        "quantized",
        format!(
            "{:.1} % of the numbers of {} layers; {kept} {} in fp32",
            100.0 * number("/quantized"),
            number("/layers"),
            if kept == 1 {
                "layer stays"
            } else {
                "layers stay"
            }
        ),
    ));
    let model = field(made, "/model");
    format!(
        "Made {model}.\n{}next: ask for it by that name, as in `steward data run … --step classify:{model}:LABEL,LABEL`",
        sheet(rows)
    )
}

/// The texts of a file: a line each, or the field `text` of each line that is a JSON object.
pub(super) fn read_texts(path: &Path) -> Result<Vec<String>, Failure> {
    let metadata = std::fs::metadata(path).map_err(|e| Failure::file("read", path, &e))?;
    if metadata.len() > MAX_TEXTS {
        return Err(Failure::invalid(format!(
            "{} has {} bytes; at most {MAX_TEXTS} are read",
            path.display(),
            metadata.len()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|e| Failure::file("read", path, &e))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    Ok(lines
        .map(|line| match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(record)) => match record.get("text").and_then(Value::as_str) {
                Some(text) => text.to_owned(),
                None => line.to_owned(),
            },
            _ => line.to_owned(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_lines_or_records() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("texts");
        std::fs::write(
            &path,
            "plain 好\n\n{\"id\":1,\"text\":\"of a record\"}\n12\n",
        )
        .unwrap();
        assert_eq!(
            read_texts(&path).unwrap(),
            ["plain 好", "of a record", "12"]
        );
        let missing = read_texts(&dir.path().join("none")).unwrap_err();
        assert_eq!(missing.exit, Exit::NotFound);
    }
}
