//! `steward function rollback`

use clap::Args;
use serde_json::json;
use steward_registry::{Name, Permission, Permissions};

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
  steward function rollback shop --to 3 --grant http=https://api.example.com

The old revision becomes a new one: nothing of the history is lost. What it granted and the \
function does not have now has to be granted again.")]
pub struct Rollback {
    /// The function
    pub name: Name,
    /// The revision to bring back [default: the one before]
    #[arg(long, value_name = "REVISION")]
    pub to: Option<u32>,
    /// Give the function again what was taken from it since, as `steward function deploy` does
    #[arg(long, value_name = "KIND=NAME")]
    pub grant: Vec<Permission>,
}

impl Rollback {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let grants: Permissions = self.grant.into_iter().collect();
        let body = match self.to {
            Some(to) => json!({ "to": to, "grants": grants }),
            None => json!({ "grants": grants }),
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
