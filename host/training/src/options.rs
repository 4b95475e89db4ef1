//! How a head is trained.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Examples, TrainingError};

/// How a logistic regression is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogisticOptions {
    /// The weight λ of the penalty λ/2 · ‖W‖² beside the sum of the losses; the bias has none. It is 1/C of
    /// scikit-learn. Default 0.1, which suits vectors of length 1.
    pub l2: f64,
    /// What the loss of an example counts. Default all the same.
    pub class_weights: ClassWeights,
    /// Whether each number is scaled to mean 0 and deviation 1 over the examples before, so that the penalty does not
    /// depend on the scale of the vectors. What comes out takes vectors as they are. Default no.
    pub standardize: bool,
    /// The training ends where no slope of the objective, divided by the sum of the weights of the examples, is
    /// larger. Default 1e-8.
    pub tolerance: f64,
    /// The most steps. Default 200; some ten are usual.
    pub max_iterations: u32,
}

/// What the loss of an example counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// All the same.
    #[default]
    Even,
    /// Every label as much as another: n / (labels · examples of the label), as by scikit-learn.
    Balanced,
    /// As given; a label that is not named counts 1.
    Given(BTreeMap<String, f64>),
}

impl Default for LogisticOptions {
    fn default() -> Self {
        Self {
            l2: 0.1,
            class_weights: ClassWeights::Even,
            standardize: false,
            tolerance: 1e-8,
            max_iterations: 200,
        }
    }
}

impl LogisticOptions {
    /// Whether the options keep their rules.
    ///
    /// # Errors
    /// [`TrainingError::Option`]
    pub fn check(&self) -> Result<(), TrainingError> {
        let wrong = |why: String| Err(TrainingError::Option(why));
        // Without a penalty the best head of examples that can be told apart is infinite.
        if !(self.l2.is_finite() && (1e-6..=1e6).contains(&self.l2)) {
            return wrong(format!("`l2` is {}; it is from 1e-6 to 1e6", self.l2));
        }
        if !(1e-12..=1e-2).contains(&self.tolerance) {
            let given = self.tolerance;
            return wrong(format!("`tolerance` is {given}; it is from 1e-12 to 0.01"));
        }
        if self.max_iterations == 0 {
            return wrong("`max_iterations` is 0; it is 1 or more".into());
        }
        self.class_weights.check()
    }
}

impl ClassWeights {
    /// Whether the weights are within their bounds.
    pub(crate) fn check(&self) -> Result<(), TrainingError> {
        let Self::Given(given) = self else {
            return Ok(());
        };
        match given.iter().find(|(_, w)| !(1e-6..=1e6).contains(*w)) {
            Some((label, weight)) => Err(TrainingError::Option(format!(
                "the weight of `{label}` is {weight}; it is from 1e-6 to 1e6"
            ))),
            None => Ok(()),
        }
    }

    /// What each label counts, in their order.
    pub(crate) fn of(&self, examples: &Examples) -> Result<Vec<f64>, TrainingError> {
        let labels = examples.labels();
        match self {
            Self::Even => Ok(vec![1.0; labels.len()]),
            Self::Balanced => {
                let all = examples.len() as f64 / labels.len() as f64;
                // In the order of the labels, since both are sorted.
                let counts = examples.counts();
                Ok(counts.values().map(|count| all / *count as f64).collect())
            }
            Self::Given(given) => {
                if let Some(foreign) = given.keys().find(|name| !labels.contains(name)) {
                    return Err(TrainingError::Option(format!(
                        "a weight is given for `{foreign}`, which no example has"
                    )));
                }
                let weight = |label| given.get(label).copied().unwrap_or(1.0);
                Ok(labels.iter().map(weight).collect())
            }
        }
    }
}
