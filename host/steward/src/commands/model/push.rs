//! `steward model push`

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use steward_inference::{ModelConfig, Precision};
use steward_registry::{Lineage, Name};

use super::quantize::To;
use crate::cli::Context;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::multipart::Multipart;
use crate::output::field;
use crate::progress;

/// The largest model configuration that is read, in bytes.
const MAX_CONFIG: u64 = 1024 * 1024;

/// Register a version of a model: an ONNX file, its tokenizer and a small configuration
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model push minilm --version 1.0.0 --onnx m.onnx --tokenizer t.json --config m.toml
  steward model push magika --version 1.0.0 --onnx m.onnx --config m.toml

A configuration for embeddings:        task = \"embed\"
                                       max_tokens = 128
One for a classifier:                  task = \"classify\"
                                       labels = [\"negative\", \"positive\"]
One for images, sounds and the like:   task = \"tensors\"
TOML, or JSON when the name of the file ends in .json. `steward model apply` does all of this by a file, and deploys.")]
pub struct Push {
    /// Name of the model
    pub name: Name,
    /// Version, immutable once registered
    #[arg(long)]
    pub version: semver::Version,
    /// The ONNX file
    #[arg(long, value_name = "FILE")]
    pub onnx: PathBuf,
    /// The `tokenizer.json` of the model; not where its task is `tensors`
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
    /// What the model computes and how it is used
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Make this smaller form at once; may be repeated
    #[arg(long, value_name = "PRECISION", value_enum)]
    pub quantize: Vec<To>,
    #[command(flatten)]
    pub lineage: LineageArgs,
}

/// Where a version comes from.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Lineage")]
pub struct LineageArgs {
    /// The model that it was made from, as `minilm@1.0.0`
    #[arg(long, value_name = "MODEL")]
    pub parent: Option<String>,
    /// The dataset, or its snapshot, that it was trained on
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// The run that trained it
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// The code that trained it
    #[arg(long, value_name = "COMMIT")]
    pub code: Option<String>,
}

impl From<LineageArgs> for Lineage {
    fn from(args: LineageArgs) -> Self {
        Self {
            parent: args.parent,
            dataset: args.dataset,
            run: args.run,
            code: args.code,
        }
    }
}

impl Push {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let config = read_config(&self.config)?;
        let client = context.connection.client()?;
        let reference = format!("{}@{}", self.name, self.version);
        let files = Files {
            name: &self.name,
            version: &self.version,
            onnx: &self.onnx,
            tokenizer: self.tokenizer.as_deref(),
            config: &config,
            lineage: &self.lineage.into(),
        };
        let mut model = files.upload(&context, &client).await?;
        for to in self.quantize.into_iter().map(Precision::from) {
            let doing = format!("quantizing {reference} to {}", to.as_str());
            let bar = progress::spinner(context.output, doing);
            let path = ["api", "v1", "models", &reference, "quantize"];
            let made = client.post(&path, &json!({ "to": to })).await;
            bar.finish_and_clear();
            let made = made.map_err(|failure| {
                failure.next(format!(
                    "{reference} is registered without it; try again with `steward model quantize`"
                ))
            })?;
            model["variants"][to.as_str()] = made;
        }
        context.output.show(&model, || told(&reference, &model))?;
        Ok(Exit::Done)
    }
}

fn told(reference: &str, model: &Value) -> String {
    let variants = model["variants"].as_object().into_iter().flatten();
    let variants: String = variants
        .map(|(variant, made)| {
            let speed = made.pointer("/report/speedup").and_then(Value::as_f64);
            let speed = speed.unwrap_or(1.0);
            format!("\nMade {reference}~{variant}, {speed:.2} × as fast.")
        })
        .collect();
    format!(
        "Registered {reference} (task {}).{variants}\nnext: let it answer with `steward model deploy {reference}`, or grant it with `steward function deploy … --grant inference={}`",
        field(model, "/config/task"),
        field(model, "/name")
    )
}

