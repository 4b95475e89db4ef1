//! `steward workflow start`

use clap::Args;
use steward_registry::Name;

use crate::cli::Context;
use crate::commands::json_of;
use crate::commands::run::{ended, told};
use crate::failure::Exit;

/// Start a run of a workflow
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward workflow start orders --input '{\"order\": 7}'
  steward workflow start orders --input @order.json --wait
  steward workflow start orders --key order-7 --input '{\"order\": 7}'

Once this is answered, the run comes to its end, whatever happens to the server. With --key the same start again is the same \
run. With --wait the exit code says how it ended.")]
pub struct Start {
    /// The workflow
    pub name: Name,
    /// The input: JSON, `@FILE`, or `-` for standard input
    #[arg(long, value_name = "JSON|@FILE|-", default_value = "{}")]
    pub input: String,
    /// What makes the same start the same run
    #[arg(long)]
    pub key: Option<String>,
    /// The version to follow [default: the one that was applied last]
    #[arg(long)]
    pub version: Option<semver::Version>,
    /// Wait for its end, 300 seconds at most
    #[arg(long)]
    pub wait: bool,
}

impl Start {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let input = json_of(&self.input)?;
        let client = context.connection.client()?;
        let mut query = vec![("wait", self.wait.to_string())];
        query.extend(self.version.map(|version| ("version", version.to_string())));
        let path = ["api", "v1", "workflows", self.name.as_str(), "runs"];
        let run = client
            .post_keyed(&path, &query, self.key.as_deref(), &input)
            .await?;
        context.output.show(&run, || told(&run))?;
        Ok(match self.wait {
            true => ended(&run),
            false => Exit::Done,
        })
    }
}
