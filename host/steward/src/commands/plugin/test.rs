//! `steward plugin test`

use std::path::PathBuf;

use clap::Args;

use crate::cli::Context;
use crate::failure::Exit;
use crate::plugin::cases;
use crate::plugin::toolchain::Purpose;

/// Run a plugin's test cases against its component, in a sandbox like that of the server
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin test
  steward plugin test plugins/text-cleaner
  steward plugin test --component app.wasm

It ends with 1 when a case fails. The plugin's native tests are those of its language: `cargo test`.")]
pub struct Test {
    /// Folder of the plugin; it is built first unless --component names a finished one
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// The component to test
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
}

impl Test {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let component = match self.component {
            Some(component) => component,
            None => super::build::build(&context, &self.dir, Purpose::Release).await?,
        };
        let report = cases::run(&self.dir, &component).await?;
        context.output.show(&report, || report.to_string())?;
        Ok(if report.passed() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }
}
