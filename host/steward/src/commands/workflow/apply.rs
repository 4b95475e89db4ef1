//! `steward workflow apply`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use steward_registry::{Permission, Permissions};

use crate::cli::Context;
use crate::commands::text_of;
use crate::failure::Exit;
use crate::output::{field, time};

/// Apply a workflow: a new one, or a new version
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward workflow apply orders.yaml
  steward workflow apply orders.yaml --grant http=https://api.example.com --grant secrets=shop-token
  steward workflow apply orders.yaml --concurrency 10

The file holds a document of the CNCF Serverless Workflow DSL 1.0, as YAML or JSON; `-` reads standard input. Its \
document.name and document.version name it. A version never changes: raise document.version to change a workflow. New runs \
follow the version that was applied last, runs that have begun end under theirs. Grants that are not named again are gone, \
for runs that have begun as well.")]
pub struct Apply {
    /// The file of the definition, or `-`
    pub file: PathBuf,
    /// Allow its runs something: `http=ORIGIN` or `secrets=SECRET`
    #[arg(long, value_name = "KIND=NAME")]
    pub grant: Vec<Permission>,
    /// How many of its runs go on at the same time [default: as many as there are]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub concurrency: Option<u32>,
}

impl Apply {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let definition = text_of(&self.file)?;
        let grants: Permissions = self.grant.into_iter().collect();
        let mut body = json!({ "definition": definition, "grants": grants });
        if let Some(concurrency) = self.concurrency {
            body["concurrency"] = concurrency.into();
        }
        let client = context.connection.client()?;
        let applied = client.post(&["api", "v1", "workflows"], &body).await?;
        context.output.show(&applied, || {
            let next = match time(&applied, "/next_at") {
                next if next.is_empty() => String::new(),
                next => format!(" Its schedule is next due at {next} UTC."),
            };
            format!(
                "New runs of {} follow version {}.{next}",
                field(&applied, "/name"),
                field(&applied, "/version")
            )
        })?;
        Ok(Exit::Done)
    }
}
