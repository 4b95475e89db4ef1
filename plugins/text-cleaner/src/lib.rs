//! The plugin `text-cleaner`: cleans Chinese and English texts and finds exact duplicates.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`settings`] | the configuration, read into values that cannot be wrong |
//! | [`rules`] | one module per rule |
//! | [`survey`] | which rules have work in a text |
//! | [`pipeline`] | all rules on one text, until none finds anything more |
//! | [`duplicates`] | which texts are the same |
//!
//! Nothing but this file knows the contract with the host.
#![deny(missing_docs)]

pub mod characters;
pub mod duplicates;
pub mod edits;
pub mod pipeline;
pub mod rules;
pub mod settings;
pub mod survey;

use steward_sdk::cleaner::{Change, Cleaned, Cleaner, Document, Error, Outcome, Reason, Signature};
use steward_sdk::config;

use duplicates::{Hasher, Seen, hexadecimal};
use pipeline::Cleaning;
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
            // An empty text that is kept says nothing, so it says the same as no other.
            if self.settings.drop_duplicates
                && !cleaning.text.is_empty()
                && let Some(first) = seen.before(hasher.hash(&cleaning.text), position)
            {
                return dropped("duplicate", format!("same as {}", short(&batch[first].id)));
            }
            outcome(cleaning, &document.text)
        });
        Ok(outcomes.collect())
    }

    fn fingerprint(&self, batch: Vec<Document>) -> Result<Vec<Signature>, Error> {
        let mut hasher = Hasher::new(self.settings.sameness);
        let signatures = batch.iter().map(|document| {
            let cleaning = pipeline::clean(&document.text, &self.settings);
            Signature {
                exact: hexadecimal(hasher.hash(&cleaning.text)),
                minhash: Vec::new(),
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

fn outcome(cleaning: Cleaning<'_>, before: &str) -> Outcome {
    if cleaning.text == before {
        return Outcome::Kept;
    }
    let changes = cleaning
        .changes()
        .map(|(rule, count)| Change {
            rule: rule.name().to_owned(),
            count,
        })
        .collect();
    Outcome::Changed(Cleaned {
        text: cleaning.text.into_owned(),
        changes,
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
