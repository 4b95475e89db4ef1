//! `steward event list`

use clap::Args;

use super::{Filter, data};
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// List events of the log, the newest ones in the order in which they came
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward event list
  steward event list --type 'com.example.*' --subject order/7 --limit 20
  steward event list --since 2026-01-01T00:00:00Z --json | jq '.[].data'")]
pub struct List {
    #[command(flatten)]
    pub filter: Filter,
    /// Of this time or later, as RFC 3339 has it
    #[arg(long)]
    pub since: Option<jiff::Timestamp>,
    /// Before this time
    #[arg(long)]
    pub until: Option<jiff::Timestamp>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let mut query = self.filter.query();
        query.push(("newest", "true".into()));
        query.push(("limit", self.limit.to_string()));
        query.extend(self.since.map(|time| ("since", time.to_string())));
        query.extend(self.until.map(|time| ("until", time.to_string())));
        let client = context.connection.client()?;
        let mut events = items(
            client.query(&["api", "v1", "events"], &query).await?,
            "events",
        );
        events.reverse();
        context.output.show(&events, || {
            table(
                ["NUMBER", "TIME", "TYPE", "SOURCE", "SUBJECT", "DATA"],
                events.iter().map(|event| {
                    [
                        field(event, "/stewardseq"),
                        time(event, "/time"),
                        field(event, "/type"),
                        field(event, "/source"),
                        field(event, "/subject"),
                        data(event),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
