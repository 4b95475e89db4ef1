//! What was done to a table, and what it is worth.

use serde::Serialize;

use crate::Risk;
use crate::classes::Classes;
use crate::model::Check;
use crate::search::of_whole;
use crate::spec::{Metric, Model};

/// What was done to a table, and what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Rows of the table.
    pub rows: u64,
    /// Rows that show nothing or only what [`Suppress`](crate::Suppress) leaves.
    pub suppressed: u64,
    /// The level of each quasi-identifying column, in the order of the table.
    pub levels: Vec<ChosenLevel>,
    /// By which measure the levels are the best.
    pub metric: Metric,
    /// What they lose.
    pub loss: f64,
    /// Rows of the smallest class that is released: the `k` that was reached. 0 where nothing is released.
    pub k: u32,
    /// Classes that are released.
    pub classes: u64,
    /// How far each model was fulfilled.
    pub models: Vec<Reached>,
    /// How the levels were found.
    pub search: SearchReport,
    /// The risk of the table as it came.
    pub before: Risk,
    /// The risk of the table as it goes.
    pub after: Risk,
}

/// The level of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChosenLevel {
    /// The column.
    pub column: String,
    /// 0 where the values are as they were.
    pub level: usize,
    /// The last level of the hierarchy.
    pub height: usize,
}

/// A model, and what the weakest released class has of what it asks for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reached {
    /// What was asked for.
    pub asked: Model,
    /// The least of `k` or `l`, the most of `c`, `t`, `beta`, risk or share. Not a number that a smaller or larger
    /// class could beat; `None` where nothing is released.
    pub reached: Option<f64>,
    /// The least where a model bounds from both sides, as δ-presence does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least: Option<f64>,
}

/// How the levels were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SearchReport {
    /// All combinations of levels.
    pub nodes: u64,
    /// Those that were looked at.
    pub checked: u64,
    /// Whether no combination is better. False where the search was stopped before it knew.
    pub optimal: bool,
}

/// What the released classes have of what a model asks for.
pub(crate) fn reached(check: &Check, classes: &Classes, kept: &[bool]) -> Reached {
    let released = || (0..classes.len()).filter(|&class| kept[class] && classes.counts[class] > 0);
    let numbers = || released().map(|class| check.number(classes, class));
    let least = || numbers().reduce(f64::min);
    let most = || numbers().reduce(f64::max);
    let mut both = None;
    let reached = match &check.model {
        Model::KAnonymity { .. }
        | Model::KMap { .. }
        | Model::DistinctLDiversity { .. }
        | Model::EntropyLDiversity { .. } => least(),
        Model::RecursiveClDiversity { .. }
        | Model::TCloseness { .. }
        | Model::BetaLikeness { .. } => most(),
        Model::DeltaPresence { .. } => {
            both = least();
            most()
        }
        Model::AverageRisk { .. } | Model::SampleUniqueness { .. } => {
            let rows = released()
                .map(|class| u64::from(classes.counts[class]))
                .sum();
            let unique = released()
                .filter(|&class| classes.counts[class] == 1)
                .count() as u64;
            (rows > 0).then(|| of_whole(&check.model, released().count(), rows, unique))
        }
    };
    Reached {
        asked: check.model.clone(),
        reached,
        least: both,
    }
}