/// What is sent of a version.
pub(super) struct Files<'a> {
    pub name: &'a Name,
    pub version: &'a semver::Version,
    pub onnx: &'a Path,
    pub tokenizer: Option<&'a Path>,
    pub config: &'a Value,
    pub lineage: &'a Lineage,
}

impl Files<'_> {
    /// Registers the version.
    pub(super) async fn upload(self, context: &Context, client: &Client) -> anyhow::Result<Value> {
        if self.tokenizer.is_none() && self.config["task"] != "tensors" {
            return Err(Failure::invalid(format!(
                "a model of the task {} reads text and needs its tokenizer",
                field(self.config, "/task")
            ))
            .next("name its `tokenizer.json`")
            .into());
        }
        let mut form = Multipart::new()
            .bytes("name", "text/plain", self.name.to_string())
            .bytes("version", "text/plain", self.version.to_string())
            .bytes(
                "config",
                "application/json",
                serde_json::to_vec(self.config)?,
            )
            .bytes(
                "lineage",
                "application/json",
                serde_json::to_vec(self.lineage)?,
            )
            .file("model.onnx", self.onnx.to_owned())
            .await?;
        if let Some(tokenizer) = self.tokenizer {
            form = form.file("tokenizer.json", tokenizer.to_owned()).await?;
        }
        let bar = progress::bytes(context.output, "pushing", Some(form.length()));
        let answer = client
            .upload(&["api", "v1", "models"], form, bar.clone())
            .await;
        bar.finish_and_clear();
        Ok(answer?)
    }
}

/// Reads and checks the configuration, so that a slip in it costs no upload.
pub(super) fn read_config(path: &Path) -> Result<Value, Failure> {
    let invalid = |why: String| {
        Failure::invalid(format!(
            "the model configuration {} is refused",
            path.display()
        ))
        .cause(why)
    };
    let size = std::fs::metadata(path)
        .map_err(|e| Failure::file("read", path, &e))?
        .len();
    if size > MAX_CONFIG {
        return Err(invalid(format!(
            "it has {size} bytes; at most {MAX_CONFIG} are read"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|e| Failure::file("read", path, &e))?;
    let config: ModelConfig = match path.extension().is_some_and(|e| e == "json") {
        true => serde_json::from_str(&text).map_err(|e| invalid(e.to_string()))?,
        false => toml::from_str(&text).map_err(|e| invalid(e.to_string()))?,
    };
    config.validate().map_err(|e| invalid(e.to_string()))?;
    serde_json::to_value(&config).map_err(|e| invalid(e.to_string()))
}

/// A configuration that stands in another file, checked and with every default.
pub(super) fn checked(config: &Value) -> Result<Value, Failure> {
    let invalid = |why: String| Failure::invalid("the model configuration is refused").cause(why);
    let config: ModelConfig =
        serde_json::from_value(config.clone()).map_err(|e| invalid(e.to_string()))?;
    config.validate().map_err(|e| invalid(e.to_string()))?;
    serde_json::to_value(&config).map_err(|e| invalid(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_toml_or_json_and_checked() {
        let dir = tempfile::tempdir().unwrap();
        let read = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            read_config(&path)
        };
        assert_eq!(
            read("m.toml", "task = \"embed\"\nmax_tokens = 128").unwrap()["max_tokens"],
            128
        );
        assert_eq!(
            read("m.json", r#"{"task":"classify","labels":["好","坏"]}"#).unwrap()["labels"][0],
            "好"
        );
        for (name, wrong) in [
            ("m.toml", ""),
            ("m.toml", "task = \"sing\""),
            ("m.json", "task = \"embed\""),
            ("m.toml", "task = \"classify\""),
        ] {
            assert_eq!(
                read(name, wrong).unwrap_err().exit,
                Exit::Invalid,
                "{wrong}"
            );
        }
        assert_eq!(
            read_config(&dir.path().join("none")).unwrap_err().exit,
            Exit::NotFound
        );
    }
}
