//! `steward key list`

use clap::Args;
use serde_json::{Value, json};

use super::create::scopes;
use super::local::Local;
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// List the keys of the tenant; never the secret part
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward key list
  steward key list --data-dir steward-data --tenant default")]
pub struct List {
    #[command(flatten)]
    pub local: Local,
}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let keys: Vec<Value> = match self.local.registry().await? {
            Some(registry) => items(json!(registry.keys(&self.local.tenant()?).await?), "keys"),
            None => items(
                context.connection.client()?.get(&self.local.keys()).await?,
                "keys",
            ),
        };
        context.output.show(&keys, || {
            table(
                [
                    "ID",
                    "NAME",
                    "ROLE",
                    "SCOPES",
                    "CREATED",
                    "EXPIRES",
                    "REVOKED",
                    "LAST USED",
                ],
                keys.iter().map(|k| {
                    [
                        field(k, "/id"),
                        field(k, "/name"),
                        field(k, "/role"),
                        scopes(k),
                        time(k, "/created_at"),
                        time(k, "/expires_at"),
                        time(k, "/revoked_at"),
                        time(k, "/last_used_at"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
