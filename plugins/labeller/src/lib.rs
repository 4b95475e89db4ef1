//! Labels texts by functions that the configuration describes, and brings together what annotators said.
//!
//! `rule` reads the labelling functions and lets each vote; `words` finds terms, `model` asks a model. `annotations` is
//! the arithmetic of the host's own crate `steward-labels`.
#![deny(missing_docs)]

mod annotations;
mod model;
mod rule;
mod words;

use steward_sdk::labeller::{
    Annotation, Document, Error, Known, Labeller, LabellingFunction, Measure, Verdict, Vote,
};
use steward_sdk::{config, log};

use crate::annotations::Method;
use crate::rule::Rule;

/// The plugin.
pub struct Labels {
    /// None where the configuration has none: a deployment may aggregate alone.
    rules: Option<Vec<Rule>>,
    method: Method,
}

impl Labels {
    fn rules(&self) -> Result<&[Rule], Error> {
        self.rules.as_deref().ok_or_else(|| {
            Error::InvalidConfig(
                "`functions`: there is no labelling function; set a list of them, as README.md shows".into(),
            )
        })
    }
}

impl Labeller for Labels {
    fn new() -> Result<Self, Error> {
        let rules = config::get("functions")?;
        let rules = rules.filter(|json| !json.trim().is_empty());
        Ok(Self {
            rules: rules
                .map(|json| rule::read(&json))
                .transpose()
                .map_err(|why| Error::InvalidConfig(format!("`functions`: {why}")))?,
            method: config::parse_or("aggregation", Method::Majority)?,
        })
    }

    fn functions(&self) -> Result<Vec<LabellingFunction>, Error> {
        let rules = self.rules()?.iter();
        Ok(rules.map(Rule::about).collect())
    }

    fn propose(&self, batch: Vec<Document>) -> Result<Vec<Vec<Option<Vote>>>, Error> {
        let rules = self.rules()?;
        let texts: Vec<String> = batch.into_iter().map(|document| document.text).collect();
        let folded: Vec<String> = texts.iter().map(|text| words::folded(text)).collect();
        let mut rows = vec![Vec::with_capacity(rules.len()); texts.len()];
        for rule in rules {
            let votes = rule.votes(&texts, &folded)?;
            for (row, vote) in rows.iter_mut().zip(votes) {
                row.push(vote);
            }
        }
        let silent = rows.iter().filter(|row| row.iter().all(Option::is_none));
        log::info!(documents = rows.len(), without_vote = silent.count(); "voted on a batch");
        Ok(rows)
    }

    fn aggregate(
        &self,
        annotations: Vec<Annotation>,
        labels: Vec<String>,
        known: Vec<Known>,
    ) -> Result<Vec<Verdict>, Error> {
        annotations::aggregate(self.method, annotations, labels, known)
    }

    fn agreement(
        &self,
        annotations: Vec<Annotation>,
        labels: Vec<String>,
    ) -> Result<Vec<Measure>, Error> {
        annotations::agreement(annotations, labels)
    }
}

steward_sdk::export_labeller!(Labels);
