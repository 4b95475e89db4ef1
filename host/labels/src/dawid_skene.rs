//! The labels of tasks and the errors of annotators, each estimated from the other.
//!
//! A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Journal
//! of the Royal Statistical Society C 28, 1979. Started from the shares of the votes, with probabilities no smaller than
//! 1e-10 before they are normalized, as crowd-kit does; after as many iterations both have the same probabilities. They
//! end differently: crowd-kit's loss counts the prior of a label once for each vote instead of once for each task, and so
//! stops early now and then. Products of probabilities are sums of logarithms: a task with
//! thousands of votes is no exception.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::aggregate::decide;
use crate::distribution::{entropy, exponentiate};
use crate::error::at_most;
use crate::majority::shares;
use crate::{Aggregate, Annotations, LabelsError, gold};

/// No probability is estimated to be less: one surprising vote must not rule a label out for good.
const LEAST: f64 = 1e-10;
/// The most numbers in all confusion matrices together: 256 MiB.
const MAX_CONFUSION: usize = 32 << 20;
/// The most probabilities of labels of all tasks together: 1 GiB.
const MAX_PROBABILITIES: usize = 128 << 20;

/// When the estimation ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// The most iterations; at least one is made.
    pub iterations: usize,
    /// It has converged where the log-likelihood grows by less than this for each annotation, in nats.
    pub tolerance: f64,
}

impl Default for Options {
    /// 100 iterations, 1e-5 nats.
    fn default() -> Self {
        Self {
            iterations: 100,
            tolerance: 1e-5,
        }
    }
}

/// What is estimated of one annotator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnnotatorQuality {
    /// The annotator.
    pub annotator: String,
    /// How many tasks it labelled.
    pub tasks: usize,
    /// `confusion[true label][given label]`: the probability of each answer. A row adds up to 1.
    pub confusion: Vec<Vec<f64>>,
    /// The probability of a right answer to a task of this project.
    pub accuracy: f64,
    /// What an answer tells of the true label: mutual information over the entropy of the labels, 0 to 1. It is 0 for
    /// who always answers the same, however often that is right, and 1 for who always confuses the same two labels.
    pub information: f64,
}

/// What the estimation came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DawidSkene {
    /// The labels.
    pub aggregate: Aggregate,
    /// How frequent each label is, in the order of the labels.
    pub priors: Vec<f64>,
    /// Every annotator, in order of its text.
    pub annotators: Vec<AnnotatorQuality>,
    /// The log-likelihood of the annotations before each iteration, in nats. It does not fall.
    pub log_likelihood: Vec<f64>,
    /// Whether the tolerance was reached before the iterations were used up.
    pub converged: bool,
}

/// Estimates labels and errors. The label of a task in `gold` is known and stays as it is; gold of other tasks is left out.
///
/// # Errors
/// [`LabelsError::UnknownLabel`] for gold that is none of the labels; [`LabelsError::TooMany`] where annotators or tasks
/// times labels need too much memory.
pub fn dawid_skene(
    annotations: &Annotations,
    gold: &BTreeMap<String, String>,
    options: Options,
) -> Result<DawidSkene, LabelsError> {
    let (workers, labels) = (annotations.annotators().len(), annotations.labels().len());
    let numbers = workers.saturating_mul(labels).saturating_mul(labels);
    at_most(
        "annotators times labels times labels",
        numbers,
        MAX_CONFUSION,
    )?;
    let tasks = annotations.tasks().len().saturating_mul(labels);
    at_most("tasks times labels", tasks, MAX_PROBABILITIES)?;
    let gold = gold::places(annotations, gold)?;
    let mut model = Model::new(annotations, &gold);
    let mut log_likelihood: Vec<f64> = Vec::new();
    let mut converged = annotations.is_empty();
    while !converged && log_likelihood.len() < options.iterations.max(1) {
        let reached = model.expect(annotations, &gold);
        model.maximize(annotations);
        let before = log_likelihood.last().copied();
        converged = before
            .is_some_and(|before| reached - before < options.tolerance * annotations.len() as f64);
        log_likelihood.push(reached);
    }
    Ok(DawidSkene {
        annotators: model.qualities(annotations),
        aggregate: decide(annotations, model.probabilities),
        priors: model.priors,
        log_likelihood,
        converged,
    })
}

