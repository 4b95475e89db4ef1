//! Finds personal data in texts and takes it out.
//!
//! The way of a text: `text` folds it; `recognizers`, `rules`, `own` and `model` propose places;
//! `overlap` decides between them; `policy` says what becomes of each, `operators` and the SDK do
//! it. Everything but `settings` and `model` is pure and knows nothing of the host.
#![deny(missing_docs)]

mod bloom;
mod checksum;
mod context;
mod detector;
mod entity;
mod finding;
mod lexicon;
mod model;
mod operators;
mod overlap;
mod own;
mod policy;
mod recognizers;
mod rules;
mod settings;
mod shape;
mod text;
mod window;

use steward_sdk::anonymizer::{
    Anonymized, Anonymizer, Document, Error, Finding, Policy, treat_with,
};

use crate::detector::Search;
use crate::model::Named;
use crate::policy::Plan;
use crate::settings::Settings;

/// The plugin.
pub struct PersonalData(Settings);

impl PersonalData {
    /// The findings of each text of a batch.
    fn find(&self, batch: &[Document], search: Search) -> Result<Vec<Vec<Finding>>, Error> {
        let named: Vec<Vec<Named>> = match &self.0.model {
            Some(model) if model.finds(search.entities) => model.find(batch)?,
            _ => Vec::new(),
        };
        let detection = self.0.detector.prepare(search);
        let of_model = |i: usize| named.get(i).map_or(&[][..], Vec::as_slice);
        let texts = batch.iter().enumerate();
        Ok(texts
            .map(|(i, document)| detection.detect(&document.text, of_model(i)))
            .collect())
    }
}

impl Anonymizer for PersonalData {
    fn new() -> Result<Self, Error> {
        Ok(Self(Settings::read()?))
    }

    fn detect(
        &self,
        batch: Vec<Document>,
        entities: Option<Vec<String>>,
    ) -> Result<Vec<Vec<Finding>>, Error> {
        let search = match entities {
            Some(names) => Search {
                entities: self
                    .0
                    .detector
                    .catalog
                    .parse_set(names.iter().map(String::as_str))
                    .map_err(|e| Error::InvalidInput(e.to_string()))?,
                min_score: self.0.named_min_score,
                named: true,
            },
            None => self.0.search,
        };
        self.find(&batch, search)
    }

    fn anonymize(
        &self,
        batch: Vec<Document>,
        policy: Option<Policy>,
    ) -> Result<Vec<Anonymized>, Error> {
        let catalog = &self.0.detector.catalog;
        let given = policy
            .map(|policy| Plan::new(policy, catalog, self.0.search.entities))
            .transpose()
            .map_err(|e| Error::InvalidInput(format!("policy: {e}")))?;
        let plan = given.as_ref().unwrap_or(&self.0.plan);
        self.0.check_keys(plan)?;
        let findings = self.find(&batch, plan.search)?;
        let key = self.0.key.as_ref();
        let treated = batch.iter().zip(findings).map(|(document, findings)| {
            treat_with(
                &document.text,
                findings,
                &plan.policy,
                key,
                |with, finding, found| self.0.operators.fill(catalog, with, finding, found),
            )
        });
        Ok(treated.collect())
    }
}

steward_sdk::export_anonymizer!(PersonalData);
