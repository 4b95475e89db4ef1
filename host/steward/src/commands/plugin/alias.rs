//! `steward plugin alias`

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::Exit;

/// Point an alias (`stable`, `candidate` …) at a version
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin alias text-cleaner stable 1.1.0

Deployed functions keep their versions; an alias decides what a later deployment takes.")]
pub struct Alias {
    /// The plugin
    pub plugin: Name,
    /// The alias
    pub alias: Name,
    /// The version it names from now on
    pub version: semver::Version,
}

impl Alias {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let (plugin, alias, version) = (
            self.plugin.as_str(),
            self.alias.as_str(),
            self.version.to_string(),
        );
        let path = ["api", "v1", "plugins", plugin, "aliases", alias];
        context
            .connection
            .client()?
            .put(&path, &json!({ "version": version }))
            .await?;
        context.output.show(
            &json!({ "plugin": plugin, "alias": alias, "version": version }),
            || format!("{plugin}@{alias} is {version} now."),
        )?;
        Ok(Exit::Done)
    }
}
