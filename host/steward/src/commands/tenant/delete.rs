//! `steward tenant delete`

use clap::Args;
use serde_json::json;
use steward_registry::TenantId;

use crate::cli::Context;
use crate::failure::{Exit, Failure};

/// Delete a tenant: its keys are revoked and its functions gone, for good
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward tenant delete acme --yes

What it stored and its audit log stay in the registry, and nobody can take its name again. What other \
tenants installed of it they keep.")]
pub struct Delete {
    /// Name of the tenant
    pub name: TenantId,
    /// Really
    #[arg(long)]
    pub yes: bool,
}

impl Delete {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        if !self.yes {
            return Err(Failure::new(
                Exit::Usage,
                format!("deleting the tenant `{}` cannot be undone", self.name),
            )
            .next("say --yes if that is meant")
            .into());
        }
        let path = ["api", "v1", "tenants", self.name.as_str()];
        context.connection.client()?.delete(&path).await?;
        context.output.show(&json!({"deleted": self.name}), || {
            format!("Deleted the tenant {}.", self.name)
        })?;
        Ok(Exit::Done)
    }
}
