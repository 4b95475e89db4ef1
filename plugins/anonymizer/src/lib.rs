//! Finds personal data in texts and takes it out.
//!
//! The way of a text: `text` folds it, `recognizers` propose places, `overlap` decides
//! between them, `policy` says what becomes of each, the SDK does it. Everything but
//! `settings` is pure and knows nothing of the host.
#![deny(missing_docs)]

mod checksum;
mod context;
mod detector;
mod entity;
mod finding;
mod overlap;
mod policy;
mod recognizers;
mod settings;
mod text;

use steward_sdk::anonymizer::{Anonymized, Anonymizer, Document, Error, Finding, Policy, treat};

use crate::detector::Search;
use crate::entity::Entities;
use crate::policy::Plan;
use crate::settings::Settings;

/// The plugin.
pub struct PersonalData(Settings);

impl Anonymizer for PersonalData {
    fn new() -> Result<Self, Error> {
        Ok(Self(Settings::read()?))
    }

    fn detect(
        &self,
        batch: Vec<Document>,
        entities: Option<Vec<String>>,
    ) -> Result<Vec<Vec<Finding>>, Error> {
        let entities = match entities {
            Some(names) => Entities::parse(names.iter().map(String::as_str))
                .map_err(|e| Error::InvalidInput(e.to_string()))?,
            None => self.0.search.entities,
        };
        let search = Search {
            entities,
            ..self.0.search
        };
        let findings = |d: &Document| detector::detect(&d.text, search);
        Ok(batch.iter().map(findings).collect())
    }

    fn anonymize(
        &self,
        batch: Vec<Document>,
        policy: Option<Policy>,
    ) -> Result<Vec<Anonymized>, Error> {
        let given = policy
            .map(|policy| Plan::new(policy, self.0.search.entities))
            .transpose()
            .map_err(|e| Error::InvalidInput(format!("policy: {e}")))?;
        let plan = given.as_ref().unwrap_or(&self.0.plan);
        let key = self.0.key_for(plan)?;
        Ok(batch
            .iter()
            .map(|d| {
                treat(
                    &d.text,
                    detector::detect(&d.text, plan.search),
                    &plan.policy,
                    key,
                )
            })
            .collect())
    }
}

steward_sdk::export_anonymizer!(PersonalData);
