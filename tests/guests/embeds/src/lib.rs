//! An anonymizer that asks a model and finds nothing: what a plugin's calls of `inference` cost, and what they answer.

use steward_sdk::anonymizer::{Anonymized, Anonymizer, Document, Error, Finding, Policy};
use steward_sdk::inference;

struct Embeds;

impl Anonymizer for Embeds {
    fn new() -> Result<Self, Error> {
        Ok(Self)
    }

    /// Embeds the texts.
    fn detect(&self, batch: Vec<Document>, _: Option<Vec<String>>) -> Result<Vec<Vec<Finding>>, Error> {
        let texts: Vec<String> = batch.into_iter().map(|document| document.text).collect();
        let vectors = inference::open("minilm")?.embed(&texts)?;
        Ok(vectors.into_iter().map(|_| Vec::new()).collect())
    }

    /// In the place of each text, how well the first goes with it.
    fn anonymize(&self, batch: Vec<Document>, _: Option<Policy>) -> Result<Vec<Anonymized>, Error> {
        let first = batch.first().map_or_else(String::new, |document| document.text.clone());
        let pairs: Vec<(String, String)> =
            batch.into_iter().map(|document| (first.clone(), document.text)).collect();
        let scores = inference::open("minilm")?.score_pairs(&pairs)?;
        let told = |pair: inference::PairScore| Anonymized {
            text: format!("{:.4}", pair.score),
            replacements: Vec::new(),
        };
        Ok(scores.into_iter().map(told).collect())
    }
}

steward_sdk::export_anonymizer!(Embeds);
