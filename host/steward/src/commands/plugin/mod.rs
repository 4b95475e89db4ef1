//! `steward plugin …`

mod alias;
mod build;
mod check;
mod dev;
mod document;
mod keygen;
mod list;
mod new;
mod publish;
mod pull;
mod push;
mod share;
mod show;
mod sign;
mod source;
mod test;
mod verify;

use clap::Subcommand;

use crate::cli::Context;
use crate::failure::Exit;

/// Write, build, test, sign and publish plugins
#[derive(Debug, Subcommand)]
pub enum Plugin {
    New(new::New),
    Build(build::Build),
    Test(test::Test),
    Dev(dev::Dev),
    Check(check::Check),
    Keygen(keygen::Keygen),
    Sign(sign::Sign),
    Verify(verify::Verify),
    Publish(publish::Publish),
    Push(push::Push),
    Pull(pull::Pull),
    List(list::List),
    Show(show::Show),
    Document(document::Document),
    Alias(alias::Alias),
    Share(share::Share),
    Unshare(share::Unshare),
    Shared(share::Shared),
    Install(share::Install),
}

impl Plugin {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::New(command) => command.run(context).await,
            Self::Build(command) => command.run(context).await,
            Self::Test(command) => command.run(context).await,
            Self::Dev(command) => command.run(context).await,
            Self::Check(command) => command.run(context).await,
            Self::Keygen(command) => command.run(context).await,
            Self::Sign(command) => command.run(context).await,
            Self::Verify(command) => command.run(context).await,
            Self::Publish(command) => command.run(context).await,
            Self::Push(command) => command.run(context).await,
            Self::Pull(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Document(command) => command.run(context).await,
            Self::Alias(command) => command.run(context).await,
            Self::Share(command) => command.run(context).await,
            Self::Unshare(command) => command.run(context).await,
            Self::Shared(command) => command.run(context).await,
            Self::Install(command) => command.run(context).await,
        }
    }
}
