//! Which classes go where a model bounds a number of the whole table: the smallest, which bring most risk for each row.

use rustc_hash::FxHashMap;

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
    /// The fewest rows that have to go until the model holds; none where they are more than `allowed`.
    pub fn new(check: &Check, classes: &Classes, kept: &[bool], allowed: u64) -> Option<Self> {
        let mut goes = Self {
            below: 0,
            last: 0,
            rows: 0,
        };
        let bound = match check.model {
            Model::AverageRisk { risk } => risk,
            Model::SampleUniqueness { share } => share,
            _ => return Some(goes),
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
            return Some(goes);
        }
        sizes.sort_unstable();
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
        Some(goes)
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
        let (packing, measure) = (problem.packing, problem.measure);
        let lost = |class: usize| measure.of_class(packing, levels, classes.keys[class]);
        let going = (0..classes.len())
            .filter(|&class| !start[class] || classes.counts[class] == self.below);
        let alike = Alike::new(problem, classes, going);
        // As they came; those that have lost most already, and have least to lose; those that look most like others that
        // go, because hiding what is alike hides least.
        let orders = [
            candidates.clone(),
            descending(&candidates, lost),
            descending(&candidates, |class| alike.of(problem, classes.keys[class])),
        ];
        let hide = |order: Vec<usize>| {
            let mut choice = start.clone();
            for &class in order.iter().take(self.last) {
                choice[class] = false;
            }
            choice
        };
        orders.map(hide).into()
    }
}

fn descending(classes: &[usize], by: impl Fn(usize) -> f64) -> Vec<usize> {
    let mut sorted: Vec<(f64, usize)> = classes.iter().map(|&class| (by(class), class)).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    sorted.into_iter().map(|(_, class)| class).collect()
}

/// How often each label of each column comes among rows that go or may go.
struct Alike(Vec<FxHashMap<u32, u64>>);

impl Alike {
    fn new(problem: &Problem<'_>, classes: &Classes, going: impl Iterator<Item = usize>) -> Self {
        let mut times = vec![FxHashMap::default(); problem.packing.columns()];
        for class in going {
            for (column, times) in times.iter_mut().enumerate() {
                let label = problem.packing.get(classes.keys[class], column);
                *times.entry(label).or_default() += u64::from(classes.counts[class]);
            }
        }
        Self(times)
    }

    fn of(&self, problem: &Problem<'_>, key: u128) -> f64 {
        let columns = self.0.iter().enumerate();
        let times =
            columns.filter_map(|(column, times)| times.get(&problem.packing.get(key, column)));
        times.sum::<u64>() as f64
    }
}
