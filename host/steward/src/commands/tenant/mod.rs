//! `steward tenant …`

mod create;
mod delete;
mod list;
mod set;
mod show;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use steward_registry::{QuotaKind, Rate};

use crate::cli::Context;
use crate::commands::usage::quota_table;
use crate::failure::{Exit, Failure};
use crate::output::{field, time};

/// Create, list, change and delete tenants; for keys with the role `platform`
#[derive(Debug, Subcommand)]
pub enum Tenant {
    Create(create::Create),
    List(list::List),
    Show(show::Show),
    Set(set::Set),
    Delete(delete::Delete),
}

impl Tenant {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        match self {
            Self::Create(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Set(command) => command.run(context).await,
            Self::Delete(command) => command.run(context).await,
        }
    }
}

/// What can be set for a tenant.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// A bound: KIND=NUMBER, or KIND= to have none [kinds: storage-bytes, functions, plugins, keys,
    /// invocations-per-day, invocations-per-month, wall-seconds-per-month,
    /// cpu-seconds-per-month, inference-texts-per-month, inference-tokens-per-month]
    #[arg(long = "quota", value_name = "KIND=NUMBER", value_parser = quota)]
    pub quotas: Vec<(QuotaKind, Option<u64>)>,
    /// How fast all its keys together may ask: requests a second, or PER_SECOND:BURST; 0 is as fast as they like
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub rate: Option<RateArg>,
    /// How fast each of its keys may ask that has no rate of its own; 0 is as fast as it likes
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub key_rate: Option<RateArg>,
    /// A JSON file with the list of its issuers of bearer tokens
    #[arg(long, value_name = "FILE")]
    pub issuers: Option<std::path::PathBuf>,
}

/// A rate, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateArg(pub Option<Rate>);

impl Settings {
    /// These changes to settings that are there.
    pub fn apply(&self, mut settings: Value) -> Result<Value, Failure> {
        if !settings.is_object() {
            settings = json!({});
        }
        let mut quotas: Map<String, Value> =
            settings["quotas"].as_object().cloned().unwrap_or_default();
        for (kind, limit) in &self.quotas {
            match limit {
                Some(limit) => quotas.insert(kind.to_string(), (*limit).into()),
                None => quotas.shift_remove(kind.as_str()),
            };
        }
        settings["quotas"] = quotas.into();
        for (name, rate) in [("rate", self.rate), ("key_rate", self.key_rate)] {
            if let Some(RateArg(rate)) = rate {
                settings[name] = json!(rate);
            }
        }
        if let Some(path) = &self.issuers {
            let text =
                std::fs::read_to_string(path).map_err(|e| Failure::file("read", path, &e))?;
            settings["issuers"] = serde_json::from_str(&text).map_err(|e| {
                Failure::invalid(format!("{} is not JSON", path.display())).cause(e.to_string())
            })?;
        }
        Ok(settings)
    }
}

fn quota(given: &str) -> Result<(QuotaKind, Option<u64>), String> {
    let (kind, limit) = given
        .split_once('=')
        .ok_or_else(|| format!("`{given}` is not KIND=NUMBER"))?;
    let limit = match limit {
        "" => None,
        limit => Some(
            limit
                .parse()
                .map_err(|_| format!("`{limit}` is not a number"))?,
        ),
    };
    Ok((kind.parse()?, limit))
}

/// `50`, `50:100`, or `0` for none.
pub fn rate(given: &str) -> Result<RateArg, String> {
    let number = |text: &str| {
        text.parse::<u32>()
            .map_err(|_| format!("`{given}` is not a rate like 50 or 50:100"))
    };
    let rate = match given.split_once(':') {
        None if given == "0" => return Ok(RateArg(None)),
        None => Rate {
            per_second: number(given)?,
            burst: None,
        },
        Some((per_second, burst)) => Rate {
            per_second: number(per_second)?,
            burst: Some(number(burst)?),
        },
    };
    rate.check().map_err(|e| e.to_string())?;
    Ok(RateArg(Some(rate)))
}

/// A tenant, for people.
fn human(tenant: &Value) -> String {
    let settings = &tenant["settings"];
    let rate = |name: &str| match settings[name]["per_second"].as_u64() {
        None => "as fast as they like".to_owned(),
        Some(n) => match settings[name]["burst"].as_u64() {
            None => format!("{n} a second"),
            Some(burst) => format!("{n} a second, {burst} at once"),
        },
    };
    let mut text = format!(
        "{}, since {}\nrate of the tenant: {}\nrate of each key:   {}\nissuers of tokens:  {}\n",
        field(tenant, "/name"),
        time(tenant, "/created_at"),
        rate("rate"),
        rate("key_rate"),
        settings["issuers"].as_array().map_or(0, Vec::len),
    );
    if let Some(quotas) = tenant["quotas"].as_array() {
        text.push_str(&quota_table(quotas));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_changed_one_by_one() {
        let given = Settings {
            quotas: vec![quota("keys=3").unwrap(), quota("functions=").unwrap()],
            rate: Some(rate("50:100").unwrap()),
            key_rate: Some(rate("0").unwrap()),
            issuers: None,
        };
        let before =
            json!({"quotas": {"functions": 2, "plugins": 1}, "key_rate": {"per_second": 1}});
        let after = given.apply(before).unwrap();
        assert_eq!(
            after,
            json!({"quotas": {"plugins": 1, "keys": 3}, "key_rate": null, "rate": {"per_second": 50, "burst": 100}})
        );
        for bad in ["", "keys", "keys=x", "calls=1", "keys=-1"] {
            assert!(quota(bad).is_err(), "{bad}");
        }
        for bad in ["", "x", "-1", "5:0", "0:5", "5:5:5", "99999999"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
