//! The configuration of the function.

use steward_sdk::anonymizer::HashKey;
use steward_sdk::{Error, config};

use crate::detector::{Detector, Search};
use crate::entity::{Catalog, Entities};
use crate::model::NamedEntities;
use crate::operators::{EncryptionKey, Generalization, Locale, MasterKey, Operators};
use crate::own::Own;
use crate::policy::{Plan, check_min_score};

/// The least score where neither the call nor the configuration names one: what is well-formed or
/// announced by a label is found, what merely has the right length is not.
const MIN_SCORE: f32 = 0.5;

/// All keys, read and checked.
pub struct Settings {
    /// What is found, and how.
    pub detector: Detector,
    /// For calls that do not say what to look for.
    pub search: Search,
    /// The least score of a call that names its entities: none is lost unless the configuration
    /// says so, since the caller sees the scores.
    pub named_min_score: f32,
    /// For calls without a policy.
    pub plan: Plan,
    /// The model for names, if there is one.
    pub model: Option<NamedEntities>,
    /// The key of the keyed hash, if there is one.
    pub key: Option<HashKey>,
    /// The other operators.
    pub operators: Operators,
}

impl Settings {
    /// Reads them all, so that a mistake shows at the first call and not with the first finding.
    ///
    /// # Errors
    /// `invalid-config`, whose text names the key.
    pub fn read() -> Result<Self, Error> {
        let mut catalog = Catalog::default();
        let own =
            read("recognizers", |json| Own::from_json(json, &mut catalog))?.unwrap_or_default();
        let entities = read("entities", |names| {
            catalog
                .parse_set(names.split(',').map(str::trim))
                .map_err(|e| e.to_string())
        })?;
        let least = read("min_score", |text| {
            let score = text
                .trim()
                .parse()
                .map_err(|_| format!("`{text}` is no number"))?;
            check_min_score(score)
        })?;
        let search = Search {
            entities: entities.unwrap_or_else(Entities::usual),
            min_score: least.unwrap_or(MIN_SCORE),
            named: entities.is_some(),
        };
        let plan = read("policy", |json| Plan::from_json(json, &catalog, search))?
            .unwrap_or_else(|| Plan::replace_by_entity(search));
        let labels = filled("model_labels")?;
        let model = read("model", |name| {
            NamedEntities::new(name.trim(), None, &catalog)
        })?;
        let model = match (model, &labels) {
            (Some(_), Some(labels)) => {
                let name = filled("model")?.unwrap_or_default();
                let named = NamedEntities::new(name.trim(), Some(labels), &catalog);
                Some(named.map_err(|e| wrong("model_labels", &e))?)
            }
            (model, _) => model,
        };
        let key = config::get("hash_key")?;
        let operators = Operators {
            key: key
                .as_deref()
                .map(MasterKey::new)
                .transpose()
                .map_err(|e| wrong("hash_key", &e))?,
            encryption: config::get("encryption_key")?
                .map(|key| EncryptionKey::new(&key).map_err(|e| wrong("encryption_key", &e)))
                .transpose()?,
            locale: read("locale", |name| Locale::parse(name.trim()))?.unwrap_or_default(),
            generalization: generalization()?,
        };
        let key = key
            .map(|k| HashKey::new(&k).map_err(|e| wrong("hash_key", &e)))
            .transpose()?;
        Ok(Self {
            detector: Detector { catalog, own },
            search,
            named_min_score: least.unwrap_or(0.0),
            plan,
            model,
            key,
            operators,
        })
    }

    /// Whether the keys are there that a plan needs.
    ///
    /// # Errors
    /// `invalid-config` where one is not.
    pub fn check_keys(&self, plan: &Plan) -> Result<(), Error> {
        let catalog = &self.detector.catalog;
        if self.key.is_none() && plan.needs_key(catalog) {
            let why = "hashes, pseudonyms and surrogates need a key; none is set";
            return Err(wrong("hash_key", &why));
        }
        if self.operators.encryption.is_none() && plan.needs_encryption_key(catalog) {
            return Err(wrong(
                "encryption_key",
                &"encryption needs a key; none is set",
            ));
        }
        Ok(())
    }
}

fn generalization() -> Result<Generalization, Error> {
    let mut how = Generalization::default();
    if let Some(months) = read("generalize_dates", |text| match text.trim() {
        "year" => Ok(false),
        "month" => Ok(true),
        _ => Err("dates are generalised to a `year` or a `month`".to_owned()),
    })? {
        how.months = months;
    }
    if let Some(years) = read("generalize_ages", |text| match text.trim().parse() {
        Ok(years @ 2..=50) => Ok(years),
        _ => Err("a band of ages is 2 to 50 years wide".to_owned()),
    })? {
        how.years = years;
    }
    Ok(how)
}

/// Reads a key that is set to more than blanks.
fn read<T>(key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, Error> {
    filled(key)?
        .map(|value| parse(&value).map_err(|e| wrong(key, &e)))
        .transpose()
}

/// The value of a key that is set to more than blanks.
fn filled(key: &str) -> Result<Option<String>, Error> {
    Ok(config::get(key)?.filter(|value| !value.trim().is_empty()))
}

fn wrong(key: &str, why: &dyn std::fmt::Display) -> Error {
    Error::InvalidConfig(format!("`{key}`: {why}"))
}
