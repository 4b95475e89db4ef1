//! What came of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::voting::{Cast, Voters};
use super::{Fitted, decided};
use crate::labelling::LabellerUsed;

/// What labelling functions came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Weak {
    /// The source of the predictions: what `results` and `export` take as the model.
    pub source: String,
    /// The labellers that were asked.
    pub labellers: Vec<LabellerUsed>,
    /// Every labelling function, in the order in which they were asked.
    pub functions: Vec<FunctionReport>,
    /// Tasks that were voted on.
    pub tasks: usize,
    /// Tasks without a text.
    pub without_text: usize,
    /// Tasks that have a prediction now.
    pub predicted: usize,
    /// Tasks on which every function abstains.
    pub abstained: usize,
    /// Tasks on which several labels are as likely.
    pub tied: usize,
    /// Tasks that stand in another place of the queue now.
    pub ranked: usize,
    /// Predicted tasks whose label is known.
    pub checked: usize,
    /// Those of them that are predicted rightly.
    pub correct: usize,
    /// How frequent each label is taken to be.
    pub balance: BTreeMap<String, f64>,
    /// Iterations of the estimation.
    pub iterations: usize,
    /// Whether it came to its end.
    pub converged: bool,
}

/// How one labelling function does. Shares are of all tasks that were voted on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionReport {
    /// As `labeller/refund-words`.
    pub function: String,
    /// The labels that it voted for.
    pub labels: Vec<String>,
    /// Where it votes.
    pub coverage: f64,
    /// Where it and another vote.
    pub overlap: f64,
    /// Where it votes and not all votes are the same.
    pub conflict: f64,
    /// The probability that a vote of it is right, as the model estimates it without any known label. None where no other
    /// votes with it: it could be anything.
    pub estimated_accuracy: Option<f64>,
    /// Its votes on tasks whose label is known.
    pub checked: usize,
    /// Those of them that are right.
    pub correct: usize,
    /// `correct / checked`; none where nothing is known.
    pub accuracy: Option<f64>,
}

pub(super) fn weak(
    source: String,
    voters: &Voters,
    cast: &Cast,
    fitted: &Fitted,
    predicted: usize,
) -> Weak {
    let model = &fitted.model;
    let functions = fitted.summaries.iter().zip(&model.functions);
    let functions = functions.map(|(counted, estimated)| FunctionReport {
        function: counted.function.clone(),
        labels: counted.polarity.clone(),
        coverage: counted.coverage,
        overlap: counted.overlap,
        conflict: counted.conflict,
        estimated_accuracy: (counted.overlap > 0.0).then_some(estimated.accuracy),
        checked: counted.checked,
        correct: counted.correct,
        accuracy: (counted.checked > 0).then(|| counted.correct as f64 / counted.checked as f64),
    });
    let known = cast.rows.iter().zip(&model.rows);
    let known = known.filter_map(|(row, weak)| Some((row.known.as_deref()?, decided(weak)?)));
    Weak {
        source,
        labellers: voters.about.clone(),
        functions: functions.collect(),
        tasks: cast.rows.len(),
        without_text: cast.without_text,
        predicted,
        abstained: cast.rows.iter().filter(|row| row.votes.is_empty()).count(),
        tied: model
            .rows
            .iter()
            .filter(|weak| weak.label.is_some() && !weak.tied.is_empty())
            .count(),
        ranked: fitted.ranks.len(),
        checked: known.clone().count(),
        correct: known.filter(|(known, said)| known == said).count(),
        balance: model
            .classes
            .iter()
            .cloned()
            .zip(model.balance.iter().copied())
            .collect(),
        iterations: model.iterations,
        converged: model.converged,
    }
}
