//! `steward workflow show`

use clap::Args;
use serde_json::Value;
use steward_registry::Name;

use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, sheet, time};

/// Show a workflow: its versions, its grants, where it can be extended and what extends it, how its runs do
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward workflow show orders
  steward workflow show orders --json | jq .definition")]
pub struct Show {
    /// The workflow
    pub name: Name,
}

impl Show {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let shown = client
            .get(&["api", "v1", "workflows", self.name.as_str()])
            .await?;
        context.output.show(&shown, || {
            let each = |pointer: &str, of: &dyn Fn(&Value) -> String| {
                let all = shown.pointer(pointer).and_then(Value::as_array);
                let all = all.into_iter().flatten().map(of);
                all.collect::<Vec<_>>().join("\n")
            };
            let runs = shown["runs"].as_object().into_iter().flatten();
            let runs = runs.map(|(status, count)| format!("{count} {status}"));
            sheet([
                ("workflow", field(&shown, "/name")),
                ("version", field(&shown, "/version")),
                (
                    "versions",
                    each("/versions", &|v| {
                        format!("{} {}", field(v, "/version"), field(v, "/digest"))
                    }),
                ),
                ("grants", field(&shown, "/grants")),
                ("concurrency", field(&shown, "/concurrency")),
                ("next (UTC)", time(&shown, "/next_at")),
                ("points", each("/points", &|point| field(point, ""))),
                (
                    "extended",
                    each("/extensions", &|e| {
                        format!("{} by {}", field(e, "/point"), field(e, "/function"))
                    }),
                ),
                ("runs", runs.collect::<Vec<_>>().join(", ")),
                (
                    "applied",
                    format!(
                        "{} by {}",
                        time(&shown, "/updated_at"),
                        field(&shown, "/created_by")
                    ),
                ),
            ])
        })?;
        Ok(Exit::Done)
    }
}
