//! What is told to everybody who may read: sums and counts, and no row.

use serde::Serialize;
use steward_training::LogisticOptions;

use super::compare::{Comparison, accuracy, f1, mean_loss};
use super::examples::{LeftOut, Training};
use super::heads::Judged;

/// The report of an impact.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// `impact`, which tells it from the outcome of a run that treats rows.
    pub report: &'static str,
    /// The id of the run.
    pub run: String,
    pub model: ModelUsed,
    pub evaluation: Evaluation,
    pub training: LogisticOptions,
    pub seed: u64,
    /// What a sample loses whose label a set does not have.
    pub unknown_label_loss: f64,
    /// One for each snapshot, the first being what the others were made of.
    pub sets: Vec<Set>,
    /// One for each step of the chain; of a longer chain, the whole last.
    pub comparisons: Vec<Comparison>,
    pub texts_embedded: usize,
    pub seconds: f64,
}

/// The model that embeds.
#[derive(Debug, Serialize)]
pub(super) struct ModelUsed {
    pub uses: String,
    pub digest: String,
}

/// What losses were measured on.
#[derive(Debug, Serialize)]
pub(super) struct Evaluation {
    pub dataset: String,
    pub read: u64,
    pub samples: usize,
    pub unlabelled: u64,
    pub unreadable: u64,
    /// Rows whose label none of the sets has.
    pub unknown_label: u64,
}

/// A snapshot that a head was trained on.
#[derive(Debug, Serialize)]
pub(super) struct Set {
    pub dataset: String,
    pub read: u64,
    /// Rows that the head was trained on.
    pub examples: usize,
    pub labels: usize,
    pub left_out: LeftOut,
    /// Samples whose label this set does not have.
    pub unknown_label: u64,
    pub mean_loss: f64,
    pub accuracy: f64,
    pub macro_f1: f64,
    /// How many steps the training took, and the largest slope at its end.
    pub iterations: u32,
    pub gradient: f64,
}

impl Set {
    pub(super) fn of(training: &Training<'_>, labels: &[&str], judged: &Judged) -> Self {
        Self {
            dataset: training.name.to_owned(),
            read: training.rows.read,
            examples: training.examples.len(),
            labels: training.labels().len(),
            left_out: training.left_out,
            unknown_label: judged.unknown,
            mean_loss: mean_loss(judged),
            accuracy: accuracy(labels, judged),
            macro_f1: f1(labels, judged),
            iterations: judged.end.iterations,
            gradient: judged.end.gradient,
        }
    }
}
