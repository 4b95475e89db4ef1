//! Generalization hierarchies: what each value of a column becomes on each level.

mod build;
mod check;
mod date;
mod interval;
mod mask;

pub(crate) use build::{Found, build};
pub(crate) use check::from_rows;

use rustc_hash::FxHashMap;

use crate::AnonymityError;

/// What a value becomes when nothing of it is left.
pub(crate) const ROOT: &str = "*";

/// A hierarchy in which every label of a level lies under one label of the next.
///
/// Level 0 holds the values themselves. That each level is a function of the one below is what lets the search build a
/// level from the one before, and what makes it right to skip what lies above a combination that is already too coarse.
#[derive(Debug)]
pub(crate) struct Hierarchy {
    /// The number of each value.
    pub numbers: FxHashMap<String, u32>,
    /// From the values themselves to the coarsest.
    pub levels: Vec<Level>,
}

/// One level of a hierarchy.
#[derive(Debug)]
pub(crate) struct Level {
    /// The labels, by number.
    pub labels: Vec<String>,
    /// The label of each value.
    pub of: Vec<u32>,
    /// How many values lie under each label.
    pub sizes: Vec<u32>,
    /// The label on the next level for each label of this one; empty on the last level.
    pub up: Vec<u32>,
}

impl Hierarchy {
    /// How many values the column can have.
    pub fn values(&self) -> usize {
        self.numbers.len()
    }

    /// The number in the hierarchy of each value of a column.
    ///
    /// # Errors
    ///
    /// A value of the data has no row.
    pub fn codes(&self, found: &Found<'_>) -> Result<Vec<u32>, AnonymityError> {
        let Found { file, column } = found;
        let code = |(value, &line): (&String, &u64)| {
            self.numbers
                .get(value)
                .copied()
                .ok_or_else(|| AnonymityError::NoPlace {
                    file: (*file).to_owned(),
                    line,
                    column: column.name.clone(),
                    value: crate::error::shown(value),
                    reason: "no row begins with it".into(),
                })
        };
        column.values.iter().zip(&column.lines).map(code).collect()
    }

    /// The number of the last level.
    pub fn height(&self) -> usize {
        self.levels.len().saturating_sub(1)
    }
}
