//! `steward plugin dev`

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use steward_registry::Manifest;

use super::source::read_manifest;
use crate::cli::Context;
use crate::client::Client;
use crate::commands::function::logs;
use crate::commands::items;
use crate::failure::{Exit, Failure};
use crate::multipart::Multipart;
use crate::plugin::server::Server;
use crate::plugin::toolchain::Purpose;
use crate::plugin::watch::Sources;
use crate::progress;

/// How often new lines of the log are asked for.
const LOG_PACE: Duration = Duration::from_millis(300);

/// Build and deploy a plugin at every save, and show what it logs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward plugin dev
  steward plugin dev plugins/text-cleaner --config min_chars=5
  steward plugin dev --server http://127.0.0.1:7300 --key-file key

Without --server or STEWARD_URL it starts a server of its own, whose data goes with it at the end. Each save is published \
as a pre-release of the version in the manifest and deployed under the plugin's name; what the manifest requests is \
granted. Rust is built incrementally and without link-time optimization: `steward plugin publish` builds it fully. \
Ctrl-C ends it.")]
pub struct Dev {
    /// Folder of the plugin
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Set a configuration key of the function
    #[arg(long, value_name = "KEY=VALUE")]
    pub config: Vec<String>,
    /// Address of the server that is started where none is given
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: String,
}

impl Dev {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let mut ends = ends()?;
        tokio::select! {
            result = self.work(&context) => result,
            () = &mut ends => Ok(Exit::Done),
        }
    }

    async fn work(&self, context: &Context) -> anyhow::Result<Exit> {
        // A slip in the manifest is told before a server is started.
        let (manifest, _) = read_manifest(&self.dir.join("steward.toml"))?;
        let config = self.config()?;
        let mut own = match context.connection.server {
            Some(_) => None,
            None => Some(Server::start(&self.listen).await?),
        };
        let client = match &own {
            Some(server) => server.client()?,
            None => context.connection.client()?,
        };
        let name = manifest.plugin.name.to_string();
        let tenant = client.tenant().await?;
        let route = format!("{}/f/{tenant}/{name}", client.url());
        let key = own.as_ref().map(|server| server.key.as_str());
        context.output.show(
            &json!({ "event": "started", "url": client.url(), "route": route, "key": key }),
            || {
                let login = key.map_or(String::new(), |key| {
                    format!("export STEWARD_URL={} STEWARD_KEY={key}\n", client.url())
                });
                format!("{name} will be at {route}\n{login}next: steward function invoke {name}")
            },
        )?;
        let following = follow(context, &client, &name);
        let deploying = self.deploy_at_every_save(context, &client, &config);
        tokio::select! {
            result = deploying => result.map(|()| Exit::Done),
            result = following => result.map(|()| Exit::Done),
            error = ended(own.as_mut()) => Err(error),
        }
    }

    /// The configuration that the options set.
    fn config(&self) -> Result<serde_json::Map<String, Value>, Failure> {
        let pair = |given: &String| {
            let (key, value) = given
                .split_once('=')
                .ok_or_else(|| Failure::new(Exit::Usage, format!("`{given}` is not KEY=VALUE")))?;
            Ok((key.to_owned(), Value::from(value)))
        };
        self.config.iter().map(pair).collect()
    }

    async fn deploy_at_every_save(
        &self,
        context: &Context,
        client: &Client,
        config: &serde_json::Map<String, Value>,
    ) -> anyhow::Result<()> {
        // Apart from those of another run against the same server.
        let run = jiff::Timestamp::now().as_second();
        let mut sources = Sources::of(&self.dir);
        let mut saved = Instant::now();
        for n in 1u64.. {
            match self
                .deploy(context, client, config, &format!("dev.{run}.{n}"), saved)
                .await
            {
                Ok(deployed) => context.output.show(&deployed, || {
                    format!(
                        "deployed {} in {} ms (build {} ms)",
                        deployed["version"].as_str().unwrap_or_default(),
                        deployed["ms"],
                        deployed["build_ms"]
                    )
                })?,
                // The author reads it, changes a file, and the next round begins.
                Err(error) => context.output.fail(&Failure::explain(&error)),
            }
            (sources, saved) = sources.changed(&self.dir).await;
        }
        Ok(())
    }

    async fn deploy(
        &self,
        context: &Context,
        client: &Client,
        config: &serde_json::Map<String, Value>,
        pre: &str,
        saved: Instant,
    ) -> anyhow::Result<Value> {
        let (manifest, text) = read_manifest(&self.dir.join("steward.toml"))?;
        let component = super::build::build(context, &self.dir, Purpose::Dev).await?;
        let built = saved.elapsed();
        let version = format!("{}-{pre}", manifest.plugin.version);
        let form = Multipart::new()
            .bytes(
                "manifest",
                "application/toml",
                with_version(&text, &version)?,
            )
            .file("component", component)
            .await?;
        let bar = progress::bytes(context.output, "publishing", Some(form.length()));
        let published = client
            .upload(&["api", "v1", "plugins"], form, bar.clone())
            .await;
        bar.finish_and_clear();
        published?;
        let spec = spec(client, &manifest, config, &version).await?;
        let name = manifest.plugin.name.as_str();
        client.put(&["api", "v1", "functions", name], &spec).await?;
        Ok(json!({
            "event": "deployed",
            "version": version,
            "ms": saved.elapsed().as_millis() as u64,
            "build_ms": built.as_millis() as u64,
        }))
    }
}

