//! Keys without a server: the commands work on the registry itself.

use std::path::PathBuf;

use clap::Args;
use steward_registry::{Registry, TenantId};

use crate::config::{StoreArgs, store};
use crate::host;

/// Where the registry is, when the server is not to be asked.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Without a server")]
pub struct Local {
    /// Work on the registry of this data folder instead of asking the server
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Work on the registry in this database instead of asking the server
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// Work on the registry that the variables and the configuration file of this machine name
    #[arg(long)]
    pub local: bool,
    /// Tenant, when the server is not asked; a key belongs to one
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub tenant: TenantId,
}

impl Local {
    /// The registry; none when the server is to be asked. What an option leaves open is settled as
    /// `steward serve` settles it, so that both mean the same registry.
    pub async fn registry(&self) -> anyhow::Result<Option<Registry>> {
        if self.data_dir.is_none() && self.database_url.is_none() && !self.local {
            return Ok(None);
        }
        let mut args = StoreArgs::from_environment()?;
        args.data_dir = self.data_dir.clone().or(args.data_dir);
        args.database_url = self.database_url.clone().or(args.database_url);
        Ok(Some(host::open(&store(&args)?).await?))
    }
}
