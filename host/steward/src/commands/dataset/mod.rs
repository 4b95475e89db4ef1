//! `steward dataset …`

mod diff;
mod files;
mod impact;
mod list;
mod run;
pub mod runs;

use clap::Subcommand;

use crate::cli::Context;
use crate::failure::Exit;

/// Keep datasets on the server, as snapshots with their lineage, and run steps over them
#[derive(Debug, Subcommand)]
pub enum Dataset {
    Push(files::Push),
    Pull(files::Pull),
    Diff(diff::Diff),
    List(list::List),
    Show(list::Show),
    Run(run::Run),
    Impact(impact::Impact),
    Runs(runs::Runs),
    Status(runs::Status),
    Cancel(runs::Cancel),
}

impl Dataset {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Push(command) => command.run(context).await,
            Self::Pull(command) => command.run(context).await,
            Self::Diff(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Run(command) => command.run(context).await,
            Self::Impact(command) => command.run(context).await,
            Self::Runs(command) => command.run(context).await,
            Self::Status(command) => command.run(context).await,
            Self::Cancel(command) => command.run(context).await,
        }
    }
}
