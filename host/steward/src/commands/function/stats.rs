//! `steward function stats`

use clap::Args;
use serde_json::Value;
use steward_registry::Name;

use super::invocations::millis;
use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, size, table};

/// Show what the calls of a function came to, by version, since the host started
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward function stats text-cleaner
  steward function stats text-cleaner --json

WALL and CPU are what half, 95 % and 99 % of the calls did not pass. CPU is what a call computed, waits not \
included; `GET /api/v1/usage` has the sums by the minute, as the basis of bills.")]
pub struct Stats {
    /// The function
    pub name: Name,
}

impl Stats {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let path = ["api", "v1", "functions", self.name.as_str(), "stats"];
        let versions = items(client.get(&path).await?, "versions");
        context.output.show(&versions, || {
            table(
                [
                    "VERSION",
                    "CALLS",
                    "ERRORS",
                    "WALL",
                    "CPU",
                    "CPU IN ALL",
                    "MEMORY",
                    "HOST CALLS",
                    "TEXTS",
                    "TOKENS",
                    "IN",
                    "OUT",
                    "PROBLEMS",
                ],
                versions.iter().map(|version| {
                    let bytes = |name: &str| size(version[name].as_u64().unwrap_or_default());
                    [
                        field(version, "/version"),
                        field(version, "/calls"),
                        field(version, "/errors"),
                        quantiles(&version["wall_us"]),
                        quantiles(&version["cpu_us"]),
                        millis(&version["cpu_total_us"]),
                        bytes("memory_bytes"),
                        field(version, "/host_calls"),
                        field(version, "/inference_texts"),
                        field(version, "/inference_tokens"),
                        bytes("bytes_in"),
                        bytes("bytes_out"),
                        problems(&version["problems"]),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// `1.2 / 3.4 / 5.6 ms`
fn quantiles(micros: &Value) -> String {
    let shown: Vec<String> = micros
        .as_array()
        .into_iter()
        .flatten()
        .map(|micros| format!("{:.1}", micros.as_f64().unwrap_or_default() / 1e3))
        .collect();
    format!("{} ms", shown.join(" / "))
}

/// `guest-crashed 3, deadline-exceeded 1`
fn problems(counts: &Value) -> String {
    let shown: Vec<String> = counts
        .as_object()
        .into_iter()
        .flatten()
        .map(|(code, count)| format!("{code} {count}"))
        .collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quantiles_and_problems_are_lists() {
        assert_eq!(quantiles(&json!([1200, 3400, 5600])), "1.2 / 3.4 / 5.6 ms");
        assert_eq!(problems(&json!({"a": 3, "b": 1})), "a 3, b 1");
        assert_eq!(problems(&json!({})), "");
    }
}
