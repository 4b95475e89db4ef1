//! `steward trigger enable` and `steward trigger disable`

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use super::told;
use crate::cli::Context;
use crate::failure::Exit;

/// Switch a trigger on again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward trigger enable nightly

What waited when it was switched off is delivered now; events that came since then are not.")]
pub struct Enable {
    /// The trigger
    pub name: Name,
}

/// Switch a trigger off; it stays, with what waits for it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward trigger disable nightly

Events that come while it is off are not delivered later. A route that is off answers nobody.")]
pub struct Disable {
    /// The trigger
    pub name: Name,
}

impl Enable {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        switch(context, &self.name, true).await
    }
}

impl Disable {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        switch(context, &self.name, false).await
    }
}

async fn switch(context: Context, name: &Name, on: bool) -> anyhow::Result<Exit> {
    let client = context.connection.client()?;
    let path = ["api", "v1", "triggers", name.as_str()];
    let mut spec = client.get(&path).await?["spec"].take();
    spec["enabled"] = json!(on);
    let trigger = client.put(&path, &spec).await?;
    context.output.show(&trigger, || match on {
        true => told(&trigger),
        false => format!("{name} is off."),
    })?;
    Ok(Exit::Done)
}
