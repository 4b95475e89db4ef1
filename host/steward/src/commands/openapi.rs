//! `steward openapi`

use clap::Args;

use crate::cli::Context;
use crate::failure::Exit;

/// Print the OpenAPI 3.1 description of the HTTP API
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward openapi > steward.json

A running server answers the same at /openapi.json.")]
pub struct Openapi {}

impl Openapi {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let document = steward_gateway::openapi();
        let text = serde_json::to_string_pretty(&document)?;
        // JSON for people and machines alike.
        context.output.show(&document, || text)?;
        Ok(Exit::Done)
    }
}
