//! `steward tenant list`

use clap::Args;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// List the tenants
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward tenant list")]
pub struct List {}

impl List {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let path = ["api", "v1", "tenants"];
        let tenants = items(context.connection.client()?.get(&path).await?, "tenants");
        context.output.show(&tenants, || {
            table(
                ["NAME", "CREATED", "QUOTAS", "ISSUERS"],
                tenants.iter().map(|t| {
                    let quotas = t["settings"]["quotas"].as_object();
                    let issuers = t["settings"]["issuers"].as_array();
                    [
                        field(t, "/name"),
                        time(t, "/created_at"),
                        quotas.map_or(0, serde_json::Map::len).to_string(),
                        issuers.map_or(0, Vec::len).to_string(),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}
