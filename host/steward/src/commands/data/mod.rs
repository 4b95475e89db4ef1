//! `steward data …`

mod report;
mod run;
mod table;

use clap::Subcommand;

use crate::cli::Context;
use crate::failure::Exit;

/// Run plugins and models over files on this machine, and protect tables of people
#[derive(Debug, Subcommand)]
pub enum Data {
    Run(Box<run::Run>),
    Protect(table::Protect),
    Risk(table::AssessRisk),
}

impl Data {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Run(command) => command.run(context).await,
            Self::Protect(command) => command.run(context),
            Self::Risk(command) => command.run(context),
        }
    }
}
