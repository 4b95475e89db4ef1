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
                ("limits", limits(&revision)),
                (
                    "failed inputs",
                    match revision.pointer("/spec/debug/keep_failed_inputs") {
                        Some(Value::Bool(true)) => "kept in memory".to_owned(),
                        _ => String::new(),
                    },
                ),
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

/// `cpu_ms 500, timeout_ms 2000`
fn limits(revision: &Value) -> String {
    let limits = revision.pointer("/spec/limits").and_then(Value::as_object);
    let shown: Vec<String> = limits
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    shown.join(", ")
}
