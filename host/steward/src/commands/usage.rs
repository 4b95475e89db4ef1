//! `steward usage`

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, table, time};

/// Show what the functions and models of the tenant were used, and its quotas
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward usage
  steward usage --by day --since 2026-01-01T00:00:00Z
  steward usage --by month --since 2026-01-01T00:00:00Z --until 2026-04-01T00:00:00Z --json

Calls are written in batches: those of the last seconds may be missing. Days and months are those of UTC.")]
pub struct Usage {
    /// What is added up
    #[arg(long, default_value = "day")]
    pub by: By,
    /// From when on, RFC 3339 [default: a day ago]
    #[arg(long, value_name = "TIME")]
    pub since: Option<jiff::Timestamp>,
    /// Until when, RFC 3339
    #[arg(long, value_name = "TIME")]
    pub until: Option<jiff::Timestamp>,
}

/// What is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Each minute
    Minute,
    /// Each hour
    Hour,
    /// Each day
    Day,
    /// Each month
    Month,
}

impl Usage {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let by = self.by.to_possible_value();
        let mut query = vec![(
            "by",
            by.map_or_else(String::new, |v| v.get_name().to_owned()),
        )];
        query.extend(self.since.map(|at| ("since", at.to_string())));
        query.extend(self.until.map(|at| ("until", at.to_string())));
        let usage = items(
            client.query(&["api", "v1", "usage"], &query).await?,
            "usage",
        );
        let models = items(
            client
                .query(&["api", "v1", "usage", "models"], &query)
                .await?,
            "models",
        );
        let quotas = items(client.get(&["api", "v1", "quotas"]).await?, "quotas");
        let all = json!({"usage": usage, "models": models, "quotas": quotas});
        context.output.show(&all, || {
            let of_functions = table(
                [
                    "FROM", "FUNCTION", "VERSION", "CALLS", "ERRORS", "SECONDS", "TOKENS",
                ],
                usage.iter().map(|u| {
                    let wall = u["wall_us"].as_u64().unwrap_or_default();
                    [
                        from(u),
                        field(u, "/function"),
                        field(u, "/version"),
                        field(u, "/calls"),
                        field(u, "/errors"),
                        format!("{:.3}", wall as f64 / 1e6),
                        field(u, "/inference_tokens"),
                    ]
                }),
            );
            let of_models = table(
                ["FROM", "MODEL", "CALLS", "TOKENS"],
                models.iter().map(|u| {
                    [
                        from(u),
                        field(u, "/model"),
                        field(u, "/calls"),
                        field(u, "/tokens"),
                    ]
                }),
            );
            format!("{of_functions}\n\n{of_models}\n\n{}", quota_table(&quotas))
        })?;
        Ok(Exit::Done)
    }
}

/// When a period begins.
fn from(used: &Value) -> String {
    let from = jiff::Timestamp::from_second(used["minute"].as_i64().unwrap_or_default());
    from.map_or_else(|_| String::new(), |at| at.to_string())
}

/// Quotas and what is used of them.
pub fn quota_table(quotas: &[Value]) -> String {
    table(
        ["QUOTA", "USED", "OF", "BEGINS ANEW"],
        quotas.iter().map(|q| {
            [
                field(q, "/kind"),
                field(q, "/used"),
                field(q, "/limit"),
                time(q, "/resets_at"),
            ]
        }),
    )
}
