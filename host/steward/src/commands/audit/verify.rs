//! `steward audit verify`

use clap::Args;
use serde_json::json;

use crate::cli::Context;
use crate::commands::key::Local;
use crate::failure::{Exit, Failure};
use crate::output::field;

/// Compute every hash of the audit log again; ends with 1 where the chain breaks, and says where
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward audit verify
  steward audit verify --noted 1200:5f0c…
  steward audit verify --data-dir steward-data --tenant acme

Whoever can write the whole database can write a whole chain. Note number and hash elsewhere from time to \
time: with --noted, that entry must still be there.")]
pub struct Verify {
    /// Number and hash of an entry that was noted before
    #[arg(long, value_name = "NUMBER:HASH", value_parser = noted)]
    pub noted: Option<(u64, String)>,
    #[command(flatten)]
    pub local: Local,
}

fn noted(given: &str) -> Result<(u64, String), String> {
    let parts = given.split_once(':');
    let parts = parts.and_then(|(number, hash)| Some((number.parse().ok()?, hash.to_owned())));
    parts.ok_or_else(|| format!("`{given}` is not NUMBER:HASH"))
}

impl Verify {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let found = match self.local.registry().await? {
            Some(registry) => {
                let noted = self.noted.as_ref().map(|(n, hash)| (*n, hash.as_str()));
                json!(registry.verify_audit(&self.local.tenant()?, noted).await?)
            }
            None => {
                let mut query = Vec::new();
                if let Some((number, hash)) = &self.noted {
                    query.extend([("number", number.to_string()), ("hash", hash.clone())]);
                }
                let path = ["api", "v1", "audit", "verification"];
                context.connection.client()?.query(&path, &query).await?
            }
        };
        if found["broken"].is_object() {
            return Err(Failure::new(
                Exit::Failed,
                format!(
                    "the audit log breaks at entry {}: {}",
                    field(&found, "/broken/number"),
                    field(&found, "/broken/reason")
                ),
            )
            .cause(format!(
                "{} entries before it hold together",
                field(&found, "/entries")
            ))
            .next("compare with a backup: somebody changed the database behind the host's back")
            .into());
        }
        context.output.show(&found, || {
            format!(
                "The audit log is whole: {} entries.\nnote elsewhere: {}:{}",
                field(&found, "/entries"),
                field(&found, "/entries"),
                field(&found, "/head")
            )
        })?;
        Ok(Exit::Done)
    }
}
