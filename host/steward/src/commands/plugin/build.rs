//! `steward plugin build`

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::size;
use crate::plugin::parts;
use crate::plugin::toolchain::{self, Purpose};

/// Build a plugin into a WebAssembly component
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin build
  steward plugin build plugins/text-cleaner
  steward plugin build --sbom

The language is that of src/plugin.js, .ts, .py or .c, and Rust where there is a Cargo.toml. Its own tools build it; one \
that is missing is named with the line that installs it. Typed worlds are built so that their component imports nothing but \
Steward. A component of another language or build needs no build here: give it to `check` and `publish` with --component.")]
pub struct Build {
    /// Folder of the plugin
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Write a bill of materials beside the component as well: target/NAME.cdx.json, in CycloneDX
    #[arg(long)]
    pub sbom: bool,
}

impl Build {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let component = build(&context, &self.dir, Purpose::Release).await?;
        let bytes = std::fs::metadata(&component)?.len();
        let mut answer = json!({ "component": component, "size": bytes });
        if self.sbom {
            let dir = self.dir.clone();
            let sbom = tokio::task::spawn_blocking(move || parts::write(&dir)).await??;
            answer["sbom"] = json!(sbom);
        }
        context.output.show(&answer, || {
            let built = format!("Built {} ({}).", component.display(), size(bytes));
            match answer["sbom"].as_str() {
                Some(sbom) => format!("{built}\nWhat it is made of is in {sbom}."),
                None => built,
            }
        })?;
        Ok(Exit::Done)
    }
}

/// Builds the plugin in a folder; the path of the component.
pub async fn build(context: &Context, dir: &Path, purpose: Purpose) -> anyhow::Result<PathBuf> {
    let output = context.output;
    let dir = dir.to_owned();
    // The compiler shows its own progress, where somebody is looking.
    let show = !output.is_json() && std::io::stderr().is_terminal();
    tokio::task::spawn_blocking(move || {
        let say = |line: &str| output.note(line);
        toolchain::build(&dir, purpose, show.then_some(&say as &dyn Fn(&str)))
    })
    .await?
}
