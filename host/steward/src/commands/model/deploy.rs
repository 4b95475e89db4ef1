//! `steward model deploy`

use clap::Args;
use serde_json::{Value, json};
use steward_registry::{ModelRef, Name, Selector};

use crate::cli::Context;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::field;
use crate::progress;

/// Say which versions of a model answer
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  steward model deploy minilm@1.0.0                    the stable version
  steward model deploy minilm@1.1.0~int8 --percent 10  on trial: a tenth of the calls
  steward model deploy minilm@1.1.0 --shadow 50        computes half of the calls, unseen
  steward model deploy minilm@1.1.0 --percent 10 --sticky --gate 'accuracy@held-out>=0.8'

A version on trial that goes over its bounds (errors, latency, drift of its scores) is rolled back by the host, and no \
call fails for it: what it cannot answer, the stable version answers. `steward model status` shows how it does, `promote` \
makes it stable, `rollback` takes it out. Only calls by the bare name of the model are split.")]
pub struct Deploy {
    /// `name@version`, with `~variant` or without
    #[arg(value_name = "MODEL")]
    pub model: ModelRef,
    /// The share of the calls that it answers, on trial, 1 to 100 [default: all, as the stable version]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100), conflicts_with = "shadow")]
    pub percent: Option<u8>,
    /// The share of the calls that it computes beside the stable version, without answering
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub shadow: Option<u8>,
    /// Calls with the same `Steward-Sticky-Key` always get the same version
    #[arg(long)]
    pub sticky: bool,
    /// What it must have been measured at, as `accuracy>=0.8`, `p99_ms<=50` or, on one dataset,
    /// `accuracy@held-out>=0.8`; may be repeated
    #[arg(long, value_name = "METRIC>=N", value_parser = gate)]
    pub gate: Vec<Gate>,
    /// The largest share of calls that may fail on trial
    #[arg(long, value_name = "SHARE")]
    pub max_error_rate: Option<f64>,
    /// How many times as long as the stable version it may typically take
    #[arg(long, value_name = "N")]
    pub max_latency_ratio: Option<f64>,
    /// The largest drift of its scores (population stability index)
    #[arg(long, value_name = "PSI")]
    pub max_psi: Option<f64>,
    /// Calls before a verdict on it
    #[arg(long, value_name = "N")]
    pub min_calls: Option<u64>,
    /// Why, in a sentence
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

/// A number that must have been measured, and its bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    metric: String,
    dataset: Option<String>,
    min: Option<f64>,
    max: Option<f64>,
}

fn gate(text: &str) -> Result<Gate, String> {
    let (metric, bound, least) = text
        .split_once(">=")
        .map(|(metric, bound)| (metric, bound, true))
        .or_else(|| text.split_once("<=").map(|(m, b)| (m, b, false)))
        .ok_or("a gate is a metric, `>=` or `<=`, and a number, as `accuracy>=0.8`")?;
    let bound: f64 = bound
        .trim()
        .parse()
        .map_err(|_| format!("`{}` is not a number", bound.trim()))?;
    let (metric, dataset) = match metric.split_once('@') {
        Some((metric, dataset)) => (metric, Some(dataset.trim().to_owned())),
        None => (metric, None),
    };
    Ok(Gate {
        metric: metric.trim().to_owned(),
        dataset,
        min: least.then_some(bound),
        max: (!least).then_some(bound),
    })
}

impl Deploy {
    pub async fn run(self, context: Context) -> anyhow::Result<Exit> {
        let Some(Selector::Version(version)) = &self.model.selector else {
            return Err(Failure::new(Exit::Usage, "a deployment names its version")
                .next(format!(
                    "say which, as `steward model deploy {}@1.0.0`",
                    self.model.name
                ))
                .into());
        };
        let client = context.connection.client()?;
        let name = &self.model.name;
        let current = current(&client, name).await?;
        let target = json!({ "version": version, "variant": self.model.variant });
        let mut wanted = Wanted {
            target,
            percent: self.percent,
            shadow: self.shadow,
        }
        .spec(name, current.as_ref())?;
        wanted["sticky"] = json!(self.sticky);
        let gates = self.gate.iter();
        wanted["gates"] = gates
            .map(|gate| json!({ "metric": gate.metric, "dataset": gate.dataset, "min": gate.min, "max": gate.max }))
            .collect();
        wanted["rollback"] = self.bounds();
        let deployed = put(
            context_bar(&context),
            &client,
            name,
            wanted,
            &self.reason,
            current.as_ref(),
        )
        .await?;
        context.output.show(&deployed, || told(&deployed))?;
        Ok(Exit::Done)
    }

    /// The bounds that were named; the host has defaults for the others.
    fn bounds(&self) -> Value {
        let named = [
            ("max_error_rate", self.max_error_rate.map(Value::from)),
            ("max_latency_ratio", self.max_latency_ratio.map(Value::from)),
            ("max_psi", self.max_psi.map(Value::from)),
            ("min_calls", self.min_calls.map(Value::from)),
        ];
        let named: serde_json::Map<String, Value> = named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        match named.is_empty() {
            true => Value::Null,
            false => Value::Object(named),
        }
    }
}

