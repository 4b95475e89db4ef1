//! How a new version of a function takes over: on trial, for a share of the calls or for those with a header.

use serde::{Deserialize, Serialize};

use crate::manifest::ManifestError;
use crate::{FunctionSpec, Target};

/// Rules about headers of one function, at most.
const MAX_RULES: usize = 16;
/// The longest name and value of such a header, in bytes.
const MAX_HEADER_BYTES: usize = 256;

/// Who meets which version, and what happens to one on trial.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The version on trial, one of the targets: it is judged beside the others, and rolled back by the host where it
    /// does worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<semver::Version>,
    /// Whether calls with the same key always meet the same version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sticky: bool,
    /// Requests that meet a version because of a header, whatever its share. The first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderRule>,
    /// The bounds over which the candidate is rolled back, as the monitor reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<serde_json::Value>,
}

/// Requests with this header meet this version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderRule {
    /// Name of the header, in lower case.
    pub name: String,
    /// Its whole value.
    pub value: String,
    /// One of the targets.
    pub version: semver::Version,
}

impl Rollout {
    /// Whether nothing is said.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

impl FunctionSpec {
    /// The target with the largest share of the calls, and its place; the first one, where several have the same.
    pub fn largest_target(&self) -> Option<(usize, &Target)> {
        let targets = self.targets.iter().enumerate().rev();
        targets.max_by_key(|(_, target)| target.percent)
    }

    /// The same without the version on trial, whose share the largest other one gets. As it is where there is none.
    #[must_use]
    pub fn without_candidate(mut self) -> Self {
        let Some(candidate) = self.rollout.candidate.take() else {
            return self;
        };
        self.rollout.rollback = None;
        self.rollout
            .headers
            .retain(|rule| rule.version != candidate);
        self.targets.retain(|target| target.version != candidate);
        let given: u32 = self.targets.iter().map(|t| u32::from(t.percent)).sum();
        if let Some(largest) = self.targets.iter_mut().max_by_key(|t| t.percent) {
            let missing = u8::try_from(100u32.saturating_sub(given)).unwrap_or(0);
            largest.percent = largest.percent.saturating_add(missing);
        }
        self
    }

    /// The same with the version on trial as the only one. None where none is on trial.
    pub fn promoted(mut self) -> Option<Self> {
        let candidate = self.rollout.candidate.take()?;
        self.targets.retain_mut(|target| {
            target.percent = 100;
            target.version == candidate
        });
        self.rollout = Rollout {
            sticky: self.rollout.sticky,
            ..Rollout::default()
        };
        Some(self)
    }

    /// The rules that need no look at the versions themselves.
    pub(crate) fn check_rollout(&self) -> Result<(), ManifestError> {
        let wrong = |text: String| Err(ManifestError::Invalid(text));
        let is_target = |version: &semver::Version| {
            self.targets.iter().any(|target| target.version == *version)
        };
        let rollout = &self.rollout;
        if let Some(candidate) = &rollout.candidate {
            if !is_target(candidate) {
                return wrong(format!("the candidate {candidate} is none of the targets"));
            }
            if self.targets.len() < 2 {
                return wrong(format!(
                    "the candidate {candidate} is the only target: there is no version to compare it with"
                ));
            }
        }
        if rollout.headers.len() > MAX_RULES {
            return wrong(format!("`headers` has more than {MAX_RULES} rules"));
        }
        for HeaderRule {
            name,
            value,
            version,
        } in &rollout.headers
        {
            if !is_target(version) {
                return wrong(format!(
                    "a rule of `headers` names {version}, which is none of the targets"
                ));
            }
            let named = (1..=MAX_HEADER_BYTES).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
            if !named {
                return wrong(
                    "a header of a rule has 1 to 256 characters a-z, 0-9, - and _".to_owned(),
                );
            }
            if ["authorization", "cookie"].contains(&name.as_str()) {
                return wrong(format!("`{name}` holds secrets and chooses no version"));
            }
            let printable = (1..=MAX_HEADER_BYTES).contains(&value.len())
                && value.bytes().all(|b| (b' '..=b'~').contains(&b));
            if !printable {
                return wrong(format!(
                    "the value of the header `{name}` has 1 to 256 printable ASCII characters"
                ));
            }
        }
        Ok(())
    }

    /// Whether a target may have no share: only because of a rule that leads to it.
    pub(crate) fn is_reached(&self, version: &semver::Version) -> bool {
        self.rollout
            .headers
            .iter()
            .any(|rule| rule.version == *version)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(rollout: serde_json::Value) -> FunctionSpec {
        serde_json::from_value(json!({
            "name": "f", "plugin": "p", "rollout": rollout,
            "targets": [
                { "version": "1.0.0", "percent": 60 }, { "version": "0.9.0", "percent": 30 },
                { "version": "1.1.0", "percent": 10 },
            ],
        }))
        .unwrap()
    }

    fn targets(spec: &FunctionSpec) -> Vec<(String, u8)> {
        let targets = spec.targets.iter();
        targets
            .map(|t| (t.version.to_string(), t.percent))
            .collect()
    }

    #[test]
    fn a_candidate_goes_or_stays_alone() {
        let on_trial = spec(json!({
            "candidate": "1.1.0", "sticky": true, "rollback": { "min_calls": 7 },
            "headers": [
                { "name": "x-beta", "value": "1", "version": "1.1.0" },
                { "name": "x-old", "value": "1", "version": "0.9.0" },
            ],
        }));
        assert_eq!(on_trial.check_rollout(), Ok(()));
        let back = on_trial.clone().without_candidate();
        assert_eq!(targets(&back), [("1.0.0".into(), 70), ("0.9.0".into(), 30)]);
        assert_eq!(back.rollout.headers.len(), 1);
        assert!(back.rollout.sticky && back.rollout.rollback.is_none());
        assert_eq!(back.clone().without_candidate(), back);
        assert_eq!(back.promoted(), None);
        let promoted = on_trial.promoted().unwrap();
        assert_eq!(targets(&promoted), [("1.1.0".into(), 100)]);
        assert_eq!(promoted.check_rollout(), Ok(()));
    }

    #[test]
    fn rules_name_targets_and_plain_headers() {
        let rule = |name: &str, value: &str, version: &str| {
            let rule = json!({ "name": name, "value": value, "version": version });
            spec(json!({ "headers": [rule] })).check_rollout()
        };
        assert_eq!(rule("x-beta", "yes", "1.1.0"), Ok(()));
        for (name, value, version) in [
            ("x-beta", "yes", "2.0.0"),
            ("X-Beta", "yes", "1.1.0"),
            ("", "yes", "1.1.0"),
            ("x beta", "yes", "1.1.0"),
            ("authorization", "yes", "1.1.0"),
            ("cookie", "yes", "1.1.0"),
            ("x-beta", "", "1.1.0"),
            ("x-beta", "a\r\nb", "1.1.0"),
            ("x-beta", "是", "1.1.0"),
        ] {
            assert!(rule(name, value, version).is_err(), "{name} {value}");
        }
        assert!(
            spec(json!({ "candidate": "2.0.0" }))
                .check_rollout()
                .is_err()
        );
        let mut alone = spec(json!({ "candidate": "1.1.0" }));
        alone.targets.retain(|t| t.percent == 10);
        assert!(alone.check_rollout().is_err());
    }
}
