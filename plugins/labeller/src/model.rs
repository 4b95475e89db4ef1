//! A model as a labelling function.

use std::collections::BTreeMap;

use steward_sdk::Error;
use steward_sdk::inference;
use steward_sdk::labeller::Vote;

/// A model that chooses from labels, and how sure it must be.
#[derive(Debug)]
pub struct Zeroshot {
    model: String,
    /// What the model chooses from, and which label each stands for.
    labels: BTreeMap<String, String>,
    threshold: f32,
}

impl Zeroshot {
    /// `labels` says for each label what the model calls it: the name of a class, or the text that an embedding model
    /// compares with.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(
        model: String,
        labels: BTreeMap<String, String>,
        threshold: f32,
    ) -> Result<Self, String> {
        if labels.len() < 2 {
            return Err("`labels`: a model chooses from at least two".into());
        }
        if !(0.0..=1.0).contains(&threshold) {
            return Err(format!(
                "`threshold`: {threshold} is not within 0 and 1; below it the model abstains"
            ));
        }
        let mut stands_for = BTreeMap::new();
        for (label, called) in labels {
            if called.trim().is_empty() {
                return Err(format!("`labels`: `{label}` says nothing to the model"));
            }
            if stands_for.insert(called.clone(), label).is_some() {
                return Err(format!("`labels`: two labels are `{called}` to the model"));
            }
        }
        Ok(Self {
            model,
            labels: stands_for,
            threshold,
        })
    }

    /// The labels that it votes for.
    pub fn labels(&self) -> impl Iterator<Item = &String> {
        self.labels.values()
    }

    /// Asks the model about all texts of a batch at once. It abstains on texts without a character, and below its
    /// threshold.
    ///
    /// # Errors
    /// Where the model is not granted, does not label texts, or does not run.
    pub fn votes(&self, texts: &[String]) -> Result<Vec<Option<Vote>>, Error> {
        let asked: Vec<usize> = (0..texts.len())
            .filter(|place| !texts[*place].trim().is_empty())
            .collect();
        let mut votes = vec![None; texts.len()];
        if asked.is_empty() {
            return Ok(votes);
        }
        let choices: Vec<String> = self.labels.keys().cloned().collect();
        let about: Vec<String> = asked.iter().map(|place| texts[*place].clone()).collect();
        let model = inference::open(&self.model)?;
        let answers = model.classify(&about, Some(&choices))?;
        if answers.len() != asked.len() {
            return Err(Error::Other(format!(
                "the model `{}` answered {} of {} texts",
                self.model,
                answers.len(),
                asked.len()
            )));
        }
        for (place, answer) in asked.into_iter().zip(answers) {
            let best = answer.into_iter().next();
            votes[place] = best
                .filter(|best| best.score.is_finite() && best.score >= self.threshold)
                .and_then(|best| {
                    Some(Vote {
                        label: self.labels.get(&best.label)?.clone(),
                        confidence: best.score.clamp(0.0, 1.0),
                    })
                });
        }
        Ok(votes)
    }
}
