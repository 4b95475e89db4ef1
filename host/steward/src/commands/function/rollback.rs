//! `steward function rollback`

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use super::split;
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::field;

/// Bring back what was deployed before
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward function rollback text-cleaner
  steward function rollback text-cleaner --to 3

The old revision becomes a new one: nothing of the history is lost.")]
pub struct Rollback {
    /// The function
    pub name: Name,
    /// The revision to bring back [default: the one before]
    #[arg(long, value_name = "REVISION")]
    pub to: Option<u32>,
}

impl Rollback {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let body = match self.to {
            Some(to) => json!({ "to": to }),
            None => json!({}),
        };
        let revision = client
            .post(
                &["api", "v1", "functions", self.name.as_str(), "rollback"],
                &body,
            )
            .await?;
        context.output.show(&revision, || {
            format!(
                "{} is back at {} {} (revision {}).",
                self.name,
                field(&revision, "/spec/plugin"),
                split(&revision),
                field(&revision, "/revision")
            )
        })?;
        Ok(Exit::Done)
    }
}
