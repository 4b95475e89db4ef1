//! `steward function invocations`

use clap::Args;
use serde_json::Value;
use steward_registry::Name;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, printable, size, table, time};

/// List the latest calls of a function: how each ended and what it used
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward function invocations text-cleaner
  steward function invocations text-cleaner --outcome failed
  steward function invocations text-cleaner --trace 0af7651916cd43dd8448eb211c80319c
  steward function invocations text-cleaner --outcome cpu-time-exceeded --limit 10
  steward function invocations text-cleaner --json

The versions of the models that answered stand behind each call; `--json` has the id of its trace too. The id is that of the header `steward-invocation-id` of the answer; `steward function logs NAME --invocation ID` \
shows what the call wrote. The host keeps the last thousand calls of each function in memory.")]
pub struct Invocations {
    /// The function
    pub name: Name,
    /// Which calls: `ok`, `failed`, or the code of a problem [default: all]
    #[arg(long, value_name = "OUTCOME")]
    pub outcome: Option<String>,
    /// Only those of this trace, as `steward run show` names it
    #[arg(long, value_name = "TRACE")]
    pub trace: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
}

impl Invocations {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "functions", self.name.as_str(), "invocations"];
        let mut query = vec![("limit", self.limit.to_string())];
        query.extend(self.outcome.map(|outcome| ("outcome", outcome)));
        query.extend(self.trace.map(|trace| ("trace", trace)));
        let calls = items(client.query(&path, &query).await?, "invocations");
        context.output.show(&calls, || {
            table(
                [
                    "ID",
                    "STARTED",
                    "VERSION",
                    "OUTCOME",
                    "WALL",
                    "CPU",
                    "QUEUED",
                    "MEMORY",
                    "HOST CALLS",
                    "TEXTS",
                    "TOKENS",
                    "IN",
                    "OUT",
                    "MODELS",
                ],
                calls.iter().map(|call| {
                    let bytes = |name: &str| size(call[name].as_u64().unwrap_or_default());
                    [
                        field(call, "/id"),
                        time(call, "/started_at"),
                        field(call, "/version"),
                        outcome(call),
                        millis(&call["wall_us"]),
                        millis(&call["cpu_us"]),
                        millis(&call["queued_us"]),
                        bytes("memory_bytes"),
                        field(call, "/host_calls"),
                        field(call, "/inference_texts"),
                        field(call, "/inference_tokens"),
                        bytes("bytes_in"),
                        bytes("bytes_out"),
                        models(call),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

fn outcome(call: &Value) -> String {
    let problem = call["problem"].as_str();
    match (problem, call["status"].as_u64()) {
        (Some(problem), _) => problem.to_owned(),
        (None, Some(status)) => status.to_string(),
        (None, None) => "ok".to_owned(),
    }
}

/// The versions of models that answered it.
fn models(call: &Value) -> String {
    let models = call["models"].as_array().into_iter().flatten();
    let models: Vec<&str> = models.filter_map(Value::as_str).collect();
    printable(&models.join(" "))
}

/// Microseconds as milliseconds: `12.3 ms`.
pub(super) fn millis(micros: &Value) -> String {
    format!("{:.1} ms", micros.as_f64().unwrap_or_default() / 1e3)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_outcome_is_a_problem_else_a_status() {
        assert_eq!(outcome(&json!({"problem": null, "status": null})), "ok");
        assert_eq!(outcome(&json!({"problem": null, "status": 404})), "404");
        assert_eq!(
            outcome(&json!({"problem": "guest-crashed", "status": 200})),
            "guest-crashed"
        );
        assert_eq!(millis(&json!(12_345)), "12.3 ms");
    }
}
