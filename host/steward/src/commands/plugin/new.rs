//! `steward plugin new`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::plugin::language::Language;
use crate::plugin::template::{self, Template};

/// Start a plugin from a template
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin new my-cleaner --world cleaner
  steward plugin new hide-names --world anonymizer --path plugins/hide-names
  steward plugin new my-rules --world labeller
  steward plugin new my-step --world step
  steward plugin new hello --world function
  steward plugin new hello --world function --language python

Worlds:
  cleaner     cleans batches of texts and finds duplicates; no network, no storage, no models
  anonymizer  finds and treats personal data; no network, no storage, models by grant
  labeller    proposes labels and brings annotations together; no network, no storage, models by grant
  function    answers HTTP (wasi:http 0.2); `function-0.3` starts from wasi:http 0.3
  step        one step of a workflow, a typed payload in and a typed answer out; reaches what is granted

Languages: rust has a template for each world; javascript, typescript, python and c for cleaner and function.")]
pub struct New {
    /// Name of the plugin
    pub name: Name,
    /// What kind of plugin
    #[arg(long, value_name = "WORLD", value_parser = template_of)]
    pub world: Template,
    /// The language it is written in: rust, javascript, typescript, python or c
    #[arg(long, value_name = "LANGUAGE", default_value = "rust", value_parser = language_of)]
    pub language: Language,
    /// Folder to create [default: the name]
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,
}

fn template_of(given: &str) -> Result<Template, String> {
    given.parse().map_err(|e: Failure| e.what)
}

fn language_of(given: &str) -> Result<Language, String> {
    given.parse().map_err(|e: Failure| e.what)
}

impl New {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let dir = self
            .path
            .unwrap_or_else(|| PathBuf::from(self.name.as_str()));
        let files = template::create(&dir, &self.name, self.world, self.language)?;
        context.output.show(&json!({ "dir": dir, "template": self.world.as_str(), "language": self.language.as_str(), "files": files }), || {
            let place = dir.display();
            format!(
                "Created {place} from the template {} in {}.\nnext: steward plugin build {place} && steward plugin test {place}",
                self.world.as_str(),
                self.language
            )
        })?;
        Ok(Exit::Done)
    }
}
