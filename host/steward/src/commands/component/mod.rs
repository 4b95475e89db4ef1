//! `steward component …`

mod given;
mod run;
mod serve;

use clap::Subcommand;

use crate::cli::Context;
use crate::failure::Exit;

/// Run any component from a file, without publishing it: for trying things out and for test suites
#[derive(Debug, Subcommand)]
pub enum Component {
    Serve(serve::Serve),
    Run(run::Run),
}

impl Component {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Serve(command) => command.run(context).await,
            Self::Run(command) => command.run(context).await,
        }
    }
}
