//! `steward data …`

mod report;
mod run;

use clap::Subcommand;

use crate::cli::Context;
use crate::failure::Exit;

/// Run plugins and models over files on this machine
#[derive(Debug, Subcommand)]
pub enum Data {
    Run(Box<run::Run>),
}

impl Data {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Run(command) => command.run(context).await,
        }
    }
}
