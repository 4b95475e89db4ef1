//! `steward data …`

pub mod duplicates;
mod link;
mod report;
mod run;
mod table;

use clap::Subcommand;

use crate::cli::Context;
use crate::failure::Exit;

/// Run plugins and models over files on this machine, protect tables of people, and link them
#[derive(Debug, Subcommand)]
pub enum Data {
    Run(Box<run::Run>),
    Protect(table::Protect),
    Risk(table::AssessRisk),
    Link(link::Link),
}

impl Data {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Run(command) => command.run(context).await,
            Self::Protect(command) => command.run(context),
            Self::Risk(command) => command.run(context),
            Self::Link(command) => command.run(context),
        }
    }
}
