//! `steward component run`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use steward_functions::{CommandEnd, LogBook, Standalone};
use steward_registry::Limits;

use super::given::{Bench, Given, Shown, read};
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::printable;

/// Run a wasi:cli command from a file, with the input, output and exit code of this process
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward component run tool.wasm
  steward component run --env LANG=C --dir data::/data tool.wasm convert /data/in.csv --quiet
  steward component run --timeout-ms 5000 tool.wasm < input.txt

The component exports `wasi:cli/run` 0.2 or 0.3. Options of this command stand before the arguments of the \
component. The exit code is the component's; 134 means that it was stopped by a trap or a limit.")]
pub struct Run {
    #[command(flatten)]
    pub given: Given,
    /// Time of the whole command [default: none]
    #[arg(long, value_name = "N")]
    pub timeout_ms: Option<u64>,
    /// The component
    pub file: PathBuf,
    /// What the component gets as its arguments, behind its own name
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENT"
    )]
    pub args: Vec<String>,
}

/// What a shell reports of a program that aborted.
const STOPPED: i32 = 134;

impl Run {
    pub async fn run(self, _: Context) -> anyhow::Result<Exit> {
        let component = read(&self.file)?;
        let bench = Bench::start().await?;
        let limits = Limits {
            memory_mib: Some(1024),
            ..Limits::default()
        };
        let given = Standalone {
            timeout: self.timeout_ms.map(Duration::from_millis),
            ..self.given.standalone(&self.file, self.args, limits)
        };
        let book = Arc::new(LogBook::default());
        let shown = Shown::follow(&book);
        let ended = bench.functions.run_command(component, given, &book).await?;
        drop((shown, bench));
        let code = match ended {
            CommandEnd::Exit(code) => code,
            CommandEnd::Stopped(why) => {
                eprintln!("error: {} was stopped", self.file.display());
                eprintln!("  because: {}", printable(&why).replace('\n', "\n  "));
                STOPPED
            }
        };
        // A guest that waits for standard input on a thread of its own does not hold the process back.
        std::process::exit(code);
    }
}
