//! `steward secret …`

mod delete;
mod list;
mod rotate_key;
mod set;

use clap::Subcommand;

use crate::cli::Context;
use crate::failure::Exit;

/// Set, list and delete secrets, which functions read where they are granted them
#[derive(Debug, Subcommand)]
pub enum Secret {
    Set(set::Set),
    List(list::List),
    Delete(delete::Delete),
    RotateKey(rotate_key::RotateKey),
}

impl Secret {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Set(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Delete(command) => command.run(context).await,
            Self::RotateKey(command) => command.run(context).await,
        }
    }
}
