//! `steward trigger dead`

use clap::Args;
use steward_registry::Name;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// List the dead letters of a trigger: events that could not be delivered, and why
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward trigger dead orders-paid
  steward trigger dead orders-paid --json | jq '.[0].event.data'

`steward trigger redrive` brings them back.")]
pub struct Dead {
    /// The trigger
    pub name: Name,
    /// Behind this number of the log
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub after: u64,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
}

impl Dead {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "triggers", self.name.as_str(), "dead"];
        let query = [
            ("after", self.after.to_string()),
            ("limit", self.limit.to_string()),
        ];
        let letters = items(client.query(&path, &query).await?, "letters");
        context.output.show(&letters, || {
            table(
                [
                    "NUMBER",
                    "TYPE",
                    "SUBJECT",
                    "TRIES",
                    "GIVEN UP",
                    "LAST ERROR",
                ],
                letters.iter().map(|letter| {
                    [
                        field(letter, "/seq"),
                        field(letter, "/event/type"),
                        field(letter, "/event/subject"),
                        field(letter, "/attempts"),
                        time(letter, "/died_at"),
                        field(letter, "/error"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
