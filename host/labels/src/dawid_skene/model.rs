//! Expectation and maximization.

use super::AnnotatorQuality;
use crate::Annotations;
use crate::distribution::{entropy, exponentiate};
use crate::majority::shares;

/// No probability is estimated to be less: one surprising vote must not rule a label out for good.
const LEAST: f64 = 1e-10;

/// What is estimated, and the two steps that estimate it.
pub(super) struct Model {
    labels: usize,
    /// By task, then by label.
    pub probabilities: Vec<Vec<f64>>,
    pub priors: Vec<f64>,
    /// By annotator, then by given label, then by true label.
    confusion: Vec<f64>,
    log_priors: Vec<f64>,
    log_confusion: Vec<f64>,
    /// By annotator, then by label: whether it was ever given.
    given: Vec<bool>,
}

impl Model {
    pub fn new(annotations: &Annotations, gold: &[Option<usize>]) -> Self {
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
            log_priors: Vec::new(),
            log_confusion: Vec::new(),
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
    pub fn maximize(&mut self, annotations: &Annotations) {
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
        self.log_priors.clear();
        let priors = self.priors.iter().map(|p| p.max(LEAST).ln());
        self.log_priors.extend(priors);
        // Rows of labels that an annotator never gave hold zeros, and no vote reads them.
        self.log_confusion.clear();
        self.log_confusion
            .extend(self.confusion.iter().map(|p| p.ln()));
    }

    /// The probabilities of the labels, from how frequent they are and how annotators err; returns the log-likelihood of
    /// the annotations.
    pub fn expect(&mut self, annotations: &Annotations, gold: &[Option<usize>]) -> f64 {
        let labels = self.labels;
        let mut likelihood = 0.0;
        for ((votes, distribution), known) in
            annotations.by_task().zip(&mut self.probabilities).zip(gold)
        {
            distribution.copy_from_slice(&self.log_priors);
            for vote in votes {
                let start = (vote.annotator * labels + vote.label) * labels;
                let logs = &self.log_confusion[start..start + labels];
                for (sum, log) in distribution.iter_mut().zip(logs) {
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

    /// What crowd-kit takes for the evidence lower bound.
    pub fn bound(&self, annotations: &Annotations) -> f64 {
        let labels = self.labels;
        let mut bound = 0.0;
        for (votes, distribution) in annotations.by_task().zip(&self.probabilities) {
            for vote in votes {
                let start = (vote.annotator * labels + vote.label) * labels;
                let logs = &self.log_confusion[start..start + labels];
                for ((p, log), prior) in distribution.iter().zip(logs).zip(&self.log_priors) {
                    bound += p * (log + prior);
                }
            }
            let bounded = distribution.iter().map(|p| p.max(LEAST));
            bound -= bounded.map(|p| p * p.ln()).sum::<f64>();
        }
        bound
    }

    pub fn qualities(&self, annotations: &Annotations) -> Vec<AnnotatorQuality> {
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
