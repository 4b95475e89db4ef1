//! Finds e-mail addresses and order numbers in batches of texts and takes them out.
//!
//! The plugin finds; the SDK resolves overlaps and carries out the policy of the caller.

use regex::Regex;
use steward_sdk::anonymizer::{
    Anonymized, Anonymizer, Document, Error, Finding, HashKey, Policy, treat, without_overlaps,
};
use steward_sdk::text::CodePoints;
use steward_sdk::{config, log};

struct Plugin {
    recognizers: Vec<Recognizer>,
    hash_key: Option<HashKey>,
}

/// One thing to look for.
struct Recognizer {
    entity: &'static str,
    name: &'static str,
    score: f32,
    pattern: Regex,
}

steward_sdk::export_anonymizer!(Plugin);

impl Anonymizer for Plugin {
    /// Runs before every call. A value that is wrong fails the call with `invalid-config`.
    fn new() -> Result<Self, Error> {
        let prefix: String = config::parse_or("order_prefix", "ORD".into())?;
        // Word boundaries count only ASCII: Chinese text puts no space around a number.
        let order = format!(r"(?-u:\b){}-[0-9]{{6,12}}(?-u:\b)", regex::escape(&prefix));
        let hash_key = config::get("hash_key")?.map(|key| HashKey::new(&key));
        Ok(Self {
            recognizers: vec![
                recognizer("EMAIL_ADDRESS", "email", 0.9, r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}")?,
                recognizer("ORDER_NUMBER", "order-number", 1.0, &order)?,
            ],
            hash_key: hash_key.transpose().map_err(|e| Error::InvalidConfig(format!("`hash_key`: {e}")))?,
        })
    }

    fn detect(&self, batch: Vec<Document>, entities: Option<Vec<String>>) -> Result<Vec<Vec<Finding>>, Error> {
        let wanted = self.wanted(entities.as_deref())?;
        Ok(batch.iter().map(|document| find(&wanted, &document.text)).collect())
    }

    fn anonymize(&self, batch: Vec<Document>, policy: Option<Policy>) -> Result<Vec<Anonymized>, Error> {
        let policy = policy.unwrap_or_default();
        // Also where nothing is found: a wrong policy must not wait for the first finding.
        policy.check().map_err(|e| Error::InvalidInput(format!("policy: {e}")))?;
        let wanted = self.wanted(policy.entities.as_deref())?;
        let key = self.hash_key.as_ref();
        if key.is_none() && policy.needs_key(wanted.iter().map(|recognizer| recognizer.entity)) {
            return Err(Error::InvalidConfig("`hash_key`: the operator `keyed-hash` needs a key; none is set".into()));
        }
        let treated: Vec<Anonymized> = batch
            .iter()
            .map(|document| treat(&document.text, find(&wanted, &document.text), &policy, key))
            .collect();
        let findings: usize = treated.iter().map(|text| text.replacements.len()).sum();
        // `steward function logs` shows it. Never log the texts themselves.
        log::info!(documents = batch.len(), findings = findings; "anonymized a batch");
        Ok(treated)
    }
}

impl Plugin {
    /// The recognizers of these entities; none: all.
    fn wanted(&self, entities: Option<&[String]>) -> Result<Vec<&Recognizer>, Error> {
        let Some(entities) = entities else { return Ok(self.recognizers.iter().collect()) };
        entities
            .iter()
            .map(|entity| {
                let known = self.recognizers.iter().find(|recognizer| recognizer.entity == entity);
                known.ok_or_else(|| Error::InvalidInput(format!("unknown entity `{entity}`")))
            })
            .collect()
    }
}

fn recognizer(entity: &'static str, name: &'static str, score: f32, pattern: &str) -> Result<Recognizer, Error> {
    let pattern = Regex::new(pattern).map_err(|e| Error::InvalidConfig(e.to_string()))?;
    Ok(Recognizer { entity, name, score, pattern })
}

/// What the recognizers find in a text. Regexes count bytes, the contract counts code points.
fn find(recognizers: &[&Recognizer], text: &str) -> Vec<Finding> {
    let points = CodePoints::of(text);
    let matches = recognizers.iter().flat_map(|recognizer| {
        recognizer.pattern.find_iter(text).map(|found| Finding {
            entity: recognizer.entity.into(),
            span: points.span(found.range()),
            score: recognizer.score,
            recognizer: recognizer.name.into(),
        })
    });
    without_overlaps(matches.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use steward_sdk::testing::{Host, anonymizer_cases};

    /// The same file runs against the component: `steward plugin test`.
    #[test]
    fn cases() {
        anonymizer_cases::<Plugin>(env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn a_batch_writes_one_line_without_the_text() {
        let host = Host::new().config("order_prefix", "ORD").declare("hash_key").enter();
        let batch = vec![Document { id: "1".into(), text: "a@b.cn".into() }];
        Plugin::new().unwrap().anonymize(batch, None).unwrap();
        let line = &host.log()[0];
        assert_eq!(line.fields[1], ("findings".into(), "1".into()));
        assert!(!format!("{line:?}").contains("a@b.cn"));
    }
}
