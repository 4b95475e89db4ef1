//! `steward tenant create`

use clap::Args;
use serde_json::json;
use steward_registry::TenantId;

use super::{Settings, human};
use crate::cli::Context;
use crate::failure::Exit;

/// Create a tenant
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward tenant create acme
  steward tenant create acme --quota keys=20 --quota invocations-per-day=100000 --rate 200:400

It has no key yet: `steward key create --tenant acme` makes its first. This needs a key with the role
`platform`; the first of those is made without a server:
  steward key create --role platform --data-dir steward-data")]
pub struct Create {
    /// Name of the tenant
    pub name: TenantId,
    #[command(flatten)]
    pub settings: Settings,
}

impl Create {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let body = json!({"name": self.name, "settings": self.settings.apply(json!({}))?});
        let made = context
            .connection
            .client()?
            .post(&["api", "v1", "tenants"], &body)
            .await?;
        context.output.show(&made, || {
            format!(
                "Created {}next: steward key create --tenant {}",
                human(&made),
                self.name
            )
        })?;
        Ok(Exit::Done)
    }
}
