//! The labels of tasks and the errors of annotators, each estimated from the other.
//!
//! A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Journal
//! of the Royal Statistical Society C 28, 1979. Started from the shares of the votes, with probabilities no smaller than
//! 1e-10 before they are normalized, and ended, as crowd-kit does: both have the same labels and probabilities. See
//! [`Stop`] for another end.
//!
//! Products of probabilities are sums of logarithms: a task with thousands of votes is no exception.

mod model;

use std::collections::BTreeMap;

use serde::Serialize;

use self::model::Model;
use crate::aggregate::decide;
use crate::error::at_most;
use crate::{Aggregate, Annotations, LabelsError, gold};

/// The most numbers in all confusion matrices together: 256 MiB.
const MAX_CONFUSION: usize = 32 << 20;
/// The most probabilities of labels of all tasks together: 1 GiB.
const MAX_PROBABILITIES: usize = 128 << 20;

/// What must have stopped growing for the estimation to have converged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stop {
    /// The lower bound that crowd-kit looks at. It counts how frequent a label is once for each vote instead of once for
    /// each task, and so is no bound and may fall early: the estimation then ends there.
    #[default]
    CrowdKit,
    /// The log-likelihood of the annotations, which never falls.
    LogLikelihood,
}

/// When the estimation ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// The most iterations; at least one is made.
    pub iterations: usize,
    /// It has converged where what `stop` names grows by less than this for each annotation, in nats.
    pub tolerance: f64,
    /// What must have stopped growing.
    pub stop: Stop,
}

impl Default for Options {
    /// 100 iterations, 1e-5 nats, as crowd-kit.
    fn default() -> Self {
        Self {
            iterations: 100,
            tolerance: 1e-5,
            stop: Stop::CrowdKit,
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
    let mut before = f64::NEG_INFINITY;
    let mut converged = annotations.is_empty();
    while !converged && log_likelihood.len() < options.iterations.max(1) {
        let likelihood = model.expect(annotations, &gold);
        model.maximize(annotations);
        let reached = match options.stop {
            Stop::CrowdKit => model.bound(annotations),
            Stop::LogLikelihood => likelihood,
        };
        converged = reached - before < options.tolerance * annotations.len() as f64;
        before = reached;
        log_likelihood.push(likelihood);
    }
    Ok(DawidSkene {
        annotators: model.qualities(annotations),
        aggregate: decide(annotations, model.probabilities),
        priors: model.priors,
        log_likelihood,
        converged,
    })
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
