//! A head for each set, and what it says of each sample.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use steward_training::{Examples, Iteration, LogisticOptions, Trained, train_logistic};

use super::examples::Training;
use crate::DataError;
use crate::labelled::Row;
use crate::labelled::Vectors;

/// What the head of a set says of the samples.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    /// The cross-entropy at each sample, in nats.
    pub losses: Vec<f64>,
    /// The most probable label of each sample.
    pub predicted: Vec<String>,
    /// Samples whose label the set does not have.
    pub unknown: u64,
    /// How the training ended.
    pub end: Iteration,
}

/// The loss at a sample whose label a set does not have: −ln of the chance that Laplace's rule of succession gives to
/// what was never seen in n examples of k labels, 1/(n + k). Its cross-entropy would be infinite, and one such sample would
/// hide all others. n is that of the largest set and k that of all sets, so that two sets without the label lose the same.
pub(super) fn unknown_loss(sets: &[Training<'_>], labels: usize) -> f64 {
    let largest = sets.iter().map(|set| set.examples.len()).max();
    ((largest.unwrap_or_default() + labels) as f64).ln()
}

/// Trains a head on each set and asks it about the samples. Sets with the same examples share a head.
pub(super) fn judge(
    sets: &[Training<'_>],
    samples: &[&Row],
    vectors: &Vectors,
    options: &LogisticOptions,
    unknown_loss: f64,
    stop: &AtomicBool,
) -> Result<Vec<Judged>, DataError> {
    let mut judged: Vec<Judged> = Vec::with_capacity(sets.len());
    let mut trained_on: Vec<Vec<(usize, &str)>> = Vec::new();
    for set in sets {
        let mut examples = set.examples.clone();
        examples.sort_unstable();
        if let Some(same) = trained_on.iter().position(|other| *other == examples) {
            judged.push(judged[same].clone());
        } else {
            let head = train(&set.examples, vectors, options, stop).map_err(|e| of(set.name, e))?;
            judged.push(ask(&head, samples, vectors, unknown_loss)?);
        }
        trained_on.push(examples);
    }
    Ok(judged)
}

fn of(name: &str, error: DataError) -> DataError {
    match error {
        DataError::Invalid(why) => DataError::Invalid(format!("`{name}`: {why}")),
        other => other,
    }
}

fn train(
    examples: &[(usize, &str)],
    vectors: &Vectors,
    options: &LogisticOptions,
    stop: &AtomicBool,
) -> Result<Trained, DataError> {
    let examples = examples
        .iter()
        .map(|(text, label)| (vectors.of(*text), *label));
    let examples = Examples::new(examples)?;
    let each = &mut |_: &Iteration| match stop.load(Relaxed) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    Ok(train_logistic(&examples, options, each)?)
}

fn ask(
    trained: &Trained,
    samples: &[&Row],
    vectors: &Vectors,
    unknown_loss: f64,
) -> Result<Judged, DataError> {
    let head = &trained.head;
    let mut judged = Judged {
        losses: Vec::with_capacity(samples.len()),
        predicted: Vec::with_capacity(samples.len()),
        unknown: 0,
        end: trained.end,
    };
    for sample in samples {
        let found = head.log_probabilities(vectors.of(sample.text))?;
        judged.losses.push(match head.place(&sample.label) {
            Some(place) => -found[place],
            None => {
                judged.unknown += 1;
                unknown_loss
            }
        });
        judged.predicted.push(head.label(&found).to_owned());
    }
    Ok(judged)
}
