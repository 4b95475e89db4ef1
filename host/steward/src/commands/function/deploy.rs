//! `steward function deploy`

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};
use steward_registry::{FunctionSpec, Name, Permission, Selector, Target};

use super::split;
use super::trial::Trial;
use crate::cli::Context;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::field;
use crate::reference::Reference;

/// Deploy a plugin as a function, or change a function
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward function deploy text-cleaner --plugin text-cleaner
  steward function deploy text-cleaner --plugin text-cleaner@1.2.0
  steward function deploy text-cleaner --plugin text-cleaner --split 1.1.0=90,1.2.0=10
  steward function deploy anonymizer --plugin anonymizer --config hash_key=@key.txt --grant inference=rampart
  steward function deploy shop --plugin shop --grant privacy=orders
  steward function deploy text-cleaner --plugin text-cleaner --memory-mib 64 --timeout-ms 2000 --cpu-ms 500
  steward function deploy text-cleaner --plugin text-cleaner --concurrency 20 --queue 100 --keep-failed-inputs
  steward function deploy anonymizer --plugin anonymizer@1.1.0 --keep
  steward function deploy anonymizer --plugin anonymizer@1.2.0 --percent 10 --header 'x-beta: yes'

A version on trial (--percent, --header) that does worse than the others, in errors or in latency, is rolled back by the \
host. `steward function status` shows how it does, `promote` makes it the only one, `rollback` takes it out.

Every deployment is a whole new revision: configuration, grants and limits that are not named again are \
gone, unless --keep takes them over. `steward function show` prints what is deployed, `steward function rollback` brings it back.")]
pub struct Deploy {
    /// Name of the function: its route is /f/TENANT/NAME
    pub name: Name,
    /// The plugin: `name` (the alias `stable`, else the highest version), `name@version` or `name@alias`
    #[arg(long, value_name = "PLUGIN")]
    pub plugin: Reference,
    /// Split the calls over versions, in percent that add up to 100
    #[arg(long, value_name = "VERSION=PERCENT,…", value_parser = parse_split)]
    pub split: Option<Split>,
    /// Set a configuration key that the manifest declares; `@FILE` reads the value from a file
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    pub config: Vec<(String, String)>,
    /// Allow something that the manifest asks for: `inference=MODEL`, `privacy=DATASET` (questions with noise, which a
    /// budget of the function pays for), `http=ORIGIN`, `secrets=SECRET`, `keyvalue=BUCKET`, `blobstore=CONTAINER`,
    /// `append_events=TYPE` or `read_events=TYPE`
    #[arg(long, value_name = "KIND=NAME")]
    pub grant: Vec<Permission>,
    /// Take over configuration, grants and limits of what is deployed now, where nothing else is said
    #[arg(long)]
    pub keep: bool,
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Keep the input of a call that fails with its record, in the memory of the host: whoever may read the functions
    /// of the tenant sees it
    #[arg(long)]
    pub keep_failed_inputs: bool,
    /// Why, in a sentence
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
    #[command(flatten)]
    pub trial: Trial,
}

/// Limits that replace those of the manifest.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Memory of one call [default: the manifest's, else the host's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub memory_mib: Option<u32>,
    /// Elements of all tables of one call [default: the manifest's, else the host's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub table_elements: Option<u32>,
    /// Core instances of one call [default: the manifest's, else the host's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub instances: Option<u32>,
    /// Handles that one call holds at a time [default: the manifest's, else the host's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub handles: Option<u32>,
    /// What one call computes, waits not included [default: the manifest's, else the host's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=300_000))]
    pub cpu_ms: Option<u32>,
    /// Time of one call [default: the manifest's, else the host's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=300_000))]
    pub timeout_ms: Option<u32>,
    /// Calls of the host by one call [default: the manifest's, else the host's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub host_calls: Option<u32>,
    /// Calls of the host by all calls, in a second [default: the manifest's, else the host's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub host_calls_per_second: Option<u32>,
    /// What one call logs [default: the manifest's, else the host's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_024))]
    pub log_kib: Option<u32>,
    /// Lines that all calls log in a second [default: the manifest's, else the host's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub log_lines_per_second: Option<u32>,
    /// The answer of one call [default: the manifest's, else the host's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub output_kib: Option<u32>,
    /// Calls at the same time [default: the manifest's, else the host's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub concurrency: Option<u32>,
    /// Calls that wait for their turn; more are told to come back [default: the manifest's, else the host's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub queue: Option<u32>,
}

