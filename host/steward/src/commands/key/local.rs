//! Keys without a server: the commands work on the registry itself.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use steward_registry::{AuditDraft, InvalidId, Registry, TenantId, Trail, audited};

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
    /// Tenant [default: `default` without a server, else that of your key; another needs the role `platform`]
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<TenantId>,
}

/// Who is written down for what is done without a server.
const LOCAL: &str = "local";

/// Does the work on the registry itself; its change carries an entry of the audit log.
pub async fn recorded<F: Future>(
    command: &str,
    target: &str,
    tenant: &TenantId,
    work: F,
) -> F::Output {
    let trail = Arc::new(Trail::default());
    trail.begin(AuditDraft {
        tenants: vec![tenant.clone()],
        principal: LOCAL.into(),
        action: format!("steward {command}"),
        target: target.to_owned(),
    });
    audited(trail, work).await
}

impl Local {
    /// The tenant, when the server is not asked.
    pub fn tenant(&self) -> Result<TenantId, InvalidId> {
        self.tenant.clone().map_or_else(|| "default".parse(), Ok)
    }

    /// Where the server has the keys.
    pub fn keys(&self) -> Vec<&str> {
        match &self.tenant {
            None => vec!["api", "v1", "keys"],
            Some(tenant) => vec!["api", "v1", "tenants", tenant.as_str(), "keys"],
        }
    }

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
