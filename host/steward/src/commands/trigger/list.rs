//! `steward trigger list`

use clap::Args;

use super::{points_at, waits_for};
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// List the triggers of the tenant and how they do
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward trigger list
  steward trigger list --json | jq -r '.[] | select(.dead > 0) | .name'")]
pub struct List {}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let triggers = items(client.get(&["api", "v1", "triggers"]).await?, "triggers");
        context.output.show(&triggers, || {
            table(
                [
                    "NAME",
                    "KIND",
                    "RUNS",
                    "ON",
                    "DELIVERED",
                    "WAITING",
                    "DEAD",
                    "NEXT",
                ],
                triggers.iter().map(|t| {
                    let on = waits_for(t);
                    [
                        field(t, "/name"),
                        field(t, "/kind"),
                        points_at(t),
                        if t["spec"]["enabled"] == false {
                            format!("(off) {on}")
                        } else {
                            on
                        },
                        field(t, "/delivered"),
                        field(t, "/waiting"),
                        field(t, "/dead"),
                        time(t, "/next_at"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
