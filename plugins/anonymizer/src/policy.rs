//! Which entity is treated how.

use serde::Deserialize;
use steward_sdk::anonymizer::{Mask, Operator, Policy, Rule};

use crate::detector::Search;
use crate::entity::{Catalog, Entities};
use crate::operators::Placeholder;

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

    /// Checks a policy of the contract; where it names no entities it looks for `entities` and those
    /// of its rules. The error says what cannot be carried out.
    pub fn new(policy: Policy, catalog: &Catalog, entities: Entities) -> Result<Self, String> {
        policy.check()?;
        if policy.rules.len() > MAX_RULES {
            return Err(format!("more than {MAX_RULES} rules"));
        }
        let mut ruled = entities;
        for (i, rule) in policy.rules.iter().enumerate() {
            let entity = catalog
                .parse(&rule.entity)
                .map_err(|e| format!("rule {}: {e}", i + 1))?;
            ruled = ruled.with(entity);
        }
        let named = policy.entities.is_some();
        let entities = match &policy.entities {
            Some(names) => catalog
                .parse_set(names.iter().map(String::as_str))
                .map_err(|e| format!("entities: {e}"))?,
            None => ruled,
        };
        let search = Search {
            entities,
            min_score: policy.min_score,
            named,
        };
        Ok(Self { search, policy })
    }

    /// Reads the configuration value `policy`.
    pub fn from_json(json: &str, catalog: &Catalog, defaults: Search) -> Result<Self, String> {
        if json.len() > MAX_JSON {
            return Err(format!("more than {MAX_JSON} bytes"));
        }
        let json: JsonPolicy = serde_json::from_str(json).map_err(|e| e.to_string())?;
        Self::new(
            json.into_policy(defaults.min_score),
            catalog,
            defaults.entities,
        )
    }

    /// Whether the key of hashes and pseudonyms is needed to carry it out.
    pub fn needs_key(&self, catalog: &Catalog) -> bool {
        self.operators(catalog).any(|operator| match operator {
            Operator::KeyedHash => true,
            Operator::Replace(with) => Placeholder::of(with).any(Placeholder::needs_key),
            _ => false,
        })
    }

    /// Whether the key of encryption is needed to carry it out.
    pub fn needs_encryption_key(&self, catalog: &Catalog) -> bool {
        self.operators(catalog).any(|operator| match operator {
            Operator::Replace(with) => Placeholder::of(with).any(Placeholder::needs_encryption_key),
            _ => false,
        })
    }

    /// The operators of the entities that are looked for.
    fn operators<'a>(&'a self, catalog: &'a Catalog) -> impl Iterator<Item = &'a Operator> {
        catalog
            .all()
            .filter(|entity| self.search.entities.contains(*entity))
            .map(|entity| self.policy.operator(catalog.name(entity)))
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
    /// The others are written as placeholders of a replacement.
    Pseudonym,
    Surrogate,
    Generalize,
    Encrypt,
    Restore,
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
            JsonOperator::Pseudonym => Self::Replace("{pseudonym}".into()),
            JsonOperator::Surrogate => Self::Replace("{surrogate}".into()),
            JsonOperator::Generalize => Self::Replace("{generalized}".into()),
            JsonOperator::Encrypt => Self::Replace("{encrypted}".into()),
            JsonOperator::Restore => Self::Replace("{original}".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Entity;

    const SEARCH: Search = Search {
        entities: Entities::ALL,
        min_score: 0.5,
        named: false,
    };

    fn plan(json: &str) -> Result<Plan, String> {
        Plan::from_json(json, &Catalog::default(), SEARCH)
    }

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
        let plan = plan(json).unwrap();
        let operator = |entity: &str| plan.policy.operator(entity);
        assert!(matches!(operator("URL"), Operator::Redact));
        assert!(matches!(operator("IBAN_CODE"), Operator::KeyedHash));
        assert!(matches!(operator("PHONE_NUMBER"), Operator::Mask(m) if m.keep_last == 4));
        assert!(
            !plan.needs_key(&Catalog::default()),
            "nothing it looks for is hashed"
        );
        assert!(plan.search.named);
        assert!((plan.search.min_score - 0.5).abs() < f32::EPSILON);
    }

    #[test]
    fn an_empty_policy_replaces_all() {
        let plan = plan("{}").unwrap();
        assert!(plan.policy.rules.is_empty());
        assert!(
            matches!(&plan.policy.default_operator, Operator::Replace(with) if with == "<{entity}>")
        );
        assert_eq!(plan.search.entities, Entities::ALL);
    }

    #[test]
    fn mistakes_are_named() {
        let error = |json: &str| plan(json).unwrap_err();
        assert!(error("{").contains("EOF"));
        assert!(error(r#"{"rule": []}"#).contains("`rule`"));
        assert!(error(r#"{"entities": ["NOBODY"]}"#).contains("`NOBODY`"));
        assert!(error(r#"{"min_score": 2}"#).contains("not at 2"));
        assert!(error(r#"{"rules": [{"entity": "X", "operator": "keep"}]}"#).contains("rule 1"));
        assert!(
            error(r#"{"default_operator": {"mask": {"character": "ab"}}}"#).contains("default")
        );
        assert!(error(&" ".repeat(MAX_JSON + 1)).contains("bytes"));
    }

    #[test]
    fn a_rule_makes_its_entity_looked_for() {
        let json = r#"{"rules": [{"entity": "DATE_TIME", "operator": "generalize"}]}"#;
        let search = Search {
            entities: Entities::usual(),
            ..SEARCH
        };
        let plan = Plan::from_json(json, &Catalog::default(), search).unwrap();
        assert!(plan.search.entities.contains(Entity::DATE_TIME) && !plan.search.named);
        assert!(!plan.search.entities.contains(Entity::AGE));
    }

    #[test]
    fn operators_say_which_key_they_need() {
        let catalog = Catalog::default();
        for (operator, key, encryption) in [
            ("\"keyed_hash\"", true, false),
            ("\"pseudonym\"", true, false),
            ("\"surrogate\"", true, false),
            ("\"encrypt\"", false, true),
            ("\"generalize\"", false, false),
            ("{\"replace\": \"{hash}\"}", true, false),
        ] {
            let plan = plan(&format!("{{\"default_operator\": {operator}}}")).unwrap();
            assert_eq!(plan.needs_key(&catalog), key, "{operator}");
            assert_eq!(
                plan.needs_encryption_key(&catalog),
                encryption,
                "{operator}"
            );
        }
    }

    #[test]
    fn a_least_score_is_a_number_from_0_to_1() {
        for wrong in [f32::NAN, -0.1, 1.1, f32::INFINITY] {
            assert!(check_min_score(wrong).is_err());
        }
        assert!(check_min_score(0.0).is_ok() && check_min_score(1.0).is_ok());
    }
}
