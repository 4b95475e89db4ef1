//! Full-domain generalization: the combination of levels that satisfies the models and loses least.
//!
//! The combinations form a lattice. It is walked depth first, one column after the other, so that the classes of a
//! combination come from those of the one before it and not from the rows; most have far fewer classes than rows. Two
//! things cut branches off, and neither can cut off the best:
//!
//! - **loss**: coarser levels never lose less than the bound of the metric, so nothing above a combination is looked at
//!   whose bound is worse than the best so far. A walk from the top downwards finds a good first one.
//! - **models**: where a combination that satisfies the models does so on all coarser levels ([`Check::is_monotonic`]),
//!   a branch whose coarsest combination fails holds nothing.
//!
//! The idea is that of F. Kohlmayer et al., "Flash: efficient, stable and optimal k-anonymity", 2012, without its need
//! for monotonic metrics.

mod descent;
mod judge;
mod smallest;
mod walk;

pub(crate) use judge::settle;
pub(crate) use smallest::of_whole;

use std::ops::ControlFlow;
use std::time::Instant;

use crate::classes::{Classes, Packing, Scratch};
use crate::hierarchy::Hierarchy;
use crate::metric::Measure;
use crate::model::Check;
use crate::{AnonymityError, Limits};

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Combinations of levels that were looked at.
    pub checked: u64,
    /// All combinations; most of them are cut off and never looked at.
    pub nodes: u64,
    /// What the best one so far loses.
    pub loss: Option<f64>,
}

/// What a search works on.
pub(crate) struct Problem<'a> {
    pub hierarchies: &'a [Hierarchy],
    /// The finest and the coarsest level of each column.
    pub range: &'a [(usize, usize)],
    pub packing: &'a Packing,
    /// Classes on level 0 of each column.
    pub base: &'a Classes,
    pub checks: &'a [Check],
    pub measure: &'a Measure<'a>,
    /// How many values each sensitive column has.
    pub sensitive: &'a [usize],
    /// How many rows may be suppressed.
    pub allowed: u64,
}

/// The best combination of levels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Best {
    pub levels: Vec<usize>,
    pub loss: f64,
}

/// What a search found.
#[derive(Debug)]
pub(crate) struct Found {
    pub best: Best,
    pub checked: u64,
    pub nodes: u64,
    /// Whether nothing better exists; false where the search was stopped.
    pub optimal: bool,
}

/// A search under way.
struct Search<'a, 'p> {
    problem: &'a Problem<'a>,
    limits: &'a Limits,
    progress: &'p mut dyn FnMut(&Progress) -> ControlFlow<()>,
    started: Instant,
    monotonic: bool,
    best: Option<Best>,
    checked: u64,
    nodes: u64,
    scratch: Scratch,
    kept: Vec<bool>,
    /// Classes to write into, so that no combination allocates its own.
    spare: Vec<Classes>,
}

/// Looks for the best combination of levels.
///
/// # Errors
///
/// [`AnonymityError::NoSolution`], or [`AnonymityError::Stopped`] where the search ended before it found one.
pub(crate) fn search(
    problem: &Problem<'_>,
    limits: &Limits,
    rows: usize,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Found, AnonymityError> {
    let nodes = problem
        .range
        .iter()
        .fold(1_u64, |nodes, (finest, coarsest)| {
            nodes.saturating_mul((coarsest - finest + 1) as u64)
        });
    let mut search = Search {
        problem,
        limits,
        progress,
        started: Instant::now(),
        monotonic: problem
            .checks
            .iter()
            .all(|check| check.is_monotonic(problem.allowed)),
        best: None,
        checked: 0,
        nodes,
        scratch: Scratch::default(),
        kept: Vec::new(),
        spare: Vec::new(),
    };
    let whole = match search.descend() {
        ControlFlow::Continue(()) => search.walk(),
        stopped => stopped,
    };
    let optimal = whole.is_continue();
    match search.best {
        Some(best) => Ok(Found {
            best,
            checked: search.checked,
            nodes,
            optimal,
        }),
        None if optimal => Err(AnonymityError::NoSolution {
            allowed: problem.allowed,
            rows: rows as u64,
        }),
        None => Err(AnonymityError::Stopped {
            checked: search.checked,
            nodes,
        }),
    }
}

impl Search<'_, '_> {
    /// Counts one combination, and asks now and then whether to go on.
    fn count(&mut self) -> ControlFlow<()> {
        const OFTEN: u64 = 64;
        self.checked += 1;
        if self.checked > self.limits.checks {
            return ControlFlow::Break(());
        }
        if self.checked % OFTEN != 1 {
            return ControlFlow::Continue(());
        }
        if self.started.elapsed() > self.limits.time {
            return ControlFlow::Break(());
        }
        (self.progress)(&Progress {
            checked: self.checked,
            nodes: self.nodes,
            loss: self.best.as_ref().map(|best| best.loss),
        })
    }

    /// Whether a combination that loses at least this much cannot be the best one.
    fn is_hopeless(&self, at_least: f64) -> bool {
        // Loss and bound add up the same numbers in another order; a tie must reach the rule for ties.
        const ROUNDING: f64 = 1e-9;
        self.best
            .as_ref()
            .is_some_and(|best| at_least > best.loss + ROUNDING * best.loss.abs().max(ROUNDING))
    }

    /// Keeps a combination that satisfies the models, if it is the best so far. Of equal ones the finest in sum wins,
    /// then the one that is finer in the first column where they differ, so that the answer never depends on the order.
    fn offer(&mut self, levels: &[usize], loss: f64) {
        let key = |levels: &[usize]| (levels.iter().sum::<usize>(), levels.to_vec());
        let better = match &self.best {
            None => true,
            Some(best) => loss
                .total_cmp(&best.loss)
                .then_with(|| key(levels).cmp(&key(&best.levels)))
                .is_lt(),
        };
        if better {
            self.best = Some(Best {
                levels: levels.to_vec(),
                loss,
            });
        }
    }
}
