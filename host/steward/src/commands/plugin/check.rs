//! `steward plugin check`

use clap::Args;
use serde_json::Value;

use super::source::{Along, Source};
use crate::cli::Context;
use crate::failure::Exit;
use crate::output::{field, sheet};
use crate::plugin::permissions;
use crate::plugin::registry::RegistryArgs;
use crate::plugin::supply::said;

/// Ask the server whether it would accept a plugin, without publishing it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin check
  steward plugin check plugins/text-cleaner
  steward plugin check --component app.wasm --manifest steward.toml

The check reads the component's own type: what it imports must be allowed for its world, and what \
it exports must be what the world asks for. A signature must hold, and where the tenant accepts signed \
plugins only, be of a trusted key. What the manifest asks for, a deployment has to grant: it \
is listed with the options. It ends with 6 when the plugin is refused.")]
pub struct Check {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub along: Along,
    #[command(flatten)]
    pub registry: RegistryArgs,
}

impl Check {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let package = self
            .source
            .package_with(&context, &self.along, &self.registry)
            .await?;
        let inspection = package
            .send(&context, &["api", "v1", "plugins", "check"], "checking")
            .await?;
        context.output.show(&inspection, || {
            let list = |name: &str| match &inspection[name] {
                Value::Array(names) => names
                    .iter()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join(", "),
                _ => String::new(),
            };
            sheet([
                (
                    "accepted",
                    format!(
                        "{}@{}",
                        package.manifest.plugin.name, package.manifest.plugin.version
                    ),
                ),
                ("world", field(&inspection, "/world")),
                ("exports", list("exports")),
                ("imports", list("imports")),
                ("wasi:http", field(&inspection, "/wasi_http")),
                ("asks to", permissions::told(&package.manifest.requests)),
                ("cannot", permissions::cannot(&inspection["permissions"])),
                ("changes", permissions::changed(&inspection["permissions"])),
                ("signed by", list("signed_by")),
                ("says", said(&inspection["sections"])),
            ])
        })?;
        Ok(Exit::Done)
    }
}
