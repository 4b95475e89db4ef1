//! `steward plugin new`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::plugin::template::{self, Template};

/// Start a plugin from a template
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin new my-cleaner --world cleaner
  steward plugin new hide-names --world anonymizer --path plugins/hide-names
  steward plugin new my-rules --world labeller
  steward plugin new hello --world function

Worlds:
  cleaner     cleans batches of texts and finds duplicates; no network, no storage, no models
  anonymizer  finds and treats personal data; no network, no storage, models by grant
  labeller    proposes labels and brings annotations together; no network, no storage, models by grant
  function    answers HTTP (wasi:http 0.2); `function-0.3` starts from wasi:http 0.3")]
pub struct New {
    /// Name of the plugin
    pub name: Name,
    /// What kind of plugin
    #[arg(long, value_name = "WORLD", value_parser = template_of)]
    pub world: Template,
    /// Folder to create [default: the name]
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
}

fn template_of(given: &str) -> Result<Template, String> {
    given.parse().map_err(|e: Failure| e.what)
}

impl New {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let dir = self
            .path
            .unwrap_or_else(|| PathBuf::from(self.name.as_str()));
        let files = template::create(&dir, &self.name, self.world)?;
        context.output.show(&json!({ "dir": dir, "template": self.world.as_str(), "files": files }), || {
            let place = dir.display();
            format!(
                "Created {place} from the template {}.\nnext: steward plugin build {place} && steward plugin test {place}",
                self.world.as_str()
            )
        })?;
        Ok(Exit::Done)
    }
}
