//! Whether classes satisfy the models, with what suppressed.

use crate::classes::Classes;
use crate::model::Check;
use crate::spec::Model;

use super::Problem;
use super::smallest::Smallest;

/// Marks the classes that are released and answers what they lose; none where more rows would have to be suppressed than
/// allowed.
pub(crate) fn settle(
    problem: &Problem<'_>,
    levels: &[usize],
    classes: &Classes,
    kept: &mut Vec<bool>,
) -> Option<f64> {
    let mut suppressed = mark(problem, classes, kept)?;
    let loss = |kept: &[bool]| problem.measure.loss(problem.packing, levels, classes, kept);
    for check in whole(problem) {
        let smallest = Smallest::new(check, classes, kept, problem.allowed - suppressed)?;
        if smallest.rows() == 0 {
            continue;
        }
        let choices = smallest.choices(problem, levels, classes, kept);
        *kept = choices
            .into_iter()
            .min_by(|a, b| loss(a).total_cmp(&loss(b)))?;
        suppressed += smallest.rows();
    }
    Some(loss(kept))
}

/// Whether the models can be satisfied, without the trouble of finding out how.
pub(crate) fn is_satisfied(problem: &Problem<'_>, classes: &Classes, kept: &mut Vec<bool>) -> bool {
    let Some(suppressed) = mark(problem, classes, kept) else {
        return false;
    };
    whole(problem)
        .all(|check| Smallest::new(check, classes, kept, problem.allowed - suppressed).is_some())
}

/// Marks the classes that satisfy the models on classes, and answers how many rows do not; none where they are too many.
fn mark(problem: &Problem<'_>, classes: &Classes, kept: &mut Vec<bool>) -> Option<u64> {
    kept.clear();
    let mut suppressed = 0;
    for (class, &count) in classes.counts.iter().enumerate() {
        if count == 0 {
            // People of the population alone: nothing to suppress, so that all of the combination falls with them.
            if problem
                .checks
                .iter()
                .any(|check| is_presence(check) && !check.holds(classes, class))
            {
                return None;
            }
            kept.push(true);
            continue;
        }
        let keep = problem
            .checks
            .iter()
            .all(|check| check.holds(classes, class));
        kept.push(keep);
        if !keep {
            suppressed += u64::from(count);
            if suppressed > problem.allowed {
                return None;
            }
        }
    }
    Some(suppressed)
}

fn is_presence(check: &Check) -> bool {
    matches!(check.model, Model::DeltaPresence { .. })
}

/// The models on the whole table.
fn whole<'p>(problem: &Problem<'p>) -> impl Iterator<Item = &'p Check> {
    let whole = |check: &&Check| {
        matches!(
            check.model,
            Model::AverageRisk { .. } | Model::SampleUniqueness { .. }
        )
    };
    problem.checks.iter().filter(whole)
}
