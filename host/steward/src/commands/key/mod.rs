//! `steward key …`

pub mod create;
mod list;
mod local;
mod revoke;
mod rotate;

use clap::Subcommand;

use crate::cli::Context;
use crate::failure::Exit;
pub use local::Local;

/// Create, list, rotate and revoke API keys
#[derive(Debug, Subcommand)]
pub enum Key {
    Create(create::Create),
    List(list::List),
    Rotate(rotate::Rotate),
    Revoke(revoke::Revoke),
}

impl Key {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Create(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Rotate(command) => command.run(context).await,
            Self::Revoke(command) => command.run(context).await,
        }
    }
}
