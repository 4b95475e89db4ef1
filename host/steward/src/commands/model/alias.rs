//! `steward model alias`

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::Exit;

/// Point an alias (`stable`, `candidate` …) at a version
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model alias minilm stable 1.0.0

A model named without version is that of the alias `stable`, else the highest version.")]
pub struct Alias {
    /// The model
    pub model: Name,
    /// The alias
    pub alias: Name,
    /// The version it names from now on
    pub version: semver::Version,
}

impl Alias {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let (model, alias, version) = (
            self.model.as_str(),
            self.alias.as_str(),
            self.version.to_string(),
        );
        let path = ["api", "v1", "models", model, "aliases", alias];
        context
            .connection
            .client()?
            .put(&path, &json!({ "version": version }))
            .await?;
        context.output.show(
            &json!({ "model": model, "alias": alias, "version": version }),
            || format!("{model}@{alias} is {version} now."),
        )?;
        Ok(Exit::Done)
    }
}
