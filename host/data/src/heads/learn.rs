//! Training: once on each fold but one, to see how well it goes, and once on all.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use parking_lot::Mutex;
use serde::Serialize;
use steward_training::{
    Epoch, Examples, Iteration, Network, TrainingError, stratified_folds, train_logistic, train_mlp,
};

use super::given::HeadSpec;
use super::measure::Prediction;
use super::split::Example;
use super::work::Far;
use crate::DataError;

/// What a head sees of a text, beside the example.
pub(super) struct Seen<'a> {
    pub example: &'a Example,
    pub numbers: Vec<f32>,
}

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Ended {
    /// At the minimum.
    Logistic {
        /// Steps.
        iterations: u32,
        /// The mean loss, with the penalty.
        objective: f64,
    },
    /// Where it no longer got better.
    Network(Epoch),
}

/// What was learned.
pub(super) struct Learned {
    /// The head, its numbers rounded as its file has them.
    pub network: Network,
    pub ended: Ended,
    /// What heads that were trained on the other folds say of each example; none without folds.
    pub folds: Vec<Prediction>,
}

/// Trains on all examples and, for each fold, on all others.
pub(super) fn learn(
    spec: &HeadSpec,
    labels: &[String],
    seen: &[Seen<'_>],
    far: &Mutex<Far>,
    stop: &AtomicBool,
) -> Result<Learned, DataError> {
    let mut folds = Vec::new();
    if spec.folds > 0 {
        let of: Vec<usize> = seen.iter().map(|seen| seen.example.label).collect();
        let fold = stratified_folds(&of, spec.folds, spec.seed)?;
        for wanted in 0..spec.folds {
            let others = seen.iter().zip(&fold).filter(|(_, fold)| **fold != wanted);
            let others: Vec<&Seen<'_>> = others.map(|(seen, _)| seen).collect();
            let (network, _) = train(spec, labels, &others, far, stop)?;
            for (seen, _) in seen.iter().zip(&fold).filter(|(_, fold)| **fold == wanted) {
                folds.push(Prediction {
                    is: seen.example.label,
                    probabilities: network.probabilities(&seen.numbers)?,
                    lang: seen.example.lang.clone(),
                });
            }
            far.lock().trained += 1;
        }
    }
    let all: Vec<&Seen<'_>> = seen.iter().collect();
    let (network, ended) = train(spec, labels, &all, far, stop)?;
    far.lock().trained += 1;
    Ok(Learned {
        network: network.rounded(),
        ended,
        folds,
    })
}

fn train(
    spec: &HeadSpec,
    labels: &[String],
    seen: &[&Seen<'_>],
    far: &Mutex<Far>,
    stop: &AtomicBool,
) -> Result<(Network, Ended), DataError> {
    let label = |seen: &Seen<'_>| labels.get(seen.example.label).map_or("", String::as_str);
    let examples = seen
        .iter()
        .map(|seen| (seen.numbers.as_slice(), label(seen)));
    let examples = Examples::new(examples)?;
    if examples.labels() != labels {
        // Folds have their share of every label, so that this cannot be.
        return Err(DataError::Broken("a fold lacks a label".into()));
    }
    let heard = |round: u32| {
        far.lock().rounds = round;
        match stop.load(Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let trained: Result<_, TrainingError> = match spec.network() {
        None => {
            let each = &mut |now: &Iteration| heard(now.iterations);
            train_logistic(&examples, &spec.logistic(), each).map(|trained| {
                let ended = Ended::Logistic {
                    iterations: trained.end.iterations,
                    objective: trained.end.objective,
                };
                (trained.head.into(), ended)
            })
        }
        Some(options) => {
            let each = &mut |now: &Epoch| heard(now.epoch);
            let trained = train_mlp(&examples, &options, each);
            trained.map(|trained| (trained.network, Ended::Network(trained.end)))
        }
    };
    Ok(trained?)
}