fn context_bar(context: &Context) -> indicatif::ProgressBar {
    progress::spinner(context.output, "loading and deploying")
}

/// What is deployed of a model; none where nothing is.
pub(super) async fn current(client: &Client, name: &Name) -> Result<Option<Value>, Failure> {
    let path = ["api", "v1", "models", name.as_str(), "deployment"];
    match client.get(&path).await {
        Ok(deployment) => Ok(Some(deployment)),
        Err(failure) if failure.exit == Exit::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Weights, and the part that they are to have.
pub(super) struct Wanted {
    /// `version` and `variant`.
    pub target: Value,
    pub percent: Option<u8>,
    pub shadow: Option<u8>,
}

impl Wanted {
    /// The specification after what is current: on trial beside its stable version, or that itself.
    pub(super) fn spec(self, name: &Name, current: Option<&Value>) -> Result<Value, Failure> {
        let share = |percent: u8| {
            let mut share = self.target.clone();
            share["percent"] = json!(percent);
            share
        };
        let trial = self.shadow.is_some() || self.percent.is_some_and(|percent| percent < 100);
        if !trial {
            return Ok(json!({ "stable": self.target }));
        }
        let Some(current) = current else {
            return Err(Failure::invalid(format!(
                "nothing of `{name}` is deployed that a version could be on trial beside"
            ))
            .next(format!(
                "deploy the stable version first: `steward model deploy {name}@VERSION`"
            )));
        };
        let stable = &current["spec"]["stable"];
        Ok(match (self.shadow, self.percent) {
            (Some(shadow), _) => json!({ "stable": stable, "shadow": share(shadow) }),
            (None, percent) => {
                json!({ "stable": stable, "candidate": share(percent.unwrap_or(100)) })
            }
        })
    }
}

/// Deploys a specification after what was seen.
pub(super) async fn put(
    bar: indicatif::ProgressBar,
    client: &Client,
    name: &Name,
    mut spec: Value,
    reason: &str,
    seen: Option<&Value>,
) -> Result<Value, Failure> {
    spec["reason"] = json!(reason);
    spec["after"] = json!(seen.map_or(0, |seen| seen["revision"].as_u64().unwrap_or(0)));
    let path = ["api", "v1", "models", name.as_str(), "deployment"];
    let answer = client.put(&path, &spec).await;
    bar.finish_and_clear();
    answer
}

/// What a deployment is, in a sentence or two.
pub(super) fn told(deployment: &Value) -> String {
    let name = field(deployment, "/name");
    let target = |place: &str| {
        let spec = &deployment["spec"][place];
        match spec["variant"].as_str() {
            Some(variant) => format!("{}~{variant}", field(spec, "/version")),
            None => field(spec, "/version"),
        }
    };
    let mut text = format!(
        "{name} answers with {} (revision {}).",
        target("stable"),
        field(deployment, "/revision")
    );
    for (place, does) in [("candidate", "answers"), ("shadow", "computes beside")] {
        if deployment["spec"][place].is_object() {
            text.push_str(&format!(
                "\n{} {does} {} % of the calls, on trial.\nnext: `steward model status {name}` shows how it does",
                target(place),
                field(&deployment["spec"][place], "/percent")
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_read() {
        let read = gate("accuracy[lang=zh] >= 0.8").unwrap();
        assert_eq!(
            (read.metric.as_str(), read.min, read.max),
            ("accuracy[lang=zh]", Some(0.8), None)
        );
        let read = gate("p99_ms @ 评测<=50").unwrap();
        assert_eq!((read.metric.as_str(), read.max), ("p99_ms", Some(50.0)));
        assert_eq!(read.dataset.as_deref(), Some("评测"));
        for bad in ["accuracy", "accuracy>=high", "accuracy=1"] {
            assert!(gate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_trial_needs_something_to_be_beside() {
        let name: Name = "m".parse().unwrap();
        let wanted = |percent, shadow| Wanted {
            target: json!({ "version": "1.1.0", "variant": null }),
            percent,
            shadow,
        };
        let current = json!({ "revision": 3, "spec": { "stable": { "version": "1.0.0" } } });
        assert_eq!(
            wanted(None, None).spec(&name, None).unwrap()["stable"]["version"],
            "1.1.0"
        );
        assert!(wanted(Some(10), None).spec(&name, None).is_err());
        let canary = wanted(Some(10), None).spec(&name, Some(&current)).unwrap();
        assert_eq!(
            (
                &canary["stable"]["version"],
                &canary["candidate"]["percent"]
            ),
            (&json!("1.0.0"), &json!(10))
        );
        let shadow = wanted(None, Some(50)).spec(&name, Some(&current)).unwrap();
        assert_eq!(shadow["shadow"]["percent"], 50);
        assert!(told(&json!({ "name": "m", "revision": 4, "spec": canary })).contains("10 %"));
    }
}
