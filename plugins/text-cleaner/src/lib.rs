//! The plugin `text-cleaner`: cleans and judges Chinese and English texts and finds duplicates.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`settings`] | the configuration, read into values that cannot be wrong |
//! | [`rules`] | one module per rule |
//! | [`survey`] | which rules have work in a text |
//! | [`pipeline`] | all rules on one text, until none finds anything more |
//! | [`chinese`] | conversion between the scripts of Chinese |
//! | [`quality`] | rules that judge a text |
//! | [`words`], [`sentences`] | what a text is made of |
//! | [`duplicates`] | which texts are the same |
//! | [`minhash`] | which texts are nearly the same |
//! | [`dictionary`] | the data that is part of the component |
//!
//! Nothing but this file knows the contract with the host.
#![deny(missing_docs)]

pub mod characters;
pub mod chinese;
pub mod dictionary;
pub mod duplicates;
pub mod edits;
pub mod minhash;
pub mod pipeline;
pub mod quality;
pub mod rules;
pub mod sentences;
pub mod settings;
pub mod survey;
pub mod words;

use steward_sdk::cleaner::{Change, Cleaned, Cleaner, Document, Error, Outcome, Reason, Signature};
use steward_sdk::config;

use duplicates::{Hasher, Seen, hexadecimal};
use minhash::MinHash;
use pipeline::Cleaning;
use quality::Verdict;
use settings::{Settings, SettingsError};

/// The plugin under the configuration of one function.
#[derive(Debug, Default)]
pub struct TextCleaner {
    settings: Settings,
}

impl TextCleaner {
    /// A cleaner with these settings.
    pub fn with(settings: Settings) -> Self {
        Self { settings }
    }

    /// What became of a text that stays. Rules that it breaks are told as changes: `tag:gopher-words`.
    fn outcome(&self, cleaning: Cleaning<'_>, before: &str, verdicts: &[Verdict]) -> Outcome {
        if cleaning.text == before && verdicts.is_empty() {
            return Outcome::Kept;
        }
        let changed = cleaning.text != before;
        let rules = cleaning
            .changes()
            .filter(|_| changed)
            .map(|(rule, count)| Change {
                rule: rule.name().to_owned(),
                count,
            });
        let tags = verdicts.iter().map(|verdict| Change {
            rule: if self.settings.quality.details {
                format!("tag:{} {}", verdict.rule, verdict.detail)
            } else {
                format!("tag:{}", verdict.rule)
            },
            count: 1,
        });
        let changes = rules.chain(tags).collect();
        Outcome::Changed(Cleaned {
            text: cleaning.text.into_owned(),
            changes,
        })
    }
}

impl From<SettingsError> for Error {
    fn from(error: SettingsError) -> Self {
        Error::InvalidConfig(error.to_string())
    }
}

impl Cleaner for TextCleaner {
    fn new() -> Result<Self, Error> {
        Settings::read(config::get).map(Self::with)
    }

    fn clean(&self, batch: Vec<Document>) -> Result<Vec<Outcome>, Error> {
        let mut hasher = Hasher::new(self.settings.sameness);
        let mut seen = Seen::default();
        let outcomes = batch.iter().enumerate().map(|(position, document)| {
            let cleaning = pipeline::clean(&document.text, &self.settings);
            if let Some((rule, detail)) =
                rules::length::check(&cleaning.text, &document.text, &self.settings)
            {
                return dropped(rule, detail);
            }
            let verdicts = self.settings.quality.judge(&cleaning.text);
            if !self.settings.quality.tag
                && let Some(verdict) = verdicts.first()
            {
                return dropped(verdict.rule, verdict.detail.clone());
            }
            // An empty text that is kept says nothing, so it says the same as no other.
            if self.settings.drop_duplicates
                && !cleaning.text.is_empty()
                && let Some(first) = seen.before(hasher.hash(&cleaning.text), position)
            {
                return dropped("duplicate", format!("same as {}", short(&batch[first].id)));
            }
            self.outcome(cleaning, &document.text, &verdicts)
        });
        Ok(outcomes.collect())
    }

    fn fingerprint(&self, batch: Vec<Document>) -> Result<Vec<Signature>, Error> {
        let mut hasher = Hasher::new(self.settings.sameness);
        let mut minhash = self.settings.minhash.then(MinHash::default);
        let signatures = batch.iter().map(|document| {
            let cleaning = pipeline::clean(&document.text, &self.settings);
            let values = minhash
                .as_mut()
                .map(|minhash| minhash.signature(&cleaning.text));
            Signature {
                exact: hexadecimal(hasher.hash(&cleaning.text)),
                minhash: values.map_or_else(Vec::new, |values| values.to_vec()),
            }
        });
        Ok(signatures.collect())
    }
}

fn dropped(rule: &str, detail: String) -> Outcome {
    Outcome::Dropped(Reason {
        rule: rule.to_owned(),
        detail,
    })
}

/// An id for a message: those that are longer than people read are cut.
fn short(id: &str) -> String {
    const MOST: usize = 64;
    match id.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &id[..end]),
        None => id.to_owned(),
    }
}

steward_sdk::export_cleaner!(TextCleaner);
