//! `steward key create`

use std::path::PathBuf;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use steward_registry::{NewKey, Role, Scope, Scopes};

use super::local::{Local, recorded};
use crate::cli::Context;
use crate::failure::{Exit, Failure};
use crate::output::field;

/// Create an API key; it is shown once
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward key create --data-dir steward-data
  steward key create ci --role publisher --expires-in 90d
  steward key create reader --role viewer --json | jq -r .key
  steward key create --data-dir steward-data --out key.txt
  steward key create app --role invoker --scope function=text-cleaner --scope model=minilm --rate 50:100
  steward key create owner --tenant acme

Roles:
  platform   everything in its tenant, and to manage tenants and their keys
  operator   everything in the tenant, keys included
  publisher  publish plugins, push models, deploy, call and read
  invoker    call functions and models
  viewer     read metadata, logs and usage

With --data-dir, --database-url or --local the key is written into the registry itself: that is how the \
first one is made, with the tenant where it is missing. Otherwise the server makes it, for the tenant of \
your own key, which needs the role operator, or with --tenant for another, which needs the role platform. \
Nobody gives a key that may do more than their own.")]
pub struct Create {
    /// What people call the key
    #[arg(default_value = "operator")]
    pub name: String,
    /// What the key may do
    #[arg(long, default_value = "operator", value_parser = role)]
    pub role: Role,
    /// What narrows the role, any number: read, invoke, publish, manage-keys, manage-tenants, function=NAME, model=NAME
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    pub scopes: Vec<Scope>,
    /// How fast it may ask: requests a second, or PER_SECOND:BURST [default: what the tenant says]
    #[arg(long, value_name = "RATE", value_parser = crate::commands::tenant::rate)]
    pub rate: Option<crate::commands::tenant::RateArg>,
    /// When the key ends: a time from now like 12h, 90d or 1y
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub expires_in: Option<Timestamp>,
    /// Write the key into a file that only you can read, instead of showing it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub local: Local,
}

impl Create {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let mut created = match self.local.registry().await? {
            Some(registry) => {
                let tenant = &self.local.tenant()?;
                registry.ensure_tenant(tenant).await?;
                let new = NewKey {
                    name: self.name.clone(),
                    role: self.role,
                    scopes: Scopes::new(self.scopes.clone())?,
                    rate: self.rate.and_then(|rate| rate.0),
                    expires_at: self.expires_in,
                };
                let work = registry.create_key_with(tenant, new);
                let (principal, key) = recorded("key create", &self.name, tenant, work).await?;
                let mut created = serde_json::to_value(&principal)?;
                created["key"] = key.to_string().into();
                created
            }
            None => {
                let body = json!({ "name": self.name, "role": self.role, "expires_at": self.expires_at(),
                    "scopes": Scopes::new(self.scopes.clone())?, "rate": self.rate.and_then(|rate| rate.0) });
                context
                    .connection
                    .client()?
                    .post(&self.local.keys(), &body)
                    .await?
            }
        };
        if let Some(path) = &self.out {
            write_private(path, &field(&created, "/key"))?;
            created["key"] = Value::Null;
            created["key_file"] = json!(path);
        }
        context.output.show(&created, || human(&created))?;
        Ok(Exit::Done)
    }

    fn expires_at(&self) -> Value {
        self.expires_at_text().map_or(Value::Null, Value::from)
    }

    fn expires_at_text(&self) -> Option<String> {
        self.expires_in.map(|time| time.to_string())
    }
}

pub fn human(created: &Value) -> String {
    let about = format!(
        "# {} of tenant {}, role {}, id {}",
        field(created, "/name"),
        field(created, "/tenant"),
        field(created, "/role"),
        field(created, "/id")
    );
    match created["key"].as_str() {
        Some(key) => {
            format!("{key}\n{about}\n# Keep it: it is shown only now. next: steward login")
        }
        None => format!("{about}\n# The key is in {}.", field(created, "/key_file")),
    }
}

/// Writes a secret, and a line break after it, into a new file that is private from its first moment.
pub fn write_private(path: &std::path::Path, key: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .and_then(|mut file| writeln!(file, "{key}"))
        .map_err(|e| Failure::file("write", path, &e))
}

fn scope(given: &str) -> Result<Scope, String> {
    given.parse()
}

/// What narrows a key, for people.
pub fn scopes(key: &Value) -> String {
    let scopes = key["scopes"].as_array().map_or(&[][..], Vec::as_slice);
    let scopes: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
    scopes.join(" ")
}

fn role(given: &str) -> Result<Role, String> {
    given.parse()
}

fn duration(given: &str) -> Result<Timestamp, String> {
    let wrong = || format!("`{given}` is not a time like 12h, 90d or 1y");
    let split = given
        .len()
        .checked_sub(1)
        .filter(|n| given.is_char_boundary(*n))
        .ok_or_else(wrong)?;
    let (number, unit) = given.split_at(split);
    let number: i64 = number
        .parse()
        .ok()
        .filter(|n| (1..=100_000).contains(n))
        .ok_or_else(wrong)?;
    let hours = match unit {
        "h" => number,
        "d" => number * 24,
        "w" => number * 24 * 7,
        "y" => number * 24 * 365,
        _ => return Err(wrong()),
    };
    Timestamp::now()
        .checked_add(SignedDuration::from_hours(hours))
        .map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        let now = Timestamp::now();
        let day = duration("1d").unwrap().duration_since(now).as_hours();
        assert!((23..=24).contains(&day));
        for bad in [
            "",
            "d",
            "1",
            "0d",
            "-1d",
            "1天",
            "1m",
            "999999999999d",
            "100000y",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_file_is_private_and_never_overwritten() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_private(&path, "k").unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(write_private(&path, "other").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "k\n");
    }
}
