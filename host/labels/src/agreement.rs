//! How much annotators agree, beyond what chance would give.
//!
//! [`alpha`] takes any number of annotators and gaps and is the one to look at first; [`fleiss`] needs as many
//! annotations for each task; [`cohen`] compares two annotators. All are 1 where everybody agrees, about 0 where answers
//! are drawn from a hat, and less where annotators avoid each other's answers.

mod kappa;
mod krippendorff;

use serde::{Deserialize, Serialize};

pub use kappa::{Weights, cohen_kappa, fleiss_kappa};
pub use krippendorff::krippendorff_alpha;

use crate::error::{at_most, shown};
use crate::{Annotations, LabelsError};

/// The most numbers of one table of counts.
const MAX_TABLE: usize = 128 << 20;

/// What differences between labels mean: S. S. Stevens, "On the theory of scales of measurement", Science 103, 1946.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Labels are alike or not.
    Nominal,
    /// Labels have an order, as `bad`, `fair`, `good`.
    Ordinal,
    /// Labels are numbers whose differences count, as degrees Celsius.
    Interval,
    /// Labels are numbers from 0 on whose proportions count, as an amount of money.
    Ratio,
}

/// Krippendorff's alpha of annotations. Where the level is ordinal, labels rank as in the order of
/// [`Annotations::labels`]; where it is interval or ratio, they are read as numbers.
///
/// # Errors
/// [`LabelsError::Invalid`] for a label that is no number where one is needed; those of [`krippendorff_alpha`].
pub fn alpha(annotations: &Annotations, level: Level) -> Result<f64, LabelsError> {
    let labels = annotations.labels().iter().enumerate();
    let values = labels
        .map(|(place, label)| match level {
            Level::Nominal | Level::Ordinal => Ok(place as f64),
            Level::Interval | Level::Ratio => number(label),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let units: Vec<Vec<f64>> = annotations
        .by_task()
        .map(|votes| votes.iter().map(|vote| values[vote.label]).collect())
        .collect();
    krippendorff_alpha(&units, level)
}

fn number(label: &str) -> Result<f64, LabelsError> {
    label.trim().parse().map_err(|_| {
        LabelsError::invalid(format!(
            "the label `{}` is no number; ask for nominal or ordinal agreement",
            shown(label)
        ))
    })
}

/// Fleiss' kappa of annotations: nominal labels, as many annotations for each task, whoever gave them.
///
/// # Errors
/// Those of [`fleiss_kappa`]; [`LabelsError::TooMany`] for tasks times labels beyond memory.
pub fn fleiss(annotations: &Annotations) -> Result<f64, LabelsError> {
    let labels = annotations.labels().len();
    let numbers = annotations.tasks().len().saturating_mul(labels);
    at_most("tasks times labels", numbers, MAX_TABLE)?;
    let counts = annotations.by_task().map(|votes| {
        let mut counts = vec![0; labels];
        votes.iter().for_each(|vote| counts[vote.label] += 1);
        counts
    });
    fleiss_kappa(&counts.collect::<Vec<_>>())
}

/// Two annotators, compared over the tasks that both labelled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pair {
    /// How many tasks both labelled.
    pub tasks: u64,
    /// The share of them with the same label from both.
    pub same: f64,
    /// Cohen's kappa.
    pub kappa: f64,
}

/// Cohen's kappa of two annotators over the tasks that both labelled.
///
/// # Errors
/// [`LabelsError::Invalid`] for an annotator that labelled nothing; those of [`cohen_kappa`].
pub fn cohen(
    annotations: &Annotations,
    one: &str,
    other: &str,
    weights: Weights,
) -> Result<Pair, LabelsError> {
    let place = |name: &str| {
        let found = annotations.annotators().iter().position(|a| a == name);
        found.ok_or_else(|| {
            LabelsError::invalid(format!("`{}` labelled none of these tasks", shown(name)))
        })
    };
    let (one, other) = (place(one)?, place(other)?);
    let labels = annotations.labels().len();
    let mut table = vec![vec![0_u64; labels]; labels];
    for votes in annotations.by_task() {
        let label = |who| votes.iter().find(|vote| vote.annotator == who);
        if let (Some(one), Some(other)) = (label(one), label(other)) {
            table[one.label][other.label] += 1;
        }
    }
    let tasks: u64 = table.iter().flatten().sum();
    let kappa = cohen_kappa(&table, weights)?;
    let same: u64 = (0..labels).map(|label| table[label][label]).sum();
    Ok(Pair {
        tasks,
        same: same as f64 / tasks as f64,
        kappa,
    })
}
