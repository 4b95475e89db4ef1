//! `steward model show`

use clap::Args;
use serde_json::Value;

use super::list::total;
use crate::cli::Context;
use crate::commands::items;
use crate::failure::{Exit, Failure};
use crate::output::{field, sheet, size, table, time};
use crate::reference::Reference;

/// Show the versions and aliases of a model, or one version
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model show minilm
  steward model show minilm@1.0.0
  steward model show minilm@stable --json")]
pub struct Show {
    /// `name`, `name@version` or `name@alias`
    #[arg(value_name = "MODEL")]
    pub model: Reference,
}

impl Show {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let name = self.model.name.as_str();
        match &self.model.selector {
            Some(selector) => {
                let model = client.get(&["api", "v1", "models", name]).await?;
                let version = select(&model, &selector.to_string()).ok_or_else(|| {
                    Failure::new(
                        Exit::NotFound,
                        format!("the model `{name}` has no version or alias `{selector}`"),
                    )
                    .next(format!("`steward model show {name}` lists them"))
                })?;
                context.output.show(&version, || one(&version))?;
            }
            None => {
                let model = client.get(&["api", "v1", "models", name]).await?;
                context.output.show(&model, || all(&model))?;
            }
        }
        Ok(Exit::Done)
    }
}

/// The version of this number or alias.
fn select(model: &Value, selector: &str) -> Option<Value> {
    let version = match model["aliases"][selector].as_str() {
        Some(version) => version,
        None => selector,
    };
    items(model.clone(), "versions")
        .into_iter()
        .find(|v| v["version"] == version)
}

fn one(version: &Value) -> String {
    let mut text = sheet([
        (
            "model",
            format!("{}@{}", field(version, "/name"), field(version, "/version")),
        ),
        ("task", field(version, "/config/task")),
        ("description", field(version, "/config/description")),
        ("license", field(version, "/config/license")),
        ("max tokens", field(version, "/config/max_tokens")),
        ("made from", field(version, "/lineage/parent")),
        ("trained on", field(version, "/lineage/dataset")),
        ("run", field(version, "/lineage/run")),
        ("code", field(version, "/lineage/code")),
        (
            "registered",
            format!(
                "{} by {}",
                time(version, "/created_at"),
                field(version, "/created_by")
            ),
        ),
    ]);
    text.push('\n');
    text.push_str(&table(
        ["FILE", "SIZE", "DIGEST"],
        version["files"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, file)| {
                [
                    name.clone(),
                    size(file["size"].as_u64().unwrap_or(0)),
                    field(file, "/digest"),
                ]
            }),
    ));
    let variants = version["variants"].as_object();
    if let Some(variants) = variants.filter(|variants| !variants.is_empty()) {
        text.push_str("\n\n");
        text.push_str(&table(
            ["VARIANT", "SIZE", "SPEED", "SIMILARITY", "LEAST", "DIGEST"],
            variants.iter().map(|(name, variant)| {
                let number = |pointer: &str, places: usize| {
                    let number = variant.pointer(pointer).and_then(Value::as_f64);
                    number.map_or_else(String::new, |number| format!("{number:.places$}"))
                };
                [
                    name.clone(),
                    size(variant["file"]["size"].as_u64().unwrap_or(0)),
                    number("/report/speedup", 2),
                    number("/report/similarity/mean", 4),
                    number("/report/similarity/min", 4),
                    field(variant, "/file/digest"),
                ]
            }),
        ));
    }
    text
}

fn all(model: &Value) -> String {
    let aliases = model["aliases"].as_object();
    let versions = items(model.clone(), "versions");
    table(
        ["VERSION", "ALIASES", "TASK", "SIZE", "REGISTERED"],
        versions.iter().map(|v| {
            let version = field(v, "/version");
            let names: Vec<&str> = aliases
                .into_iter()
                .flatten()
                .filter(|(_, to)| to.as_str() == Some(version.as_str()))
                .map(|(name, _)| name.as_str())
                .collect();
            let names = names.join(", ");
            [
                version,
                names,
                field(v, "/config/task"),
                size(total(v)),
                time(v, "/created_at"),
            ]
        }),
    )
}
