//! What is asked of the log of events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_registry::events::PersonIn;
use steward_registry::{EventPattern, Name, TenantId};

use super::super::given::{feedback, thirty};
use super::log::Log;
use crate::DataError;

/// The most patterns of types.
const MAX_TYPES: usize = 16;

/// Which events, and who did them.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct EventsWhich {
    /// Of one of these types; none: of all. What a funnel or a retention names comes along in any case.
    #[serde(default)]
    pub types: Vec<EventPattern>,
    /// Of this source.
    #[serde(default)]
    pub source: Option<String>,
    /// What of an event says who did it.
    #[serde(default)]
    pub person: PersonIn,
    /// Of this time or later.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Before this time; none, or a time to come: now.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// People through steps.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunnelGiven {
    /// The deployed function that measures it.
    #[serde(default = "feedback")]
    pub function: Name,
    /// Types of events, 2 to 50, in their order.
    pub steps: Vec<String>,
    /// From the first step to the last at most, in milliseconds; none: without limit.
    #[serde(default)]
    pub window_ms: Option<i64>,
    /// Whether another event between two steps ends the way.
    #[serde(default)]
    pub strict: bool,
    /// Fewer people than so many are not told.
    #[serde(default = "thirty")]
    pub minimum: u32,
    /// Of which events.
    #[serde(flatten)]
    pub which: EventsWhich,
}

/// What counts as having come back for day N.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetentionKind {
    /// On day N.
    #[default]
    NDay,
    /// On at least one of the days 1 to N.
    Cumulative,
    /// On day N or later; also called rolling.
    #[serde(alias = "rolling")]
    Unbounded,
}

impl RetentionKind {
    /// Its word in the contract, as JSON has it.
    pub(super) fn returning(self) -> &'static str {
        match self {
            Self::NDay => "n_day",
            Self::Cumulative => "cumulative",
            Self::Unbounded => "unbounded",
        }
    }
}

/// People who come back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionGiven {
    /// The deployed function that measures it.
    #[serde(default = "feedback")]
    pub function: Name,
    /// The type of the event that begins; none: the first of any type.
    #[serde(default)]
    pub start: Option<String>,
    /// The type of the event that counts as coming back; none: any.
    #[serde(default)]
    pub back: Option<String>,
    /// What counts.
    #[serde(default)]
    pub kind: RetentionKind,
    /// How many days after the first are told, 1 to 400.
    #[serde(default = "thirty")]
    pub days: u32,
    /// People who began within the same so many days are one cohort, 1 to 400.
    #[serde(default = "week")]
    pub cohort_days: u32,
    /// Fewer people than so many are not told.
    #[serde(default = "thirty")]
    pub minimum: u32,
    /// Of which events.
    #[serde(flatten)]
    pub which: EventsWhich,
}

/// What people do one after the other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathsGiven {
    /// The deployed function that finds them.
    #[serde(default = "feedback")]
    pub function: Name,
    /// Events in a path, 2 to 10.
    #[serde(default = "three")]
    pub length: u32,
    /// A longer pause ends a visit, in milliseconds.
    #[serde(default = "half_an_hour")]
    pub pause_ms: i64,
    /// The most paths, 1 to 1000.
    #[serde(default = "twenty")]
    pub most: u32,
    /// Paths of fewer people are not told.
    #[serde(default = "thirty")]
    pub minimum: u32,
    /// Of which events.
    #[serde(flatten)]
    pub which: EventsWhich,
}

fn week() -> u32 {
    7
}

fn three() -> u32 {
    3
}

fn twenty() -> u32 {
    20
}

fn half_an_hour() -> i64 {
    30 * 60 * 1000
}

impl EventsWhich {
    /// What is wrong with it, as far as that can be seen without the log. A time to come becomes `now`: what did not happen yet
    /// is not complete.
    pub(super) fn checked(mut self, now: Timestamp) -> Result<Self, DataError> {
        if self.types.len() > MAX_TYPES {
            return Err(DataError::Invalid(format!(
                "{} types; at most {MAX_TYPES} narrow the events: take a common prefix, as `com.example.*`",
                self.types.len()
            )));
        }
        let until = self.until.map_or(now, |until| until.min(now));
        if let Some(since) = self.since
            && since >= until
        {
            return Err(DataError::Invalid(match self.until {
                Some(given) if given <= now => format!(
                    "`until` ({given}) is not after `since` ({since}): no event lies between them"
                ),
                _ => format!("`since` ({since}) is not in the past: nothing happened yet"),
            }));
        }
        self.until = Some(until);
        Ok(self)
    }
}

