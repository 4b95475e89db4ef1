//! `steward model …`

mod alias;
mod apply;
mod change;
mod deploy;
mod evaluate;
mod list;
mod memory;
mod prune;
mod push;
mod quantize;
pub mod rows;
mod show;
mod status;
pub mod train;

use clap::Subcommand;

use crate::cli::Context;
use crate::failure::Exit;

/// Register models, deploy them and look at them
#[derive(Debug, Subcommand)]
pub enum Model {
    Push(push::Push),
    Apply(apply::Apply),
    Quantize(quantize::Quantize),
    Prune(prune::Prune),
    Train(Box<train::Train>),
    Evaluate(evaluate::Evaluate),
    Deploy(deploy::Deploy),
    Status(status::Status),
    Promote(change::Promote),
    Rollback(change::Rollback),
    List(list::List),
    Show(show::Show),
    Alias(alias::Alias),
    Load(memory::Load),
    Unload(memory::Unload),
}

impl Model {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Push(command) => command.run(context).await,
            Self::Apply(command) => command.run(context).await,
            Self::Quantize(command) => command.run(context).await,
            Self::Prune(command) => command.run(context).await,
            Self::Train(command) => command.run(context).await,
            Self::Evaluate(command) => command.run(context).await,
            Self::Deploy(command) => command.run(context).await,
            Self::Status(command) => command.run(context).await,
            Self::Promote(command) => command.run(context).await,
            Self::Rollback(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Alias(command) => command.run(context).await,
            Self::Load(command) => command.run(context).await,
            Self::Unload(command) => command.run(context).await,
        }
    }
}