impl LimitArgs {
    /// Those that are given, by the names of the API.
    fn given(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let all = [
            ("memory_mib", self.memory_mib),
            ("table_elements", self.table_elements),
            ("instances", self.instances),
            ("handles", self.handles),
            ("cpu_ms", self.cpu_ms),
            ("timeout_ms", self.timeout_ms),
            ("host_calls", self.host_calls),
            ("host_calls_per_second", self.host_calls_per_second),
            ("log_kib", self.log_kib),
            ("log_lines_per_second", self.log_lines_per_second),
            ("output_kib", self.output_kib),
            ("concurrency", self.concurrency),
            ("queue", self.queue),
        ];
        all.into_iter()
            .filter_map(|(name, limit)| Some((name, limit?)))
    }
}

impl Deploy {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        if self.split.is_some() && self.plugin.selector.is_some() {
            let what = "--split names the versions; --plugin takes the name alone then";
            return Err(Failure::new(Exit::Usage, what).into());
        }
        let config = self
            .config
            .into_iter()
            .map(read_value)
            .collect::<Result<Vec<_>, _>>()?;
        let client = context.connection.client()?;
        let function = ["api", "v1", "functions", self.name.as_str()];
        let (keep, on_trial) = (self.keep, self.trial.is_meant());
        if self.trial.is_bounded() && !on_trial {
            let what = "bounds are for a version on trial: say --percent or --header too";
            return Err(Failure::new(Exit::Usage, what).into());
        }
        let current = match keep || on_trial {
            true => Some(client.get(&function).await?),
            false => None,
        };
        let mut spec = match &current {
            Some(current) => kept(current),
            None => json!({ "config": {}, "grants": {}, "limits": {}, "debug": {} }),
        };
        spec["plugin"] = json!(self.plugin.name);
        match (self.split, &current) {
            (Some(Split(targets)), _) => spec["targets"] = json!(targets),
            (None, Some(current)) if on_trial => {
                let version = resolve(&client, &self.plugin).await?;
                let current = beside(current, &self.plugin)?;
                (spec["targets"], spec["rollout"]) = self.trial.beside(current, &version)?;
            }
            (None, _) => {
                let version = resolve(&client, &self.plugin).await?;
                spec["targets"] = json!([Target {
                    version,
                    percent: 100
                }]);
            }
        }
        if self.trial.sticky && !on_trial {
            spec["rollout"] = json!({ "sticky": true });
        }
        spec["reason"] = self.reason.into();
        for (key, value) in config {
            spec["config"][key] = value.into();
        }
        // Of a kind that is named, those that are named; with --keep, other kinds stay.
        let mut named = BTreeMap::<&str, Vec<String>>::new();
        for grant in &self.grant {
            let names = named.entry(grant.kind().as_str()).or_default();
            names.push(grant.name());
        }
        for (kind, names) in named {
            spec["grants"][kind] = json!(names);
        }
        for (name, limit) in self.limits.given() {
            spec["limits"][name] = limit.into();
        }
        if self.keep_failed_inputs {
            spec["debug"]["keep_failed_inputs"] = true.into();
        }
        let revision = client.put(&function, &spec).await?;
        context.output.show(&revision, || {
            format!(
                "Deployed {}, revision {}: {} {}.\nRoute: {}/f/{}/{}\nnext: steward function invoke {} --text \"…\", or --data with the JSON that it takes",
                self.name,
                field(&revision, "/revision"),
                field(&revision, "/spec/plugin"),
                split(&revision),
                client.url(),
                field(&revision, "/tenant"),
                self.name,
                self.name,
            )
        })?;
        Ok(Exit::Done)
    }
}

/// What is deployed now, of the same plugin.
fn beside(revision: &Value, plugin: &Reference) -> Result<FunctionSpec, Failure> {
    let spec = serde_json::from_value::<FunctionSpec>(revision["spec"].clone());
    let spec = spec.map_err(|e| {
        Failure::new(
            Exit::Failed,
            format!("the server shows a deployment that this command cannot read: {e}"),
        )
    })?;
    if spec.plugin == plugin.name {
        return Ok(spec);
    }
    Err(Failure::invalid(format!(
        "`{}` is of the plugin `{}`: a version of `{}` is not tried beside it",
        spec.name, spec.plugin, plugin.name
    )))
}

/// What stays of a revision. Secrets come as `***`, and sent so they stay as they are.
fn kept(revision: &Value) -> Value {
    let part = |name: &str| {
        revision["spec"]
            .get(name)
            .filter(|p| p.is_object())
            .cloned()
            .unwrap_or_else(|| json!({}))
    };
    json!({
        "config": part("config"),
        "grants": part("grants"),
        "limits": part("limits"),
        "debug": part("debug"),
    })
}

/// Which version a reference means now.
async fn resolve(client: &Client, plugin: &Reference) -> Result<semver::Version, Failure> {
    let name = plugin.name.as_str();
    let answer = match &plugin.selector {
        Some(Selector::Version(version)) => return Ok(version.clone()),
        Some(selector) => {
            client
                .get(&["api", "v1", "plugins", name, &selector.to_string()])
                .await?
        }
        None => {
            let plugin = client.get(&["api", "v1", "plugins", name]).await?;
            return latest(&plugin).ok_or_else(|| {
                Failure::new(
                    Exit::NotFound,
                    format!("the plugin `{name}` has no version"),
                )
            });
        }
    };
    field(&answer, "/version").parse().map_err(|_| {
        Failure::new(
            Exit::Failed,
            format!("the server names no version for `{name}`"),
        )
    })
}

