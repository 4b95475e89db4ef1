//! `steward plugin show`

use clap::Args;
use serde_json::Value;

use crate::cli::Context;
use crate::commands::items;
use crate::failure::Exit;
use crate::output::{field, sheet, short, size, table, time};
use crate::plugin::permissions;
use crate::plugin::supply;
use crate::reference::Reference;

/// Show the versions and aliases of a plugin, or one version
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin show text-cleaner
  steward plugin show text-cleaner@1.0.0
  steward plugin show text-cleaner@stable --json")]
pub struct Show {
    /// `name`, `name@version` or `name@alias`
    #[arg(value_name = "PLUGIN")]
    pub plugin: Reference,
}

impl Show {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        let name = self.plugin.name.as_str();
        match &self.plugin.selector {
            Some(selector) => {
                let version = client
                    .get(&["api", "v1", "plugins", name, &selector.to_string()])
                    .await?;
                context.output.show(&version, || one(&version))?;
            }
            None => {
                let plugin = client.get(&["api", "v1", "plugins", name]).await?;
                context.output.show(&plugin, || all(&plugin))?;
            }
        }
        Ok(Exit::Done)
    }
}

fn one(version: &Value) -> String {
    let mut text = sheet([
        (
            "plugin",
            format!("{}@{}", field(version, "/name"), field(version, "/version")),
        ),
        ("world", field(version, "/manifest/plugin/world")),
        (
            "description",
            field(version, "/manifest/plugin/description"),
        ),
        ("license", field(version, "/manifest/plugin/license")),
        ("digest", field(version, "/digest")),
        ("size", size(version["size"].as_u64().unwrap_or(0))),
        (
            "published",
            format!(
                "{} by {}",
                time(version, "/created_at"),
                field(version, "/created_by")
            ),
        ),
        ("step", field(version, "/step/summary")),
        ("asks to", permissions::told_of(&version["manifest"])),
        ("cannot", permissions::cannot(&version["permissions"])),
        ("changes", permissions::changed(&version["permissions"])),
        ("signed by", supply::signers(&version["supply"])),
        ("signature", field(version, "/supply/broken")),
        ("says", supply::said(&version["supply"]["sections"])),
        ("built", supply::built(&version["supply"]["provenance"])),
        ("made of", supply::made_of(&version["supply"]["sbom"])),
    ]);
    if let Some(Value::Object(keys)) = version
        .pointer("/manifest/config")
        .filter(|c| c.as_object().is_some_and(|c| !c.is_empty()))
    {
        text.push_str("\nConfiguration\n");
        text.push_str(&table(
            ["KEY", "DEFAULT", "DESCRIPTION"],
            keys.iter().map(|(key, about)| {
                [
                    key.clone(),
                    field(about, "/default"),
                    field(about, "/description"),
                ]
            }),
        ));
    }
    text
}

fn all(plugin: &Value) -> String {
    let aliases = plugin["aliases"].as_object();
    let versions = items(plugin.clone(), "versions");
    table(
        [
            "VERSION",
            "ALIASES",
            "SIZE",
            "DIGEST",
            "PUBLISHED",
            "SIGNED BY",
        ],
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
                size(v["size"].as_u64().unwrap_or(0)),
                short(&field(v, "/digest")),
                time(v, "/created_at"),
                supply::trusted_signers(&v["supply"]),
            ]
        }),
    )
}
