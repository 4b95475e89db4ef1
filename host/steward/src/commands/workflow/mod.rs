//! `steward workflow …`

mod apply;
mod delete;
mod extend;
mod list;
mod show;
mod start;

use clap::Subcommand;

use crate::cli::Context;
use crate::failure::Exit;

/// Chain functions, models and services to workflows, and start runs of them
#[derive(Debug, Subcommand)]
pub enum Workflow {
    Apply(apply::Apply),
    List(list::List),
    Show(show::Show),
    Start(start::Start),
    Extend(extend::Extend),
    Delete(delete::Delete),
}

impl Workflow {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Apply(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Start(command) => command.run(context).await,
            Self::Extend(command) => command.run(context).await,
            Self::Delete(command) => command.run(context).await,
        }
    }
}
