//! `steward trigger show`

use clap::Args;
use steward_registry::Name;

use super::{points_at, waits_for};
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, sheet, time};

/// Show a trigger: what it waits for, what it delivered, what waits and how long
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward trigger show orders-paid
  steward trigger show orders-paid --json | jq .lag_ms")]
pub struct Show {
    /// The trigger
    pub name: Name,
}

impl Show {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let trigger = client
            .get(&["api", "v1", "triggers", self.name.as_str()])
            .await?;
        context.output.show(&trigger, || {
            let delivery = |name: &str| field(&trigger, &format!("/spec/delivery/{name}"));
            let tenant = field(&trigger, "/tenant");
            let hook = match trigger["kind"].as_str() {
                Some("webhook") => format!("{}/hooks/{tenant}/{}", client.url(), self.name),
                _ => String::new(),
            };
            sheet([
                ("trigger", field(&trigger, "/name")),
                ("on", waits_for(&trigger)),
                ("address", hook),
                ("runs", points_at(&trigger)),
                ("path", field(&trigger, "/spec/path")),
                ("enabled", field(&trigger, "/spec/enabled")),
                ("next (UTC)", time(&trigger, "/next_at")),
                ("ordered", delivery("ordered")),
                ("concurrency", delivery("concurrency")),
                ("attempts", delivery("attempts")),
                ("delivered", field(&trigger, "/delivered")),
                ("tries", field(&trigger, "/attempts")),
                ("given up", field(&trigger, "/died")),
                ("waiting", field(&trigger, "/waiting")),
                ("lag ms", field(&trigger, "/lag_ms")),
                ("dead letters", field(&trigger, "/dead")),
                (
                    "written",
                    format!(
                        "{} by {}",
                        time(&trigger, "/updated_at"),
                        field(&trigger, "/created_by")
                    ),
                ),
            ])
        })?;
        Ok(Exit::Done)
    }
}
