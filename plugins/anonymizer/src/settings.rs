//! The configuration of the function.

use steward_sdk::anonymizer::HashKey;
use steward_sdk::{Error, config};

use crate::detector::Search;
use crate::entity::Entities;
use crate::policy::{Plan, check_min_score};

/// The least score where neither the call nor the configuration names one: what is well-formed or
/// announced by a label is found, what merely has the right length is not.
const MIN_SCORE: f32 = 0.5;

/// The keys `entities`, `min_score`, `policy` and `hash_key`, read and checked.
pub struct Settings {
    /// For calls that do not say what to look for.
    pub search: Search,
    /// For calls without a policy.
    pub plan: Plan,
    /// The key of the keyed hash, if there is one.
    pub key: Option<HashKey>,
}

impl Settings {
    /// Reads them all, so that a mistake shows at the first call and not with the first finding.
    ///
    /// # Errors
    /// `invalid-config`, whose text names the key.
    pub fn read() -> Result<Self, Error> {
        let entities = match filled("entities")? {
            Some(names) => Entities::parse(names.split(',').map(str::trim))
                .map_err(|e| wrong("entities", &e))?,
            None => Entities::ALL,
        };
        let min_score = config::parse_or("min_score", MIN_SCORE)?;
        let min_score = check_min_score(min_score).map_err(|e| wrong("min_score", &e))?;
        let search = Search {
            entities,
            min_score,
        };
        let plan = match filled("policy")? {
            Some(json) => Plan::from_json(&json, search).map_err(|e| wrong("policy", &e))?,
            None => Plan::replace_by_entity(search),
        };
        let key = config::get("hash_key")?;
        let key = key
            .map(|k| HashKey::new(&k).map_err(|e| wrong("hash_key", &e)))
            .transpose()?;
        Ok(Self { search, plan, key })
    }

    /// The key for a plan; none where the plan needs none.
    ///
    /// # Errors
    /// `invalid-config` where it needs one that is not there.
    pub fn key_for(&self, plan: &Plan) -> Result<Option<&HashKey>, Error> {
        if plan.needs_key() && self.key.is_none() {
            return Err(wrong(
                "hash_key",
                &"the operator `keyed-hash` needs a key; none is set",
            ));
        }
        Ok(self.key.as_ref())
    }
}

/// The value of a key that is set to more than blanks.
fn filled(key: &str) -> Result<Option<String>, Error> {
    Ok(config::get(key)?.filter(|value| !value.trim().is_empty()))
}

fn wrong(key: &str, why: &dyn std::fmt::Display) -> Error {
    Error::InvalidConfig(format!("`{key}`: {why}"))
}
