//! `steward plugin share`, `unshare`, `shared` and `install`: versions across tenants.

use clap::Args;
use serde_json::{Value, json};
use steward_registry::{Digest, Name, Selector, SharedWith};

use crate::cli::Context;
use crate::commands::items;
use crate::failure::{Exit, Failure};
use crate::output::{field, size, table};
use crate::reference::Reference;

/// Let other tenants install one version of a plugin
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin share text-cleaner@1.2.0 --with acme
  steward plugin share text-cleaner@1.2.0 --with acme --with beta
  steward plugin share text-cleaner@1.2.0 --all

They see this version, its manifest and your tenant's name, and nothing else of yours. It runs in their \
tenant, with their grants, configuration and limits.")]
pub struct Share {
    /// The version, as NAME@VERSION
    pub plugin: Reference,
    /// A tenant that may install it
    #[arg(long, value_name = "TENANT", required_unless_present = "all")]
    pub with: Vec<SharedWith>,
    /// Every tenant may install it
    #[arg(long, conflicts_with = "with")]
    pub all: bool,
}

impl Share {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let version = exact(&self.plugin)?;
        let with = if self.all {
            vec![SharedWith::All]
        } else {
            self.with
        };
        let name = self.plugin.name.as_str();
        let path = ["api", "v1", "plugin-shares", name, &version];
        let client = context.connection.client()?;
        let shares = client.put(&path, &json!({"with": with})).await?;
        let shares = items(shares, "shares");
        context.output.show(&shares, || shares_table(&shares))?;
        Ok(Exit::Done)
    }
}

/// Stop sharing a version; who has installed it keeps it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin unshare text-cleaner@1.2.0
  steward plugin unshare text-cleaner@1.2.0 --with acme

What is installed stays installed and runs on: the version is the customer's too.")]
pub struct Unshare {
    /// The version, as NAME@VERSION
    pub plugin: Reference,
    /// With this tenant alone, or `*` for what is shared with all [default: every share of the version]
    #[arg(long, value_name = "TENANT")]
    pub with: Option<SharedWith>,
}

impl Unshare {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let version = exact(&self.plugin)?;
        let name = self.plugin.name.as_str();
        let path = ["api", "v1", "plugin-shares", name, &version];
        let mut query = Vec::new();
        query.extend(self.with.map(|with| ("with", with.to_string())));
        let client = context.connection.client()?;
        let ended = client.delete_with(&path, &query).await?;
        context.output.show(&ended, || {
            format!(
                "Ended {}: {}.",
                field(&ended, "/ended"),
                field(&ended, "/detail")
            )
        })?;
        Ok(Exit::Done)
    }
}

/// List what other tenants share with yours, or with whom you share a plugin
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin shared
  steward plugin shared text-cleaner")]
pub struct Shared {
    /// A plugin of your own
    pub plugin: Option<Name>,
}

impl Shared {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let client = context.connection.client()?;
        if let Some(name) = &self.plugin {
            let path = ["api", "v1", "plugin-shares", name.as_str()];
            let shares = items(client.get(&path).await?, "shares");
            context.output.show(&shares, || shares_table(&shares))?;
            return Ok(Exit::Done);
        }
        let shared = items(
            client.get(&["api", "v1", "shared-plugins"]).await?,
            "shared",
        );
        context.output.show(&shared, || {
            table(
                ["PUBLISHER", "NAME", "VERSION", "WORLD", "SIZE", "DIGEST"],
                shared.iter().map(|s| {
                    [
                        field(s, "/publisher"),
                        field(s, "/name"),
                        field(s, "/version"),
                        field(s, "/manifest/plugin/world"),
                        size(s["size"].as_u64().unwrap_or(0)),
                        field(s, "/digest"),
                    ]
                }),
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Install a version that another tenant shares, by its digest
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin install sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
  steward plugin install sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 --as partner-cleaner

`steward plugin shared` shows the digests. The digest is of the bytes: what you looked at is what runs. All \
versions of one name come from one publisher.")]
pub struct Install {
    /// Digest of the component
    pub digest: Digest,
    /// Name in your tenant [default: that of the publisher]
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<Name>,
}

impl Install {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let digest = self.digest.to_string();
        let path = ["api", "v1", "shared-plugins", &digest];
        let client = context.connection.client()?;
        let installed = client.post(&path, &json!({"name": self.name})).await?;
        let name = field(&installed, "/name");
        context.output.show(&installed, || {
            format!(
                "Installed {name}@{} of the tenant {}.\nnext: steward plugin show {name}; steward function deploy {name} --plugin {name}",
                field(&installed, "/version"),
                field(&installed, "/origin"),
            )
        })?;
        Ok(Exit::Done)
    }
}

fn shares_table(shares: &[Value]) -> String {
    table(
        ["NAME", "VERSION", "SHARED WITH"],
        shares.iter().map(|s| {
            [
                field(s, "/name"),
                field(s, "/version"),
                field(s, "/shared_with"),
            ]
        }),
    )
}

/// Aliases move; what is shared does not.
fn exact(plugin: &Reference) -> Result<String, Failure> {
    match &plugin.selector {
        Some(Selector::Version(version)) => Ok(version.to_string()),
        _ => Err(
            Failure::new(Exit::Usage, format!("`{}` names no version", plugin.name))
                .next("name one, as text-cleaner@1.2.0"),
        ),
    }
}
