//! `steward model promote` and `steward model rollback`

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use super::deploy::told;
use crate::cli::Context;
use crate::failure::Exit;
use crate::progress;

/// Make the candidate of a model its stable version
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model promote minilm
  steward model promote minilm --reason 'a week without complaints'

The gates of the deployment must be met.")]
pub struct Promote {
    #[command(flatten)]
    pub change: Change,
}

/// Take the candidate of a model out, or bring back the stable version of before
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model rollback minilm
  steward model rollback minilm --reason 'complaints from support'

Where a version is on trial it goes; else the stable version before this one answers again. It becomes a new \
revision: nothing of the history is lost.")]
pub struct Rollback {
    #[command(flatten)]
    pub change: Change,
}

/// What both need.
#[derive(Debug, Args)]
pub struct Change {
    /// Name of the model
    #[arg(value_name = "MODEL")]
    pub model: Name,
    /// Why, in a sentence
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

impl Promote {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        self.change.run(context, "promote").await
    }
}

impl Rollback {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        self.change.run(context, "rollback").await
    }
}

impl Change {
    async fn run(self, context: Context, what: &str) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = [
            "api",
            "v1",
            "models",
            self.model.as_str(),
            "deployment",
            what,
        ];
        let bar = progress::spinner(context.output, format!("{what}: loading what will answer"));
        let answer = client.post(&path, &json!({ "reason": self.reason })).await;
        bar.finish_and_clear();
        let deployment = answer?;
        context.output.show(&deployment, || told(&deployment))?;
        Ok(Exit::Done)
    }
}
