//! Which classes go where a model bounds a number of the whole table: the smallest, which bring most risk for each row.

use std::cmp::Reverse;

use crate::classes::Classes;
use crate::model::Check;
use crate::spec::Model;

use super::Problem;

/// The number that a model on the whole table bounds: of the released classes.
pub(crate) fn of_whole(model: &Model, classes: usize, rows: u64, unique: u64) -> f64 {
    let part = match model {
        Model::SampleUniqueness { .. } => unique as f64,
        _ => classes as f64,
    };
    // Nothing that is released puts nobody at risk.
    if rows == 0 { 0.0 } else { part / rows as f64 }
}

/// How many classes of which size go.
pub(crate) struct Smallest {
    /// All classes up to this size, this one excluded.
    below: u32,
    /// So many classes of this size.
    last: usize,
    rows: u64,
}

impl Smallest {
    /// The fewest rows that have to go until the model holds. The outer answer is none where they are more than `allowed`,
    /// the inner one where none has to.
    pub fn new(
        check: &Check,
        classes: &Classes,
        kept: &[bool],
        allowed: u64,
    ) -> Option<Option<Self>> {
        let bound = match check.model {
            Model::AverageRisk { risk } => risk,
            Model::SampleUniqueness { share } => share,
            _ => return Some(None),
        };
        let mut sizes: Vec<u32> = classes
            .counts
            .iter()
            .zip(kept)
            .filter(|(count, kept)| **kept && **count > 0)
            .map(|(&count, _)| count)
            .collect();
        let mut rows: u64 = sizes.iter().map(|&size| u64::from(size)).sum();
        let mut unique = sizes.iter().filter(|size| **size == 1).count() as u64;
        let holds = |left, rows, unique| of_whole(&check.model, left, rows, unique) <= bound;
        if holds(sizes.len(), rows, unique) {
            return Some(None);
        }
        sizes.sort_unstable();
        let mut goes = Self {
            below: 0,
            last: 0,
            rows: 0,
        };
        for (gone, &size) in sizes.iter().enumerate() {
            goes.rows += u64::from(size);
            if goes.rows > allowed {
                return None;
            }
            goes.last = if size == goes.below { goes.last + 1 } else { 1 };
            goes.below = size;
            rows -= u64::from(size);
            unique -= u64::from(size == 1);
            if holds(sizes.len() - gone - 1, rows, unique) {
                break;
            }
        }
        Some(Some(goes))
    }

    /// How many rows go.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ways to choose among the classes of the last size. For the risk they are equal, and for the loss the best choice is
    /// a search of its own; these are three that are good for one metric or another.
    pub fn choices(
        &self,
        problem: &Problem<'_>,
        levels: &[usize],
        classes: &Classes,
        kept: &[bool],
    ) -> Vec<Vec<bool>> {
        let mut start = kept.to_vec();
        let mut candidates = Vec::new();
        for (class, keep) in start.iter_mut().enumerate().filter(|(_, keep)| **keep) {
            match classes.counts[class] {
                0 => {}
                size if size < self.below => *keep = false,
                size if size == self.below => candidates.push(class),
                _ => {}
            }
        }
        let with = |order: &[usize]| {
            let mut choice = start.clone();
            for &class in order.iter().take(self.last) {
                choice[class] = false;
            }
            choice
        };
        // As they came.
        let mut choices = vec![with(&candidates)];
        // Those that have lost most already, and have least to lose.
        let lost = |class: usize| {
            problem
                .measure
                .of_class(problem.packing, levels, classes.keys[class])
        };
        let mut by_loss: Vec<(f64, usize)> = candidates
            .iter()
            .map(|&class| (lost(class), class))
            .collect();
        by_loss.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let by_loss: Vec<usize> = by_loss.into_iter().map(|(_, class)| class).collect();
        choices.push(with(&by_loss));
        // Those that look most like others that go: hiding what is alike hides least.
        let mut times: Vec<Vec<u32>> = vec![Vec::new(); levels.len()];
        let mut add = |class: usize, by: &dyn Fn(u32) -> u32| -> u64 {
            let mut sum = 0;
            for (column, times) in times.iter_mut().enumerate() {
                let label = problem.packing.get(classes.keys[class], column) as usize;
                if times.len() <= label {
                    times.resize(label + 1, 0);
                }
                times[label] = by(times[label]);
                sum += u64::from(times[label]);
            }
            sum
        };
        for class in
            (0..classes.len()).filter(|&class| !start[class] || classes.counts[class] == self.below)
        {
            add(class, &|times| times + classes.counts[class]);
        }
        let mut by_others: Vec<(Reverse<u64>, usize)> = candidates
            .iter()
            .map(|&class| (Reverse(add(class, &|times| times)), class))
            .collect();
        by_others.sort_unstable();
        let by_others: Vec<usize> = by_others.into_iter().map(|(_, class)| class).collect();
        choices.push(with(&by_others));
        choices
    }
}
