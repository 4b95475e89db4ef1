//! `steward trust policy`

use clap::Args;
use serde_json::json;
use steward_registry::PluginPolicy;

use super::unvouched;
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::field;

/// Show or set which plugins the tenant accepts
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward trust policy
  steward trust policy signed

Policies:
  any     every plugin that passes the checks
  signed  only those that a trusted key has signed

It is asked when a version is published and when a function is deployed or rolled back. What runs goes on, and is \
named in the answer where no trusted key has signed it.")]
pub struct Policy {
    /// The policy from now on
    #[arg(value_parser = policy)]
    pub plugins: Option<PluginPolicy>,
}

fn policy(given: &str) -> Result<PluginPolicy, String> {
    given.parse()
}

impl Policy {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "plugin-policy"];
        let answer = match self.plugins {
            None => client.get(&path).await?,
            Some(plugins) => client.put(&path, &json!({ "plugins": plugins })).await?,
        };
        context.output.show(&answer, || {
            let what = match field(&answer, "/plugins").as_str() {
                "signed" => "Only plugins that a trusted key has signed are accepted.",
                _ => "Every plugin that passes the checks is accepted.",
            };
            what.to_owned() + &unvouched(&answer)
        })?;
        Ok(Exit::Done)
    }
}
