//! `steward run replay`

use clap::Args;
use serde_json::json;

use super::told;
use crate::cli::Context;
use crate::failure::Exit;

/// Run a run again from one of its steps: a new run, which shares what happened before
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward run replay 01ARZ3NDEKTSV4RRFFQ69G5FAV
  steward run replay 01ARZ3NDEKTSV4RRFFQ69G5FAV --from /do/1/charge

Without --from, everything runs again with the same input.")]
pub struct Replay {
    /// The run
    pub id: String,
    /// The step that runs anew, with all behind it, as the journal names it
    #[arg(long, value_name = "STEP")]
    pub from: Option<String>,
}

impl Replay {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let body = match self.from {
            Some(from) => json!({ "from": from }),
            None => json!({}),
        };
        let path = ["api", "v1", "runs", self.id.as_str(), "replay"];
        let run = client.post(&path, &body).await?;
        context.output.show(&run, || told(&run))?;
        Ok(Exit::Done)
    }
}
