//! Which entity is treated how.

use serde::Deserialize;
use steward_sdk::anonymizer::{Mask, Operator, Policy, Rule};

use crate::detector::Search;
use crate::entity::{Entities, Entity};

/// More rules than this are refused.
const MAX_RULES: usize = 256;

/// The largest policy that is read from the configuration, in bytes.
const MAX_JSON: usize = 64 * 1024;

/// A policy that is known to be possible.
#[derive(Debug)]
pub struct Plan {
    /// What to look for.
    pub search: Search,
    /// What becomes of what is found.
    pub policy: Policy,
}

impl Plan {
    /// Replaces whatever the search finds by `<{entity}>`.
    pub fn replace_by_entity(search: Search) -> Self {
        let policy = Policy::default();
        Self { search, policy }
    }

    /// Checks a policy of the contract; where it names no entities it looks for `entities`. The
    /// error says what cannot be carried out.
    pub fn new(policy: Policy, entities: Entities) -> Result<Self, String> {
        policy.check()?;
        let entities = match &policy.entities {
            Some(names) => Entities::parse(names.iter().map(String::as_str))
                .map_err(|e| format!("entities: {e}"))?,
            None => entities,
        };
        let search = Search {
            entities,
            min_score: policy.min_score,
        };
        if policy.rules.len() > MAX_RULES {
            return Err(format!("more than {MAX_RULES} rules"));
        }
        for (i, rule) in policy.rules.iter().enumerate() {
            Entity::parse(&rule.entity).map_err(|e| format!("rule {}: {e}", i + 1))?;
        }
        Ok(Self { search, policy })
    }

    /// Reads the configuration value `policy`.
    pub fn from_json(json: &str, defaults: Search) -> Result<Self, String> {
        if json.len() > MAX_JSON {
            return Err(format!("more than {MAX_JSON} bytes"));
        }
        let json: JsonPolicy = serde_json::from_str(json).map_err(|e| e.to_string())?;
        Self::new(json.into_policy(defaults.min_score), defaults.entities)
    }

    /// Whether a key is needed to carry it out.
    pub fn needs_key(&self) -> bool {
        let wanted = |entity: &Entity| self.search.entities.contains(*entity);
        let wanted = Entity::ALL.into_iter().filter(wanted);
        self.policy.needs_key(wanted.map(Entity::name))
    }
}

/// Checks that a least score lies between 0 and 1.
pub fn check_min_score(score: f32) -> Result<f32, String> {
    if (0.0..=1.0).contains(&score) {
        return Ok(score);
    }
    Err(format!(
        "a least score lies between 0 and 1, not at {score}"
    ))
}

/// The policy record as JSON, in the spelling of calls over HTTP; everything may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonPolicy {
    #[serde(default)]
    entities: Option<Vec<String>>,
    #[serde(default, alias = "min-score")]
    min_score: Option<f32>,
    #[serde(default)]
    rules: Vec<JsonRule>,
    #[serde(default, alias = "default-operator")]
    default_operator: Option<JsonOperator>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonRule {
    entity: String,
    operator: JsonOperator,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum JsonOperator {
    Mask(JsonMask),
    Replace(String),
    Redact,
    #[serde(alias = "keyed-hash")]
    KeyedHash,
    Keep,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonMask {
    character: String,
    #[serde(default, alias = "keep-first")]
    keep_first: u32,
    #[serde(default, alias = "keep-last")]
    keep_last: u32,
}

impl JsonPolicy {
    fn into_policy(self, min_score: f32) -> Policy {
        let rule = |r: JsonRule| Rule {
            entity: r.entity,
            operator: r.operator.into(),
        };
        let default = || Policy::default().default_operator;
        Policy {
            entities: self.entities,
            min_score: self.min_score.unwrap_or(min_score),
            rules: self.rules.into_iter().map(rule).collect(),
            default_operator: self.default_operator.map_or_else(default, Into::into),
        }
    }
}

impl From<JsonOperator> for Operator {
    fn from(operator: JsonOperator) -> Self {
        match operator {
            JsonOperator::Mask(JsonMask {
                character,
                keep_first,
                keep_last,
            }) => Self::Mask(Mask {
                character,
                keep_first,
                keep_last,
            }),
            JsonOperator::Replace(text) => Self::Replace(text),
            JsonOperator::Redact => Self::Redact,
            JsonOperator::KeyedHash => Self::KeyedHash,
            JsonOperator::Keep => Self::Keep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: Search = Search {
        entities: Entities::ALL,
        min_score: 0.5,
    };

    #[test]
    fn the_first_rule_that_names_an_entity_wins() {
        let json = r#"{
            "entities": ["URL", "PHONE_NUMBER"],
            "rules": [
                {"entity": "URL", "operator": "redact"},
                {"entity": "URL", "operator": "keep"},
                {"entity": "PHONE_NUMBER", "operator": {"mask": {"character": "*", "keep_last": 4}}}
            ],
            "default_operator": "keyed_hash"
        }"#;
        let plan = Plan::from_json(json, SEARCH).unwrap();
        let operator = |entity: Entity| plan.policy.operator(entity.name());
        assert!(matches!(operator(Entity::Url), Operator::Redact));
        assert!(matches!(operator(Entity::IbanCode), Operator::KeyedHash));
        assert!(matches!(operator(Entity::PhoneNumber), Operator::Mask(m) if m.keep_last == 4));
        assert!(!plan.needs_key(), "nothing it looks for is hashed");
        assert!((plan.search.min_score - 0.5).abs() < f32::EPSILON);
    }

    #[test]
    fn an_empty_policy_replaces_all() {
        let plan = Plan::from_json("{}", SEARCH).unwrap();
        assert!(plan.policy.rules.is_empty());
        assert!(
            matches!(&plan.policy.default_operator, Operator::Replace(with) if with == "<{entity}>")
        );
        assert_eq!(plan.search.entities, Entities::ALL);
    }

    #[test]
    fn mistakes_are_named() {
        let error = |json: &str| Plan::from_json(json, SEARCH).unwrap_err();
        assert!(error("{").contains("EOF"));
        assert!(error(r#"{"rule": []}"#).contains("`rule`"));
        assert!(error(r#"{"entities": ["PERSON"]}"#).contains("`PERSON`"));
        assert!(error(r#"{"min_score": 2}"#).contains("not at 2"));
        assert!(error(r#"{"rules": [{"entity": "X", "operator": "keep"}]}"#).contains("rule 1"));
        assert!(
            error(r#"{"default_operator": {"mask": {"character": "ab"}}}"#).contains("default")
        );
        assert!(error(&" ".repeat(MAX_JSON + 1)).contains("bytes"));
    }

    #[test]
    fn a_least_score_is_a_number_from_0_to_1() {
        for wrong in [f32::NAN, -0.1, 1.1, f32::INFINITY] {
            assert!(check_min_score(wrong).is_err());
        }
        assert!(check_min_score(0.0).is_ok() && check_min_score(1.0).is_ok());
    }
}
