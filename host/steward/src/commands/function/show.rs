//! `steward function show`

use clap::Args;
use serde_json::Value;
use steward_registry::Name;

use super::{granted, split};
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, sheet, table, time};

/// Show what is deployed under a name
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward function show text-cleaner
  steward function show text-cleaner --json")]
pub struct Show {
    /// The function
    pub name: Name,
}

impl Show {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let revision = client
            .get(&["api", "v1", "functions", self.name.as_str()])
            .await?;
        context.output.show(&revision, || {
            let limit = |name: &str| field(&revision, &format!("/spec/limits/{name}"));
            let mut text = sheet([
                ("function", field(&revision, "/spec/name")),
                (
                    "route",
                    format!(
                        "{}/f/{}/{}",
                        client.url(),
                        field(&revision, "/tenant"),
                        self.name
                    ),
                ),
                ("plugin", field(&revision, "/spec/plugin")),
                ("versions", split(&revision)),
                ("models", granted(&revision, "inference")),
                ("asks about", granted(&revision, "privacy")),
                ("memory MiB", limit("memory_mib")),
                ("timeout ms", limit("timeout_ms")),
                ("concurrency", limit("concurrency")),
                ("revision", field(&revision, "/revision")),
                (
                    "deployed",
                    format!(
                        "{} by {}",
                        time(&revision, "/created_at"),
                        field(&revision, "/created_by")
                    ),
                ),
            ]);
            if let Some(Value::Object(config)) = revision
                .pointer("/spec/config")
                .filter(|c| **c != Value::Object(Default::default()))
            {
                text.push('\n');
                text.push_str(&table(
                    ["KEY", "VALUE"],
                    config.iter().map(|(key, _)| {
                        [
                            key.clone(),
                            field(&revision, &format!("/spec/config/{key}")),
                        ]
                    }),
                ));
            }
            text
        })?;
        Ok(Exit::Done)
    }
}
