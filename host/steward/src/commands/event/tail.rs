//! `steward event tail`

use std::time::Duration;

use clap::Args;

use super::{Filter, line};
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;

/// How often the log is looked at.
const PACE: Duration = Duration::from_millis(500);

/// Show events as they come, until interrupted
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward event tail
  steward event tail --type 'com.example.*'
  steward event tail --after 0 --json

With --json, each event is a JSON value of its own.")]
pub struct Tail {
    #[command(flatten)]
    pub filter: Filter,
    /// Begin behind this number of the log [default: its end]
    #[arg(long, value_name = "NUMBER")]
    pub after: Option<u64>,
}

impl Tail {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "events"];
        let mut after = match self.after {
            Some(after) => after,
            None => {
                let last = [("newest", "true".to_owned()), ("limit", "1".to_owned())];
                client.query(&path, &last).await?["next"]
                    .as_u64()
                    .unwrap_or(0)
            }
        };
        loop {
            let mut query = self.filter.query();
            query.push(("after", after.to_string()));
            let page = client.query(&path, &query).await?;
            after = page["next"].as_u64().unwrap_or(after);
            let events = items(page, "events");
            for event in &events {
                context.output.show(event, || line(event))?;
            }
            if events.is_empty() {
                tokio::time::sleep(PACE).await;
            }
        }
    }
}
