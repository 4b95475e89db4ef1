//! `steward run journal`

use clap::Args;
use serde_json::Value;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// How much is asked for at a time.
const PAGE: usize = 1000;

/// Read what happened in a run: what began, what came of it, what it waited for
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward run journal 01ARZ3NDEKTSV4RRFFQ69G5FAV
  steward run journal 01ARZ3NDEKTSV4RRFFQ69G5FAV --json | jq -c '.[].entry'")]
pub struct Journal {
    /// The run
    pub id: String,
}

impl Journal {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let mut entries: Vec<Value> = Vec::new();
        loop {
            let after = entries.last().map_or(0, |e| e["seq"].as_u64().unwrap_or(0));
            let query = [("after", after.to_string()), ("limit", PAGE.to_string())];
            let path = ["api", "v1", "runs", self.id.as_str(), "journal"];
            let page = items(client.query(&path, &query).await?, "entries");
            let last = page.len() < PAGE;
            entries.extend(page);
            if last {
                break;
            }
        }
        context.output.show(&entries, || {
            table(
                ["SEQ", "AT", "ENTRY"],
                entries.iter().map(|e| {
                    let entry: String = field(e, "/entry").chars().take(400).collect();
                    [field(e, "/seq"), time(e, "/at"), entry]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