/// The alias `stable`, else the highest version that is no pre-release, else the highest.
fn latest(plugin: &Value) -> Option<semver::Version> {
    if let Some(stable) = plugin.pointer("/aliases/stable").and_then(|v| v.as_str()) {
        return stable.parse().ok();
    }
    let versions = crate::commands::items(plugin.clone(), "versions");
    let versions = versions
        .iter()
        .filter_map(|v| field(v, "/version").parse::<semver::Version>().ok());
    versions.max_by_key(|v| (v.pre.is_empty(), v.clone()))
}

/// Versions and shares. A type of its own, so that clap takes the list as one value.
#[derive(Debug, Clone)]
pub struct Split(Vec<Target>);

fn parse_split(given: &str) -> Result<Split, String> {
    let mut targets = Vec::new();
    for part in given.split(',') {
        let (version, percent) = part
            .split_once('=')
            .ok_or_else(|| format!("`{part}` is not VERSION=PERCENT"))?;
        let version: semver::Version = version
            .trim()
            .parse()
            .map_err(|e| format!("`{version}`: {e}"))?;
        let percent: u8 = percent
            .trim()
            .trim_end_matches('%')
            .parse()
            .map_err(|_| format!("`{percent}` is not 1 to 100"))?;
        if percent == 0 || percent > 100 {
            return Err(format!("`{percent}` is not 1 to 100"));
        }
        if targets.iter().any(|t: &Target| t.version == version) {
            return Err(format!("{version} is named twice"));
        }
        targets.push(Target { version, percent });
    }
    let sum: u32 = targets.iter().map(|t| u32::from(t.percent)).sum();
    if sum != 100 {
        return Err(format!("the shares add up to {sum}, not to 100"));
    }
    if targets.len() > 8 {
        return Err(format!("{} versions; at most 8", targets.len()));
    }
    Ok(Split(targets))
}

fn parse_pair(given: &str) -> Result<(String, String), String> {
    match given.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a configuration is KEY=VALUE".into()),
    }
}

/// `@FILE` keeps secrets out of the list of processes and of the history of the shell.
fn read_value((key, value): (String, String)) -> Result<(String, String), Failure> {
    const MAX: u64 = 64 * 1024;
    let Some(path) = value.strip_prefix('@') else {
        return Ok((key, value));
    };
    let path = std::path::Path::new(path);
    let size = std::fs::metadata(path)
        .map_err(|e| Failure::file("read", path, &e))?
        .len();
    if size > MAX {
        return Err(Failure::invalid(format!(
            "{} has {size} bytes; a value has at most {MAX}",
            path.display()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|e| Failure::file("read", path, &e))?;
    Ok((key, text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_a_hundred() {
        let Split(targets) = parse_split("1.0.0=90,1.1.0=10%").unwrap();
        assert_eq!(
            targets.iter().map(|t| t.percent).collect::<Vec<_>>(),
            [90, 10]
        );
        for bad in [
            "",
            "1.0.0",
            "1.0.0=50",
            "1.0.0=60,1.1.0=60",
            "1.0.0=50,1.0.0=50",
            "x=100",
            "1.0.0=100,1.1.0=0",
            "1.0.0=300",
        ] {
            assert!(parse_split(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_latest_version_is_the_stable_one() {
        let plugin = |aliases: Value| json!({"versions":[{"version":"2.0.0-rc.1"},{"version":"1.10.0"},{"version":"1.9.0"}],"aliases":aliases});
        assert_eq!(latest(&plugin(json!({}))).unwrap().to_string(), "1.10.0");
        assert_eq!(
            latest(&plugin(json!({"stable":"1.9.0"})))
                .unwrap()
                .to_string(),
            "1.9.0"
        );
        assert_eq!(
            latest(&json!({"versions":[{"version":"2.0.0-rc.1"}]}))
                .unwrap()
                .to_string(),
            "2.0.0-rc.1"
        );
        assert_eq!(latest(&json!({"versions":[]})), None);
    }

    #[test]
    fn a_secret_can_come_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "s3cret\n").unwrap();
        let value = format!("@{}", path.display());
        assert_eq!(read_value(("k".into(), value)).unwrap().1, "s3cret");
        assert_eq!(
            read_value(("k".into(), "@/no/such".into()))
                .unwrap_err()
                .exit,
            Exit::NotFound
        );
        assert_eq!(parse_pair("a=b=c").unwrap(), ("a".into(), "b=c".into()));
    }
}
