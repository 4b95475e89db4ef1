//! `steward key …`

pub mod create;
mod list;
mod local;
mod revoke;

use clap::Subcommand;

use crate::cli::Context;
use crate::failure::Exit;

/// Create, list and revoke API keys
#[derive(Debug, Subcommand)]
pub enum Key {
    Create(create::Create),
    List(list::List),
    Revoke(revoke::Revoke),
}

impl Key {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Create(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Revoke(command) => command.run(context).await,
        }
    }
}
