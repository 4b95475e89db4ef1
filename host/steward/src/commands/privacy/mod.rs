//! `steward privacy …`

mod ask;
mod budget;

use clap::Subcommand;

use crate::cli::Context;
use crate::failure::Exit;

/// Ask questions about datasets that are answered with noise, and give the budgets that pay for them
#[derive(Debug, Subcommand)]
pub enum Privacy {
    Ask(ask::Ask),
    Budget(budget::Budget),
    Budgets(budget::Budgets),
    Ledger(budget::Ledger),
}

impl Privacy {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Ask(command) => command.run(context).await,
            Self::Budget(command) => command.run(context).await,
            Self::Budgets(command) => command.run(context).await,
            Self::Ledger(command) => command.run(context).await,
        }
    }
}
