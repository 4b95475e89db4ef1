//! Operators of this plugin beside those of the contract.
//!
//! The contract knows `mask`, `replace`, `redact`, `keyed-hash` and `keep`. The others are written as
//! placeholders in the text of `replace`, so that every caller can use them: `{pseudonym}`,
//! `{surrogate}`, `{generalized}`, `{encrypted}`, `{original}`, `{hash}` and `{entity}`.

mod calendar;
mod format;
mod generalize;
mod keys;
mod permutation;
mod pseudonym;
mod stream;
mod surrogate;
mod words;

use steward_sdk::anonymizer::Finding;

use crate::entity::{Catalog, Entity};

pub use generalize::Generalization;
pub use keys::{EncryptionKey, MasterKey};
pub use surrogate::Locale;

/// A placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    Entity,
    Hash,
    Pseudonym,
    Surrogate,
    Generalized,
    Encrypted,
    Original,
}

const PLACEHOLDERS: [(&str, Placeholder); 7] = [
    ("{entity}", Placeholder::Entity),
    ("{hash}", Placeholder::Hash),
    ("{pseudonym}", Placeholder::Pseudonym),
    ("{surrogate}", Placeholder::Surrogate),
    ("{generalized}", Placeholder::Generalized),
    ("{encrypted}", Placeholder::Encrypted),
    ("{original}", Placeholder::Original),
];

impl Placeholder {
    /// The placeholders of a text, in order.
    pub fn of(text: &str) -> impl Iterator<Item = Self> + '_ {
        text.match_indices('{')
            .filter_map(|(at, _)| Self::at_start(&text[at..]))
            .map(|(_, placeholder)| placeholder)
    }

    /// The placeholder that a text begins with, and its name.
    fn at_start(text: &str) -> Option<(&'static str, Self)> {
        PLACEHOLDERS
            .into_iter()
            .find(|(name, _)| text.starts_with(name))
    }

    /// Whether it needs the key of hashes and pseudonyms.
    pub fn needs_key(self) -> bool {
        matches!(self, Self::Hash | Self::Pseudonym | Self::Surrogate)
    }

    /// Whether it needs the key of encryption.
    pub fn needs_encryption_key(self) -> bool {
        self == Self::Encrypted
    }
}

/// Fills placeholders.
#[derive(Debug, Default)]
pub struct Operators {
    /// The key of hashes, pseudonyms and surrogates.
    pub key: Option<MasterKey>,
    /// The key of encryption.
    pub encryption: Option<EncryptionKey>,
    /// In which language surrogates are made up.
    pub locale: Locale,
    /// How much of dates and ages stays.
    pub generalization: Generalization,
}

impl Operators {
    /// The text of a `replace` for a finding; none where its entity is not known.
    pub fn fill(
        &self,
        catalog: &Catalog,
        with: &str,
        finding: &Finding,
        found: &str,
    ) -> Option<String> {
        let mut text = String::with_capacity(with.len() + finding.entity.len());
        let mut rest = with;
        while let Some(open) = rest.find('{') {
            text.push_str(&rest[..open]);
            rest = &rest[open..];
            match Placeholder::at_start(rest) {
                Some((name, Placeholder::Entity)) => {
                    text.push_str(&finding.entity);
                    rest = &rest[name.len()..];
                }
                Some((name, placeholder)) => {
                    let entity = catalog.parse(&finding.entity).ok()?;
                    text.push_str(&self.one(placeholder, entity, &finding.entity, found));
                    rest = &rest[name.len()..];
                }
                None => {
                    text.push('{');
                    rest = &rest[1..];
                }
            }
        }
        text.push_str(rest);
        Some(text)
    }

