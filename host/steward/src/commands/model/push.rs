//! `steward model push`

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use steward_inference::ModelConfig;
use steward_registry::Name;

use crate::cli::Context;
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
  steward model push minilm --version 1.0.0 --onnx model.onnx --tokenizer tokenizer.json --config model.toml

A configuration for embeddings:        task = \"embed\"
                                       max_tokens = 128
One for a classifier:                  task = \"classify\"
                                       labels = [\"negative\", \"positive\"]
TOML, or JSON when the name of the file ends in .json.")]
pub struct Push {
    /// Name of the model
    pub name: Name,
    /// Version, immutable once registered
    #[arg(long)]
    pub version: semver::Version,
    /// The ONNX file
    #[arg(long, value_name = "FILE")]
    pub onnx: PathBuf,
    /// The `tokenizer.json` of the model
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
    /// What the model computes and how it is used
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

impl Push {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let config = read_config(&self.config)?;
        let mut form = Multipart::new()
            .bytes("name", "text/plain", self.name.to_string())
            .bytes("version", "text/plain", self.version.to_string())
            .bytes("config", "application/json", serde_json::to_vec(&config)?)
            .file("model.onnx", self.onnx)
            .await?;
        if let Some(tokenizer) = self.tokenizer {
            form = form.file("tokenizer.json", tokenizer).await?;
        }
        let client = context.connection.client()?;
        let bar = progress::bytes(context.output, "pushing", Some(form.length()));
        let answer = client
            .upload(&["api", "v1", "models"], form, bar.clone())
            .await;
        bar.finish_and_clear();
        let model = answer?;
        context.output.show(&model, || {
            let (name, version) = (field(&model, "/name"), field(&model, "/version"));
            format!(
                "Registered {name}@{version} (task {}).\nnext: grant it with `steward function deploy … --grant inference={name}`",
                field(&model, "/config/task")
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Reads and checks the configuration, so that a slip in it costs no upload.
fn read_config(path: &Path) -> Result<Value, Failure> {
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
