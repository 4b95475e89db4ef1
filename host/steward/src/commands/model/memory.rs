//! `steward model load` and `steward model unload`

use clap::Args;
use serde_json::json;
use steward_registry::ModelRef;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::field;
use crate::progress;

/// Load a model into the memory of the host and make it warm
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model load minilm
  steward model load minilm@1.0.0~int8

The first call of a model loads it; this spares that call the wait.")]
pub struct Load {
    /// `name`, `name@version` or `name@alias`, each with `~variant` or without
    #[arg(value_name = "MODEL")]
    pub model: ModelRef,
}

/// Take a model out of the memory of the host
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model unload minilm              every version and variant
  steward model unload minilm@1.0.0~int8

Calls that run finish; the next call loads it again. What is deployed stays.")]
pub struct Unload {
    /// `name`, `name@version` or `name@alias`, each with `~variant` or without
    #[arg(value_name = "MODEL")]
    pub model: ModelRef,
}

impl Load {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let model = self.model.to_string();
        let bar = progress::spinner(context.output, format!("loading {model}"));
        let answer = client
            .post(&["api", "v1", "models", &model, "load"], &json!({}))
            .await;
        bar.finish_and_clear();
        let loaded = answer?;
        context.output.show(&loaded, || {
            format!("{} is loaded.", field(&loaded, "/model"))
        })?;
        Ok(Exit::Done)
    }
}

impl Unload {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let model = self.model.to_string();
        let path = ["api", "v1", "models", &model, "unload"];
        let answer = client.post(&path, &json!({})).await?;
        context.output.show(&answer, || {
            format!("{} taken out of memory.", field(&answer, "/unloaded"))
        })?;
        Ok(Exit::Done)
    }
}
