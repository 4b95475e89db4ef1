//! `steward tenant set`

use clap::Args;
use steward_registry::TenantId;

use super::{Settings, human};
use crate::cli::Context;
use crate::failure::Exit;

/// Change quotas, rates and issuers of a tenant; what is not named stays
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward tenant set acme --quota keys=50 --quota functions=
  steward tenant set acme --key-rate 20:40
  steward tenant set acme --issuers issuers.json

What is used already stays, also where it is more than a new quota.")]
pub struct Set {
    /// Name of the tenant
    pub name: TenantId,
    #[command(flatten)]
    pub settings: Settings,
}

impl Set {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let path = ["api", "v1", "tenants", self.name.as_str()];
        let client = context.connection.client()?;
        let there = client.get(&path).await?;
        let settings = self.settings.apply(there["settings"].clone())?;
        let changed = client.put(&path, &settings).await?;
        context.output.show(&changed, || human(&changed))?;
        Ok(Exit::Done)
    }
}
