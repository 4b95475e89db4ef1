//! How much of the texts the embedding model can read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use steward_models::OpenModel;

use super::split::Example;
use crate::DataError;

/// Bytes of texts that are cut into tokens at a time: a call has a bound on its tokens, of which a byte makes one at most.
const BATCH_BYTES: usize = 512 * 1024;

/// Tokens of texts, and those among them that stand for something unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Tokens {
    /// All, without those that are added to every text.
    pub tokens: u64,
    /// Those in whose place the model reads its token for the unknown.
    pub unknown: u64,
}

/// How much of the texts the embedding model can read.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Reading {
    /// Of all texts.
    #[serde(flatten)]
    pub all: Tokens,
    /// Of those of each language, where rows say one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub langs: BTreeMap<String, Tokens>,
}

impl Tokens {
    /// The share that is unknown.
    pub fn share(&self) -> f64 {
        self.unknown as f64 / self.tokens.max(1) as f64
    }

    fn add(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.unknown += other.unknown;
    }
}

impl Reading {
    /// Reads the texts of the examples.
    pub async fn of(
        model: &OpenModel,
        name: &str,
        texts: &[Arc<str>],
        examples: &[Example],
    ) -> Result<Self, DataError> {
        let unknown = model.model().unknown_token();
        let mut reading = Self::default();
        let mut batch: Vec<(&Example, String)> = Vec::new();
        let mut bytes = 0;
        for (place, example) in examples.iter().enumerate() {
            let text = texts.get(example.text).map_or("", |text| &**text);
            bytes += text.len();
            batch.push((example, text.to_owned()));
            let last = place + 1 == examples.len();
            if bytes < BATCH_BYTES && batch.len() < 1024 && !last {
                continue;
            }
            let given: Vec<String> = batch
                .iter_mut()
                .map(|(_, text)| std::mem::take(text))
                .collect();
            let read = model.tokenize(&given, false).await;
            let read = read.map_err(|source| DataError::Model {
                step: name.to_owned(),
                source: Box::new(source),
            })?;
            for ((example, _), read) in batch.drain(..).zip(read) {
                let found = Tokens {
                    tokens: read.ids.len() as u64,
                    unknown: read.ids.iter().filter(|id| Some(**id) == unknown).count() as u64,
                };
                reading.all.add(found);
                if let Some(lang) = &example.lang {
                    reading
                        .langs
                        .entry(lang.to_string())
                        .or_default()
                        .add(found);
                }
            }
            bytes = 0;
        }
        Ok(reading)
    }
}