    /// What stands for one placeholder. Where a key is missing, nothing: plans are checked before,
    /// so that this never happens by a mistake of the caller.
    fn one(&self, placeholder: Placeholder, entity: Entity, name: &str, found: &str) -> String {
        let keyed =
            |act: &dyn Fn(&MasterKey) -> String| self.key.as_ref().map(act).unwrap_or_default();
        match placeholder {
            Placeholder::Entity => name.to_owned(),
            Placeholder::Hash => keyed(&|key| key.hash(found)),
            Placeholder::Pseudonym => keyed(&|key| {
                let formatted = pseudonym::forward(key, entity, name, found);
                formatted.unwrap_or_else(|| surrogate::of(key, entity, name, found, self.locale))
            }),
            Placeholder::Surrogate => {
                keyed(&|key| surrogate::of(key, entity, name, found, self.locale))
            }
            Placeholder::Generalized => generalize::of(entity, found, self.generalization)
                .unwrap_or_else(|| format!("<{name}>")),
            Placeholder::Encrypted => self
                .encryption
                .as_ref()
                .map(|key| key.encrypt(name, found))
                .unwrap_or_default(),
            Placeholder::Original => self
                .original(entity, name, found)
                .unwrap_or_else(|| found.to_owned()),
        }
    }

    /// What was encrypted, or stood where a pseudonym stands; none where this key does not lead back.
    fn original(&self, entity: Entity, name: &str, found: &str) -> Option<String> {
        if entity == Entity::ENCRYPTED {
            return self.encryption.as_ref()?.decrypt(found);
        }
        pseudonym::back(self.key.as_ref()?, entity, name, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steward_sdk::Span;

    fn operators() -> Operators {
        Operators {
            key: Some(MasterKey::new("a key of this test").unwrap()),
            encryption: Some(EncryptionKey::new("another key of it").unwrap()),
            ..Operators::default()
        }
    }

    fn fill(with: &str, entity: &str, found: &str) -> Option<String> {
        let finding = Finding {
            entity: entity.into(),
            span: Span { start: 0, end: 1 },
            score: 1.0,
            recognizer: "test".into(),
        };
        operators().fill(&Catalog::default(), with, &finding, found)
    }

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        assert_eq!(fill("<{entity}>", "URL", "x").unwrap(), "<URL>");
        assert_eq!(fill("{}{{entity}}", "URL", "x").unwrap(), "{}{URL}");
        assert_eq!(fill("{generalized}", "NO_SUCH", "x"), None);
        let text = fill("[{entity}:{generalized}{x}{", "AGE", "38").unwrap();
        assert_eq!(text, "[AGE:30-39{x}{");
    }

    #[test]
    fn encryption_comes_back_with_the_key() {
        let token = fill("{encrypted}", "PHONE_NUMBER", "13812345678").unwrap();
        assert!(
            token.starts_with("<PHONE_NUMBER:") && !token.contains("138"),
            "{token}"
        );
        assert_eq!(
            fill("{original}", "ENCRYPTED", &token).unwrap(),
            "13812345678"
        );
        let broken = token.replace("<PHONE_NUMBER:", "<CREDIT_CARD:");
        assert_eq!(fill("{original}", "ENCRYPTED", &broken).unwrap(), broken);
    }

    #[test]
    fn pseudonyms_come_back_with_the_key() {
        for (entity, found) in [
            ("PHONE_NUMBER", "+86 138-1234-5678"),
            ("CN_RESIDENT_ID", "11010519491231002X"),
            ("CREDIT_CARD", "4012 8888 8888 1881"),
            ("IBAN_CODE", "DE89 3704 0044 0532 0130 00"),
            ("EMAIL_ADDRESS", "zhang.san88@example.com"),
            ("US_SSN", "219-09-9998"),
            ("UUID", "9c5b94b1-35ad-49bb-b118-8e8fc24abf80"),
            ("CA_POSTAL_CODE", "K1A 0B1"),
            ("ZA_MOBILE_NUMBER", "+27 82 123 4567"),
            ("ZA_INCOME_TAX_NUMBER", "0001339050"),
        ] {
            let pseudonym = fill("{pseudonym}", entity, found).unwrap();
            assert_ne!(pseudonym, found);
            assert_eq!(
                pseudonym.chars().count(),
                found.chars().count(),
                "{pseudonym}"
            );
            assert_eq!(fill("{original}", entity, &pseudonym).unwrap(), found);
        }
    }
}
