//! Weak supervision: many rules that each label some rows, often wrongly, instead of people who label each.
//!
//! [`Votes`] holds what the labelling functions said, [`analyse`] says where they speak, overlap and conflict, and
//! [`fit`] estimates how good each is, without any known label, and what they say together.

mod analysis;
mod model;
mod tables;

use std::collections::HashSet;

pub use analysis::{FunctionSummary, analyse};
pub use model::{ClassBalance, FunctionQuality, LabelModel, Options, WeakLabel, fit};

use crate::LabelsError;
use crate::annotations::MAX_LABELS;
use crate::error::{at_most, shown};

/// The most labelling functions.
pub const MAX_FUNCTIONS: usize = 1000;
/// The most votes, abstentions counted: rows times functions.
pub const MAX_VOTES: usize = 256 << 20;

/// Stands for an abstention. No class has this place: there are at most [`MAX_LABELS`].
pub(crate) const ABSTAIN: u16 = u16::MAX;

/// What labelling functions said about rows. A function may abstain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Votes {
    functions: Vec<String>,
    classes: Vec<String>,
    /// Row by row, one for each function.
    votes: Vec<u16>,
}

impl Votes {
    /// No votes yet.
    ///
    /// # Errors
    /// [`LabelsError::Invalid`] for no function, fewer than two classes, or a name that occurs twice;
    /// [`LabelsError::TooMany`] over [`MAX_FUNCTIONS`] or [`MAX_LABELS`].
    pub fn new(functions: Vec<String>, classes: Vec<String>) -> Result<Self, LabelsError> {
        at_most("labelling functions", functions.len(), MAX_FUNCTIONS)?;
        at_most("classes", classes.len(), MAX_LABELS)?;
        if functions.is_empty() || classes.len() < 2 {
            return Err(LabelsError::invalid(
                "weak supervision needs at least one labelling function and two classes",
            ));
        }
        for names in [&functions, &classes] {
            let mut seen = HashSet::new();
            if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
                return Err(LabelsError::invalid(format!(
                    "`{}` is named twice; name it once",
                    shown(twice)
                )));
            }
        }
        Ok(Self {
            functions,
            classes,
            votes: Vec::new(),
        })
    }

    /// Adds what each function says about the next row, in the order of the functions; none is an abstention.
    ///
    /// # Errors
    /// [`LabelsError::Invalid`] for another number of votes; [`LabelsError::UnknownLabel`] for a class that is none;
    /// [`LabelsError::TooMany`] over [`MAX_VOTES`]. The row is then not added.
    pub fn push<S: AsRef<str>>(&mut self, row: &[Option<S>]) -> Result<(), LabelsError> {
        if row.len() != self.functions.len() {
            return Err(LabelsError::invalid(format!(
                "row {} has {} votes for {} labelling functions; an abstention is a vote, too",
                self.rows(),
                row.len(),
                self.functions.len()
            )));
        }
        at_most("votes", self.votes.len() + row.len(), MAX_VOTES)?;
        let mut places = Vec::with_capacity(row.len());
        for vote in row {
            places.push(match vote {
                None => ABSTAIN,
                Some(class) => self.class_place(self.rows(), class.as_ref())? as u16,
            });
        }
        self.votes.extend(places);
        Ok(())
    }

    /// The functions, as they were named.
    pub fn functions(&self) -> &[String] {
        &self.functions
    }

    /// The classes, as they were named.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.votes.len() / self.functions.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u16]> {
        self.votes.chunks(self.functions.len())
    }

    /// Fewer than [`MAX_LABELS`], so that it fits a vote.
    pub(crate) fn class_place(&self, row: usize, class: &str) -> Result<usize, LabelsError> {
        let place = self.classes.iter().position(|known| known == class);
        place.ok_or_else(|| LabelsError::UnknownLabel {
            task: format!("row {row}"),
            label: shown(class),
        })
    }
}
