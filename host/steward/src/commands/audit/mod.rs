//! `steward audit …`

mod list;
mod verify;

use clap::Subcommand;

use crate::cli::Context;
use crate::failure::Exit;

/// Read and check the audit log of the tenant
#[derive(Debug, Subcommand)]
pub enum Audit {
    List(list::List),
    Verify(verify::Verify),
}

impl Audit {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::List(command) => command.run(context).await,
            Self::Verify(command) => command.run(context).await,
        }
    }
}
