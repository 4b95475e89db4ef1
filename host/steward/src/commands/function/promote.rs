//! `steward function promote`

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use super::split;
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::field;

/// Make the version on trial the only one
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward function promote text-cleaner
  steward function promote text-cleaner --reason 'two days without an error'

`steward function status` shows how it does; `steward function rollback` takes it out instead.")]
pub struct Promote {
    /// The function
    pub name: Name,
    /// Why, in a sentence
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

impl Promote {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "functions", self.name.as_str(), "promote"];
        let revision = client
            .post(&path, &json!({ "reason": self.reason }))
            .await?;
        context.output.show(&revision, || {
            format!(
                "{} is {} {} now (revision {}).",
                self.name,
                field(&revision, "/spec/plugin"),
                split(&revision),
                field(&revision, "/revision")
            )
        })?;
        Ok(Exit::Done)
    }
}