struct Model {
    labels: usize,
    /// By task, then by label.
    probabilities: Vec<Vec<f64>>,
    priors: Vec<f64>,
    /// By annotator, then by given label, then by true label.
    confusion: Vec<f64>,
    /// By annotator, then by label: whether it was ever given.
    given: Vec<bool>,
}

impl Model {
    fn new(annotations: &Annotations, gold: &[Option<usize>]) -> Self {
        let (workers, labels) = (annotations.annotators().len(), annotations.labels().len());
        let mut given = vec![false; workers * labels];
        for vote in annotations.votes() {
            given[vote.annotator * labels + vote.label] = true;
        }
        let mut model = Self {
            labels,
            probabilities: shares(annotations, &vec![1.0; workers]),
            priors: vec![0.0; labels],
            confusion: vec![0.0; workers * labels * labels],
            given,
        };
        for (distribution, known) in model.probabilities.iter_mut().zip(gold) {
            if let Some(label) = *known {
                distribution.fill(0.0);
                distribution[label] = 1.0;
            }
        }
        model.maximize(annotations);
        model
    }

    /// How frequent labels are and how annotators err, from the probabilities of the labels.
    fn maximize(&mut self, annotations: &Annotations) {
        let labels = self.labels;
        self.priors.fill(0.0);
        for distribution in &self.probabilities {
            for (prior, p) in self.priors.iter_mut().zip(distribution) {
                *prior += p / self.probabilities.len() as f64;
            }
        }
        self.confusion.fill(0.0);
        for vote in annotations.votes() {
            let start = (vote.annotator * labels + vote.label) * labels;
            let row = &mut self.confusion[start..start + labels];
            for (sum, p) in row.iter_mut().zip(&self.probabilities[vote.task]) {
                *sum += p;
            }
        }
        let matrices = self.confusion.chunks_mut((labels * labels).max(1));
        for (matrix, given) in matrices.zip(self.given.chunks(labels.max(1))) {
            for truth in 0..labels {
                // Over the labels that this annotator uses: for a true label that it never met, each is as likely.
                let used = (0..labels).filter(|label| given[*label]);
                let mut sum = 0.0;
                for label in used.clone() {
                    let place = label * labels + truth;
                    matrix[place] = matrix[place].max(LEAST);
                    sum += matrix[place];
                }
                for label in used {
                    matrix[label * labels + truth] /= sum;
                }
            }
        }
    }

    /// The probabilities of the labels, from how frequent they are and how annotators err; returns the log-likelihood of
    /// the annotations.
    fn expect(&mut self, annotations: &Annotations, gold: &[Option<usize>]) -> f64 {
        let labels = self.labels;
        let priors: Vec<f64> = self.priors.iter().map(|p| p.max(LEAST).ln()).collect();
        // Rows of labels that an annotator never gave hold zeros, and no vote reads them.
        let logs: Vec<f64> = self.confusion.iter().map(|p| p.ln()).collect();
        let mut likelihood = 0.0;
        for ((votes, distribution), known) in
            annotations.by_task().zip(&mut self.probabilities).zip(gold)
        {
            distribution.copy_from_slice(&priors);
            for vote in votes {
                let start = (vote.annotator * labels + vote.label) * labels;
                for (sum, log) in distribution.iter_mut().zip(&logs[start..start + labels]) {
                    *sum += log;
                }
            }
            likelihood += match *known {
                None => exponentiate(distribution),
                Some(label) => {
                    let reached = distribution[label];
                    distribution.fill(0.0);
                    distribution[label] = 1.0;
                    reached
                }
            };
        }
        likelihood
    }