/// What is deployed: as it was, where the function is there already.
async fn spec(
    client: &Client,
    manifest: &Manifest,
    config: &serde_json::Map<String, Value>,
    version: &str,
) -> anyhow::Result<Value> {
    let name = manifest.plugin.name.as_str();
    let mut spec = match client.get(&["api", "v1", "functions", name]).await {
        Ok(revision) => json!({
            "config": revision["spec"]["config"],
            "grants": revision["spec"]["grants"],
            "limits": revision["spec"]["limits"],
        }),
        Err(failure) if failure.exit == Exit::NotFound => json!({ "config": {}, "limits": {} }),
        Err(failure) => return Err(failure.into()),
    };
    spec["grants"] = serde_json::to_value(&manifest.requests)?;
    spec["plugin"] = name.into();
    spec["targets"] = json!([{ "version": version, "percent": 100 }]);
    for (key, value) in config {
        spec["config"][key] = value.clone();
    }
    Ok(spec)
}

/// The manifest with another version.
fn with_version(text: &str, version: &str) -> anyhow::Result<String> {
    let mut manifest: toml::Table = text.parse()?;
    if let Some(toml::Value::Table(plugin)) = manifest.get_mut("plugin") {
        plugin.insert("version".into(), version.into());
    }
    Ok(toml::to_string(&manifest)?)
}

/// Shows the lines that the function logs, errors of calls among them.
async fn follow(context: &Context, client: &Client, name: &str) -> anyhow::Result<()> {
    let path = ["api", "v1", "functions", name, "logs"];
    // On a server that is there already, what was logged before is not shown.
    let mut since = next(client, &path, 0).await.map_or(0, |(next, _)| next);
    loop {
        tokio::time::sleep(LOG_PACE).await;
        // Not there before the first deployment, and not for a moment when a server starts again.
        let Some((next, lines)) = next(client, &path, since).await else {
            continue;
        };
        since = next;
        for line in lines {
            let event = json!({ "event": "log", "line": line });
            context.output.show(&event, || logs::text(&line))?;
        }
    }
}

async fn next(client: &Client, path: &[&str], since: u64) -> Option<(u64, Vec<Value>)> {
    let query = [("since", since.to_string()), ("limit", "500".to_owned())];
    let lines = items(client.query(path, &query).await.ok()?, "lines");
    let last = lines.iter().filter_map(|line| line["seq"].as_u64()).max();
    Some((last.map_or(since, |last| last + 1), lines))
}

/// Never, where there is no server of our own.
async fn ended(server: Option<&mut Server>) -> anyhow::Error {
    match server {
        Some(server) => server.ended().await,
        None => std::future::pending().await,
    }
}

/// Ends with the first signal that asks for it.
fn ends() -> std::io::Result<std::pin::Pin<Box<impl Future<Output = ()>>>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(Box::pin(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_takes_another_version_and_nothing_else() {
        let text = "[plugin]\nname = \"p\"\nversion = \"0.1.0\"\nworld = \"cleaner\"\n[config.version]\ndescription = \"d\"\n";
        let changed = with_version(text, "0.1.0-dev.7.1").unwrap();
        let manifest = Manifest::parse(&changed).unwrap();
        assert_eq!(manifest.plugin.version.to_string(), "0.1.0-dev.7.1");
        assert!(manifest.config.contains_key("version"));
        assert!(with_version("=", "1.0.0").is_err());
    }
}
