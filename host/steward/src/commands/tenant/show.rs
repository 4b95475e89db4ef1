//! `steward tenant show`

use clap::Args;
use steward_registry::TenantId;

use super::human;
use crate::cli::Context;
use crate::failure::Exit;

/// Show a tenant: its settings, and what it uses of its quotas
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward tenant show acme")]
pub struct Show {
    /// Name of the tenant
    pub name: TenantId,
}

impl Show {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let path = ["api", "v1", "tenants", self.name.as_str()];
        let tenant = context.connection.client()?.get(&path).await?;
        context.output.show(&tenant, || human(&tenant))?;
        Ok(Exit::Done)
    }
}