    fn qualities(&self, annotations: &Annotations) -> Vec<AnnotatorQuality> {
        let labels = self.labels;
        let mut tasks = vec![0; annotations.annotators().len()];
        for vote in annotations.votes() {
            tasks[vote.annotator] += 1;
        }
        let matrices = self.confusion.chunks((labels * labels).max(1));
        annotations
            .annotators()
            .iter()
            .zip(matrices)
            .zip(tasks)
            .map(|((annotator, matrix), tasks)| {
                let row =
                    |truth: usize| (0..labels).map(move |label| matrix[label * labels + truth]);
                let confusion: Vec<Vec<f64>> =
                    (0..labels).map(|truth| row(truth).collect()).collect();
                AnnotatorQuality {
                    annotator: annotator.clone(),
                    tasks,
                    accuracy: (0..labels).map(|l| self.priors[l] * confusion[l][l]).sum(),
                    information: information(&self.priors, &confusion),
                    confusion,
                }
            })
            .collect()
    }
}

/// Mutual information between true and given label, over the entropy of the true ones.
fn information(priors: &[f64], confusion: &[Vec<f64>]) -> f64 {
    let mut given = vec![0.0; priors.len()];
    let mut remaining = 0.0;
    for (prior, row) in priors.iter().zip(confusion) {
        for (sum, p) in given.iter_mut().zip(row) {
            *sum += prior * p;
        }
        remaining += prior * entropy(row);
    }
    let whole = entropy(priors);
    if whole > 0.0 {
        ((entropy(&given) - remaining) / whole).clamp(0.0, 1.0)
    } else {
        0.0 // with one label there is nothing to tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Annotation;

    fn run(annotations: &Annotations) -> DawidSkene {
        dawid_skene(annotations, &BTreeMap::new(), Options::default()).unwrap()
    }

    #[test]
    fn nothing_comes_of_nothing() {
        let empty = run(&Annotations::new([]).unwrap());
        assert!(empty.converged && empty.aggregate.tasks.is_empty() && empty.annotators.is_empty());
        let labels = Annotations::with_labels(["x", "y"], []).unwrap();
        assert_eq!(run(&labels).priors, [0.0, 0.0]);
    }

    #[test]
    fn many_votes_do_not_underflow() {
        let votes = (0..5000).map(|i| {
            let label = if i % 10 < 6 { "x" } else { "y" };
            Annotation::new("t", format!("a{i}"), label)
        });
        let found = run(&Annotations::new(votes).unwrap());
        assert_eq!(found.aggregate.tasks[0].label, "x");
        assert!(found.log_likelihood.iter().all(|l| l.is_finite()));
    }

    #[test]
    fn who_always_answers_the_same_tells_nothing() {
        let votes = (0..60).flat_map(|i| {
            let label = if i % 3 == 0 { "rare" } else { "usual" };
            let task = format!("t{i}");
            [
                Annotation::new(&task, "a", label),
                Annotation::new(&task, "b", label),
                Annotation::new(&task, "lazy", "usual"),
                Annotation::new(&task, "opposite", if i % 3 == 0 { "usual" } else { "rare" }),
            ]
        });
        let found = run(&Annotations::new(votes).unwrap());
        let quality = |name: &str| {
            found
                .annotators
                .iter()
                .find(|q| q.annotator == name)
                .unwrap()
        };
        assert!(quality("a").accuracy > 0.999 && quality("a").information > 0.999);
        assert!((quality("lazy").accuracy - 2.0 / 3.0).abs() < 1e-6);
        assert!(quality("lazy").information < 1e-6);
        assert!(quality("opposite").accuracy < 0.001 && quality("opposite").information > 0.999);
    }

    #[test]
    fn gold_stays_as_it_is() {
        let annotations = Annotations::new([
            Annotation::new("t1", "a", "x"),
            Annotation::new("t1", "b", "x"),
            Annotation::new("t2", "a", "y"),
            Annotation::new("t2", "b", "y"),
        ])
        .unwrap();
        let gold = BTreeMap::from([("t1".to_owned(), "y".to_owned())]);
        let found = dawid_skene(&annotations, &gold, Options::default()).unwrap();
        let first = found.aggregate.task("t1").unwrap();
        assert_eq!((first.label.as_str(), first.confidence), ("y", 1.0));
        let unknown = BTreeMap::from([("t1".to_owned(), "z".to_owned())]);
        assert!(dawid_skene(&annotations, &unknown, Options::default()).is_err());
    }
}
