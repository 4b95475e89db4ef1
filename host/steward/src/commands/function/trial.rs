//! A version on trial: the options of `steward function deploy` for it.

use clap::Args;
use serde_json::{Map, Value, json};
use steward_registry::FunctionSpec;

use crate::failure::{Exit, Failure};

/// What makes a deployment a trial.
#[derive(Debug, Args)]
#[command(next_help_heading = "A version on trial")]
pub struct Trial {
    /// Put the version on trial: it gets this share of the calls, the rest stays with what is deployed. Configuration, grants
    /// and limits stay (as with --keep)
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=99), conflicts_with = "split")]
    pub percent: Option<u8>,
    /// Requests with this header meet it, whatever the share, as `x-beta: yes`; may be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = header, conflicts_with = "split")]
    pub header: Vec<Header>,
    /// Calls with the same `Steward-Sticky-Key` always meet the same version
    #[arg(long)]
    pub sticky: bool,
    /// The largest share of its calls that may fail
    #[arg(long, value_name = "SHARE")]
    pub max_error_rate: Option<f64>,
    /// How many times as long as the others it may typically take
    #[arg(long, value_name = "N")]
    pub max_latency_ratio: Option<f64>,
    /// The longest 99th percentile of its latency
    #[arg(long, value_name = "MS")]
    pub max_p99_ms: Option<f64>,
    /// Calls before a verdict on it
    #[arg(long, value_name = "N")]
    pub min_calls: Option<u64>,
}

/// A header and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    name: String,
    value: String,
}

fn header(text: &str) -> Result<Header, String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => Ok(Header {
            name: name.trim().to_ascii_lowercase(),
            value: value.trim().to_owned(),
        }),
        _ => Err("a header is a name, a colon and a value, as `x-beta: yes`".into()),
    }
}

impl Trial {
    /// Whether the deployment is one.
    pub fn is_meant(&self) -> bool {
        self.percent.is_some() || !self.header.is_empty()
    }

    /// Whether something is said that only a trial has a use for.
    pub fn is_bounded(&self) -> bool {
        !self.bounds().is_empty()
    }

    fn bounds(&self) -> Map<String, Value> {
        let named = [
            ("max_error_rate", self.max_error_rate.map(Value::from)),
            ("max_latency_ratio", self.max_latency_ratio.map(Value::from)),
            ("max_p99_ms", self.max_p99_ms.map(Value::from)),
            ("min_calls", self.min_calls.map(Value::from)),
        ];
        named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }

    /// The targets and the rollout of a deployment in which `version` is on trial beside `current`. A version that is on
    /// trial now goes.
    pub fn beside(
        &self,
        current: FunctionSpec,
        version: &semver::Version,
    ) -> Result<(Value, Value), Failure> {
        let percent = self.percent.unwrap_or(0);
        let name = current.name.clone();
        let mut spec = current.without_candidate();
        let refused = |why: String, next: String| Failure::new(Exit::Invalid, why).next(next);
        if spec.targets.iter().any(|t| t.version == *version) {
            return Err(refused(
                format!("`{name}` answers with {version} already"),
                format!("see `steward function show {name}`"),
            ));
        }
        let largest = spec.targets.iter_mut().max_by_key(|t| t.percent);
        let largest = largest.filter(|t| t.percent > percent).ok_or_else(|| {
            refused(
                format!("no version of `{name}` has more than {percent} percent to give"),
                "say the shares yourself: --split VERSION=PERCENT,…".into(),
            )
        })?;
        largest.percent -= percent;
        let mut targets = json!(spec.targets);
        if let Some(targets) = targets.as_array_mut() {
            targets.push(json!({ "version": version, "percent": percent }));
        }
        let mut headers: Vec<Value> = self
            .header
            .iter()
            .map(|h| json!({ "name": h.name, "value": h.value, "version": version }))
            .collect();
        headers.extend(spec.rollout.headers.iter().map(|rule| json!(rule)));
        let mut rollout = json!({
            "candidate": version, "sticky": self.sticky || spec.rollout.sticky, "headers": headers,
        });
        if self.is_bounded() {
            rollout["rollback"] = Value::Object(self.bounds());
        }
        Ok((targets, rollout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(percent: Option<u8>, headers: &[&str]) -> Trial {
        Trial {
            percent,
            header: headers.iter().map(|h| header(h).unwrap()).collect(),
            sticky: true,
            max_error_rate: None,
            max_latency_ratio: None,
            max_p99_ms: None,
            min_calls: Some(50),
        }
    }

    fn current(targets: &[(&str, u8)], candidate: Option<&str>) -> FunctionSpec {
        let targets: Vec<_> = targets
            .iter()
            .map(|(version, percent)| json!({ "version": version, "percent": percent }))
            .collect();
        let spec = json!({
            "name": "f", "plugin": "p", "targets": targets, "rollout": { "candidate": candidate },
        });
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn the_largest_version_gives_the_share() {
        let version: semver::Version = "1.2.0".parse().unwrap();
        let on_trial = current(&[("1.0.0", 90), ("1.1.0", 10)], Some("1.1.0"));
        let (targets, rollout) = trial(Some(20), &["X-Beta: yes"])
            .beside(on_trial, &version)
            .unwrap();
        assert_eq!(
            targets,
            json!([{ "version": "1.0.0", "percent": 80 }, { "version": "1.2.0", "percent": 20 }])
        );
        assert_eq!(
            rollout,
            json!({
                "candidate": "1.2.0", "sticky": true, "rollback": { "min_calls": 50 },
                "headers": [{ "name": "x-beta", "value": "yes", "version": "1.2.0" }],
            })
        );
        let (targets, _) = trial(None, &["x-beta: yes"])
            .beside(current(&[("1.0.0", 100)], None), &version)
            .unwrap();
        assert_eq!(targets[1]["percent"], 0);
    }

    #[test]
    fn a_version_that_answers_already_is_not_tried() {
        let spec = || current(&[("1.0.0", 50), ("1.1.0", 50)], None);
        let beside = |version: &str, percent| {
            trial(Some(percent), &[]).beside(spec(), &version.parse().unwrap())
        };
        assert!(beside("1.1.0", 10).is_err());
        assert!(beside("1.2.0", 50).is_err());
        assert!(beside("1.2.0", 49).is_ok());
        for bad in ["x-beta", ": yes", "x-beta:", ""] {
            assert!(header(bad).is_err(), "{bad}");
        }
    }
}
