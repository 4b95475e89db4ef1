//! `steward run approve`

use clap::Args;
use serde_json::json;

use crate::cli::Context;
use crate::commands::json_of;
use crate::failure::Exit;
use crate::output::field;

/// Approve or refuse what a run waits for
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward run approve 01ARZ3NDEKTSV4RRFFQ69G5FAV
  steward run approve 01ARZ3NDEKTSV4RRFFQ69G5FAV --refuse --comment 'the amount is wrong'

The server signs it for the key that asks, for this run alone: a run that listens for events of the type steward.approval \
takes no others.")]
pub struct Approve {
    /// The run
    pub id: String,
    /// Refuse instead
    #[arg(long)]
    pub refuse: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// What else the workflow is to know: JSON, `@FILE`, or `-` for standard input
    #[arg(long, value_name = "JSON|@FILE|-")]
    pub data: Option<String>,
}

impl Approve {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let mut body = json!({ "approved": !self.refuse });
        if let Some(comment) = self.comment {
            body["comment"] = comment.into();
        }
        if let Some(data) = &self.data {
            body["data"] = json_of(data)?;
        }
        let client = context.connection.client()?;
        let path = ["api", "v1", "runs", self.id.as_str(), "approve"];
        let done = client.post(&path, &body).await?;
        context.output.show(&done, || {
            let word = if self.refuse { "refused" } else { "approved" };
            format!("{} is {word} (event {}).", self.id, field(&done, "/seq"))
        })?;
        Ok(Exit::Done)
    }
}
