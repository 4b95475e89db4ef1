//! `steward audit list`

use clap::Args;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, printable, table, time};

/// List who changed what, and who was refused, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward audit list
  steward audit list --limit 1000 --before 5000 --json")]
pub struct List {
    /// How many entries, at most 1000
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// Entries before this number
    #[arg(long, value_name = "NUMBER")]
    pub before: Option<u64>,
}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let mut query = vec![("limit", self.limit.to_string())];
        query.extend(self.before.map(|before| ("before", before.to_string())));
        let client = context.connection.client()?;
        let answer = client.query(&["api", "v1", "audit"], &query).await?;
        let entries = items(answer, "entries");
        context.output.show(&entries, || {
            table(
                ["NUMBER", "AT", "PRINCIPAL", "ACTION", "TARGET", "OUTCOME"],
                entries.iter().map(|e| {
                    [
                        field(e, "/number"),
                        time(e, "/at"),
                        printable(&field(e, "/principal")),
                        printable(&field(e, "/action")),
                        printable(&field(e, "/target")),
                        field(e, "/outcome"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
