//! The label model: how good each labelling function is, and what they say together.
//!
//! A generative model with a hidden class for each row. Given the class, functions vote independently; each has a table
//! of probabilities, over its classes and abstention, for each true class. That is data programming (A. Ratner, C. De Sa,
//! S. Wu, D. Selsam and C. Ré, "Data programming: creating large training sets, quickly", NIPS 2016) with accuracies
//! conditional on the class, the model of Snorkel's `LabelModel` (A. Ratner et al., "Training complex models with
//! multi-task weak supervision", AAAI 2019). Snorkel fits its moments by gradient descent; here expectation–maximization
//! finds the maximum of the likelihood, with the table that a function starts from as a weak prior. It starts, as
//! Snorkel's does, from votes that are right seven times of ten.
//!
//! Two differences show in the answers: a function that abstains says something too where it abstains more for one class
//! than for another, and a row about which no function says anything gets no label.

use std::collections::BTreeMap;

use serde::Serialize;

use super::tables::Tables;
use super::{ABSTAIN, Votes};
use crate::LabelsError;
use crate::distribution::{checked, entropy, largest};
use crate::error::at_most;

/// The most numbers in all tables together: 256 MiB.
const MAX_TABLES: usize = 32 << 20;
/// The most probabilities of classes of all rows together: 1 GiB.
const MAX_PROBABILITIES: usize = 128 << 20;

/// How frequent the classes are.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ClassBalance {
    /// All alike, as Snorkel takes it where it is told nothing.
    #[default]
    Uniform,
    /// Known, in the order of the classes.
    Known(Vec<f64>),
    /// Estimated with the rest. Needs functions that vote for several classes.
    Estimated,
}

/// How the model is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How frequent the classes are.
    pub balance: ClassBalance,
    /// The most iterations; at least one is made.
    pub iterations: usize,
    /// It has converged where no probability of a class changes by more than this on average over the rows.
    pub tolerance: f64,
}

impl Default for Options {
    /// Uniform classes, 500 iterations, 1e-6.
    fn default() -> Self {
        Self {
            balance: ClassBalance::Uniform,
            iterations: 500,
            tolerance: 1e-6,
        }
    }
}

/// What the functions say together about one row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeakLabel {
    /// The most likely class; of several the first. None where every function abstains.
    pub label: Option<String>,
    /// The other classes that are as likely.
    pub tied: Vec<String>,
    /// The probability of the label, or of the most likely class.
    pub confidence: f64,
    /// Shannon's entropy of the distribution, in nats.
    pub entropy: f64,
    /// The probability of each class, in their order.
    pub distribution: Vec<f64>,
}

/// What was estimated of one function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionQuality {
    /// The function.
    pub function: String,
    /// The probability that a vote of it is right. A half for two classes is a coin.
    pub accuracy: f64,
    /// `table[true class][vote]`: the probability of each vote; the last is an abstention. A row adds up to 1.
    pub table: Vec<Vec<f64>>,
}

/// A fitted model and what it says about its rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelModel {
    /// The classes, in the order of the distributions.
    pub classes: Vec<String>,
    /// How frequent each class is taken to be.
    pub balance: Vec<f64>,
    /// Every function, in their order.
    pub functions: Vec<FunctionQuality>,
    /// Every row, in their order.
    pub rows: Vec<WeakLabel>,
    /// Iterations made.
    pub iterations: usize,
    /// Whether the tolerance was reached before the iterations were used up.
    pub converged: bool,
}

/// Fits the model to votes, without any known label.
///
/// # Errors
/// [`LabelsError::Undefined`] where no function votes on any row; [`LabelsError::Invalid`] for a known balance that is no
/// distribution over the classes; [`LabelsError::TooMany`] where the tables or the distributions need too much memory.
pub fn fit(votes: &Votes, options: &Options) -> Result<LabelModel, LabelsError> {
    let classes = votes.classes().len();
    let balance = match &options.balance {
        ClassBalance::Uniform | ClassBalance::Estimated => vec![1.0 / classes as f64; classes],
        ClassBalance::Known(known) => checked(known, classes)?,
    };
    let table = (classes + 1).saturating_mul(classes);
    let numbers = votes.functions().len().saturating_mul(table);
    at_most("functions times classes times classes", numbers, MAX_TABLES)?;
    let numbers = votes.rows().saturating_mul(classes);
    at_most("rows times classes", numbers, MAX_PROBABILITIES)?;
    if votes.iter().flatten().all(|vote| *vote == ABSTAIN) {
        return Err(LabelsError::undefined(
            "a label model",
            "no labelling function votes on any row",
        ));
    }
    // Rows with the same votes are one computation.
    let mut patterns = BTreeMap::<&[u16], f64>::new();
    for row in votes.iter() {
        *patterns.entry(row).or_default() += 1.0;
    }
    let patterns: Vec<(&[u16], f64)> = patterns.into_iter().collect();
    let mut model = Tables::start(votes, balance, &patterns);
    let estimate = options.balance == ClassBalance::Estimated;
    let mut posteriors = vec![vec![0.0; classes]; patterns.len()];
    let (mut iterations, mut converged) = (0, false);
    while !converged && iterations < options.iterations.max(1) {
        let change = model.expect(&patterns, &mut posteriors);
        model.maximize(&patterns, &posteriors, estimate);
        converged = change < options.tolerance * votes.rows() as f64;
        iterations += 1;
    }
    model.expect(&patterns, &mut posteriors);
    Ok(LabelModel {
        functions: model.qualities(votes),
        rows: votes
            .iter()
            .map(|row| {
                let place = patterns.binary_search_by(|(pattern, _)| (*pattern).cmp(row));
                weak_label(votes, row, posteriors[place.unwrap_or_default()].clone())
            })
            .collect(),
        classes: votes.classes().to_vec(),
        balance: model.balance,
        iterations,
        converged,
    })
}

fn weak_label(votes: &Votes, row: &[u16], distribution: Vec<f64>) -> WeakLabel {
    let best = largest(&distribution);
    let name = |place: &usize| votes.classes()[*place].clone();
    let silent = row.iter().all(|vote| *vote == ABSTAIN);
    WeakLabel {
        label: (!silent).then(|| name(&best[0])),
        tied: best[1..].iter().map(name).collect(),
        confidence: distribution[best[0]],
        entropy: entropy(&distribution),
        distribution,
    }
}
