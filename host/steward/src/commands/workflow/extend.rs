//! `steward workflow extend`

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::Exit;

/// Add steps of partners to a workflow, at a point that it calls
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward workflow extend orders checks --step fraud-check
  steward workflow extend orders checks --step fraud-check --step credit-check
  steward workflow extend orders checks --none

The steps are deployed functions of the world `step`. They run in this order, each on what the one before it gave, wherever \
the workflow has `call: extension:checks`. Steps that are not named again do not extend it any more.")]
pub struct Extend {
    /// The workflow
    pub name: Name,
    /// The extension point
    pub point: String,
    /// A deployed function of the world `step`; may be given many times
    #[arg(
        long,
        value_name = "FUNCTION",
        required_unless_present = "none",
        conflicts_with = "none"
    )]
    pub step: Vec<Name>,
    /// Nothing extends it here any more
    #[arg(long)]
    pub none: bool,
}

impl Extend {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let (name, point) = (self.name.as_str(), self.point.as_str());
        let path = ["api", "v1", "workflows", name, "extensions", point];
        let extended = client.put(&path, &json!({ "steps": self.step })).await?;
        context.output.show(&extended, || {
            let steps: Vec<&str> = self.step.iter().map(Name::as_str).collect();
            match steps.is_empty() {
                true => format!("Nothing extends {name} at {point}."),
                false => format!("{} extend {name} at {point}.", steps.join(", ")),
            }
        })?;
        Ok(Exit::Done)
    }
}