/// The types of events by these names, each of which the log must have: a step that nobody takes and one that nobody can take
/// look the same otherwise.
pub(super) async fn known(
    log: &Log<'_>,
    tenant: &TenantId,
    field: &str,
    names: &[String],
) -> Result<Vec<EventPattern>, DataError> {
    let mut types = Vec::with_capacity(names.len());
    for name in names {
        let parsed: Option<EventPattern> = name.parse().ok();
        let parsed = parsed.filter(|one| one.prefix().is_none());
        let Some(parsed) = parsed else {
            return Err(DataError::Invalid(format!(
                "`{field}`: `{}` is not the type of an event, as `com.example.order.paid`",
                name.chars().take(80).collect::<String>().escape_debug()
            )));
        };
        if !types.contains(&parsed) {
            log.has(tenant, field, name).await?;
            types.push(parsed);
        }
    }
    Ok(types)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(which: Value) -> Result<EventsWhich, String> {
        let which: EventsWhich = serde_json::from_value(which).map_err(|e| e.to_string())?;
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        which.checked(now).map_err(|e| e.to_string())
    }

    #[test]
    fn what_did_not_happen_yet_is_not_complete() {
        let until = |which: Value| checked(which).unwrap().until.unwrap().to_string();
        assert_eq!(until(json!({})), "2026-06-01T00:00:00Z");
        assert_eq!(
            until(json!({ "until": "2027-01-01T00:00:00Z", "since": "2026-05-01T00:00:00Z" })),
            "2026-06-01T00:00:00Z"
        );
        assert_eq!(
            until(json!({ "until": "2026-05-01T00:00:00Z" })),
            "2026-05-01T00:00:00Z"
        );
    }

    #[test]
    fn times_that_hold_nothing_are_refused() {
        let (may, june) = ("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z");
        for (which, part) in [
            (json!({ "since": may, "until": may }), "`until`"),
            (
                json!({ "since": may, "until": "2026-04-01T00:00:00Z" }),
                "`until`",
            ),
            (json!({ "since": june }), "not in the past"),
            (json!({ "types": vec!["x"; 17] }), "17 types"),
            (json!({ "types": ["no type"] }), "no type"),
            (json!({ "person": "who?" }), "data.FIELD"),
        ] {
            let error = checked(which.clone()).unwrap_err();
            assert!(error.contains(part), "{which}: {error}");
        }
    }

    /// A filter that is misspelt would not narrow anything.
    #[test]
    fn fields_that_are_none_are_refused() {
        let which = json!({
            "types": ["a.*"], "source": "/shop", "person": "data.user", "since": null, "until": "2026-06-01T00:00:00Z",
            "function": "own", "minimum": 5,
        });
        let with = |rest: Value| {
            let mut all = which.clone();
            for (name, value) in rest.as_object().into_iter().flatten() {
                all[name] = value.clone();
            }
            all
        };
        let funnel = with(json!({ "steps": ["a", "b"], "window_ms": 5, "strict": true }));
        assert!(serde_json::from_value::<FunnelGiven>(funnel).is_ok());
        let retention = with(
            json!({ "start": "a", "back": "b", "kind": "unbounded", "days": 3, "cohort_days": 1 }),
        );
        assert!(serde_json::from_value::<RetentionGiven>(retention).is_ok());
        let paths = with(json!({ "length": 2, "pause_ms": 1, "most": 3 }));
        assert!(serde_json::from_value::<PathsGiven>(paths).is_ok());
        for wrong in [json!({ "form": 1 }), json!({ "to": 1 })] {
            let funnel = with(json!({ "steps": ["a"] }));
            let mut all = funnel.clone();
            for (name, value) in wrong.as_object().into_iter().flatten() {
                all[name] = value.clone();
            }
            assert!(serde_json::from_value::<FunnelGiven>(all).is_err());
            assert!(serde_json::from_value::<RetentionGiven>(with(wrong.clone())).is_err());
            assert!(serde_json::from_value::<PathsGiven>(with(wrong)).is_err());
        }
    }

    #[test]
    fn rolling_is_another_word_for_unbounded() {
        let kind = |word: &str| {
            let given = serde_json::from_value::<RetentionGiven>(json!({ "kind": word }));
            given.map(|given| json!(given.kind))
        };
        assert_eq!(kind("rolling").unwrap(), "unbounded");
        assert_eq!(kind("unbounded").unwrap(), "unbounded");
        let error = kind("sliding").unwrap_err().to_string();
        assert!(error.contains("sliding"), "{error}");
    }
}
