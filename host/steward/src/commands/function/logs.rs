//! `steward function logs`

use std::collections::VecDeque;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use steward_registry::Name;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, printable, time};

/// How often a followed log is looked at.
const PACE: Duration = Duration::from_millis(500);
/// Lines of one request.
const PAGE: usize = 500;

/// Show what a function has logged
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward function logs text-cleaner
  steward function logs text-cleaner --tail 500
  steward function logs text-cleaner -f
  steward function logs text-cleaner --invocation 01ARZ3NDEKTSV4RRFFQ69G5FAV

The host keeps the last lines of each function in memory. With --json, each line is a JSON value of its own.")]
pub struct Logs {
    /// The function
    pub name: Name,
    /// Go on showing lines as they come, until interrupted
    #[arg(long, short)]
    pub follow: bool,
    /// Begin with the last lines, at most this many
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub tail: usize,
    /// Show the lines of one call: the id of the header `steward-invocation-id`, of a problem, or of
    /// `steward function invocations`
    #[arg(long, value_name = "ID")]
    pub invocation: Option<String>,
}

impl Logs {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "functions", self.name.as_str(), "logs"];
        let mut since = 0;
        let mut waiting = VecDeque::new();
        let mut first = true;
        loop {
            let mut query = vec![("since", since.to_string()), ("limit", PAGE.to_string())];
            query.extend(self.invocation.clone().map(|id| ("invocation", id)));
            let page = items(client.query(&path, &query).await?, "lines");
            let full = page.len() >= PAGE;
            since = page
                .iter()
                .filter_map(|line| line["seq"].as_u64())
                .max()
                .map_or(since, |last| last + 1);
            waiting.extend(page);
            // What was there before counts from its end; what comes while following is shown whole.
            while first && waiting.len() > self.tail {
                waiting.pop_front();
            }
            if full {
                continue;
            }
            if first && waiting.is_empty() && !self.follow {
                context
                    .output
                    .note(&nothing(self.name.as_str(), self.invocation.as_deref()));
            }
            first = false;
            for line in waiting.drain(..) {
                context.output.show(&line, || text(&line))?;
            }
            if !self.follow {
                return Ok(Exit::Done);
            }
            tokio::time::sleep(PACE).await;
        }
    }
}

/// What is said where there is no line.
fn nothing(name: &str, invocation: Option<&str>) -> String {
    match invocation {
        Some(id) => format!("The call {id} of {name} has logged nothing that is still kept."),
        None => format!(
            "{name} has logged nothing since the host started.\nnext: steward function invocations {name} shows its calls"
        ),
    }
}

/// A line for people.
pub fn text(line: &Value) -> String {
    let fields = line["fields"].as_object();
    let fields: String = fields
        .into_iter()
        .flatten()
        .map(|(key, value)| format!(" {key}={}", value.as_str().unwrap_or_default()))
        .collect();
    printable(&format!(
        "{} {:5} {}{fields}",
        time(line, "/time"),
        field(line, "/level"),
        field(line, "/message")
    ))
    .replace('\n', "\n    ")
}
