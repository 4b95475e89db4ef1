//! `steward trigger redrive`

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::field;

/// Bring dead letters back: each is tried again, from the first try on
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward trigger redrive orders-paid
  steward trigger redrive orders-paid 17 21")]
pub struct Redrive {
    /// The trigger
    pub name: Name,
    /// Numbers of the events [default: all dead letters]
    #[arg(value_name = "NUMBER")]
    pub seqs: Vec<u64>,
}

impl Redrive {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let body = match self.seqs.is_empty() {
            true => json!({}),
            false => json!({ "seqs": self.seqs }),
        };
        let path = ["api", "v1", "triggers", self.name.as_str(), "redrive"];
        let done = client.post(&path, &body).await?;
        context.output.show(&done, || {
            format!("{} are tried again.", field(&done, "/redriven"))
        })?;
        Ok(Exit::Done)
    }
}
