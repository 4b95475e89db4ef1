//! Whether classes satisfy the models, with what suppressed.

use crate::classes::Classes;
use crate::metric::Measure;
use crate::model::Check;
use crate::spec::Model;

use super::Problem;

/// Marks the classes that are released. False where more rows would have to be suppressed than allowed.
pub(crate) fn judge(problem: &Problem<'_>, levels: &[usize], classes: &Classes, kept: &mut Vec<bool>) -> bool {
    kept.clear();
    let mut suppressed = 0;
    for (class, &count) in classes.counts.iter().enumerate() {
        if count == 0 {
            // People of the population alone: nothing to suppress, so that all of the combination falls with them.
            if problem.checks.iter().any(|check| is_presence(check) && !check.holds(classes, class)) {
                return false;
            }
            kept.push(true);
            continue;
        }
        let keep = problem.checks.iter().all(|check| check.holds(classes, class));
        kept.push(keep);
        if !keep {
            suppressed += u64::from(count);
            if suppressed > problem.allowed {
                return false;
            }
        }
    }
    let whole = problem.checks.iter().filter(|check| is_whole(check));
    for check in whole {
        let smallest = Smallest::of(classes, kept);
        if !smallest.suppress_until(check, problem, levels, classes, kept, &mut suppressed) {
            return false;
        }
    }
    true
}

fn is_presence(check: &Check) -> bool {
    matches!(check.model, Model::DeltaPresence { .. })
}

fn is_whole(check: &Check) -> bool {
    matches!(check.model, Model::AverageRisk { .. } | Model::SampleUniqueness { .. })
}

/// The number that a model on the whole table bounds: of the released classes.
pub(crate) fn of_whole(model: &Model, classes: usize, rows: u64, unique: u64) -> f64 {
    let part = match model {
        Model::SampleUniqueness { .. } => unique as f64,
        _ => classes as f64,
    };
    if rows == 0 { 0.0 } else { part / rows as f64 }
}

/// Released classes, counted.
struct Smallest {
    classes: Vec<usize>,
    rows: u64,
    unique: u64,
}

impl Smallest {
    fn of(classes: &Classes, kept: &[bool]) -> Self {
        let released = |class: &usize| kept[*class] && classes.counts[*class] > 0;
        let released: Vec<usize> = (0..classes.len()).filter(released).collect();
        Self {
            rows: released.iter().map(|&class| u64::from(classes.counts[class])).sum(),
            unique: released.iter().filter(|&&class| classes.counts[class] == 1).count() as u64,
            classes: released,
        }
    }

    /// Suppresses the smallest classes, which bring the most risk for each row, until the model holds. Of classes of one
    /// size those go first that have lost most already.
    fn suppress_until(
        mut self,
        check: &Check,
        problem: &Problem<'_>,
        levels: &[usize],
        classes: &Classes,
        kept: &mut [bool],
        suppressed: &mut u64,
    ) -> bool {
        let bound = match check.model {
            Model::AverageRisk { risk } => risk,
            Model::SampleUniqueness { share } => share,
            _ => return true,
        };
        let holds = |all: &Self, left: usize| of_whole(&check.model, left, all.rows, all.unique) <= bound;
        if holds(&self, self.classes.len()) {
            return true;
        }
        // How much to suppress does not depend on which of equal size goes first.
        let order = |measure: &Measure<'_>, class: usize| {
            (classes.counts[class], -measure.of_class(problem.packing, levels, classes.keys[class]))
        };
        let mut sorted: Vec<(u32, f64, usize)> = self
            .classes
            .iter()
            .map(|&class| {
                let (count, loss) = order(problem.measure, class);
                (count, loss, class)
            })
            .collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (gone, &(count, _, class)) in sorted.iter().enumerate() {
            kept[class] = false;
            *suppressed += u64::from(count);
            if *suppressed > problem.allowed {
                return false;
            }
            self.rows -= u64::from(count);
            self.unique -= u64::from(count == 1);
            if holds(&self, sorted.len() - gone - 1) {
                return true;
            }
        }
        // Nothing is left to be found.
        true
    }
}
