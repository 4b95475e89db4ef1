//! The walk over the whole lattice.

use std::ops::ControlFlow;

use super::Search;
use super::judge::{is_satisfied, settle};
use crate::classes::Classes;

/// A branch of fewer combinations is walked sooner than its coarsest combination is built.
const SMALL_BRANCH: u64 = 8;

impl Search<'_, '_> {
    /// Looks at every combination that can be the best one.
    pub(super) fn walk(&mut self) -> ControlFlow<()> {
        let problem = self.problem;
        // Columns of many values outermost: they are made coarser seldom, and leave few classes to the inner ones.
        let mut order: Vec<usize> = (0..problem.packing.columns()).collect();
        order.sort_by_key(|&column| std::cmp::Reverse(problem.hierarchies[column].values()));
        let mut levels: Vec<usize> = problem.range.iter().map(|range| range.0).collect();
        let finest: Vec<(usize, &[u32])> = levels
            .iter()
            .enumerate()
            .filter(|(_, level)| **level > 0)
            .map(|(column, &level)| {
                (
                    column,
                    problem.hierarchies[column].levels[level].of.as_slice(),
                )
            })
            .collect();
        let mut base = Classes::default();
        problem.base.recode(
            problem.packing,
            &finest,
            problem.sensitive,
            &mut self.scratch,
            &mut base,
        );
        self.branch(&order, &mut levels, &base)
    }

    /// All combinations of the levels of the columns of `order`, on top of what `levels` says of the others.
    fn branch(
        &mut self,
        order: &[usize],
        levels: &mut [usize],
        classes: &Classes,
    ) -> ControlFlow<()> {
        let problem = self.problem;
        let Some((&column, inner)) = order.split_first() else {
            return self.leaf(levels, classes);
        };
        let (finest, coarsest) = problem.range[column];
        let size = inner.iter().fold(1_u64, |size, &column| {
            let (finest, coarsest) = problem.range[column];
            size.saturating_mul((coarsest - finest + 1) as u64)
        });
        // Once a branch holds something, so do those of the coarser levels of this column.
        let mut may_be_empty = self.monotonic && size >= SMALL_BRANCH;
        let mut current = self.spare.pop().unwrap_or_default();
        let mut coarser = self.spare.pop().unwrap_or_default();
        let mut answer = ControlFlow::Continue(());
        for level in finest..=coarsest {
            levels[column] = level;
            if self.is_hopeless(problem.measure.at_least(problem.packing, levels, None)) {
                break;
            }
            if level > finest {
                let up = problem.hierarchies[column].levels[level - 1].up.as_slice();
                let from = if level == finest + 1 {
                    classes
                } else {
                    &current
                };
                from.recode(
                    problem.packing,
                    &[(column, up)],
                    problem.sensitive,
                    &mut self.scratch,
                    &mut coarser,
                );
                std::mem::swap(&mut current, &mut coarser);
            }
            let here = if level == finest { classes } else { &current };
            if self.is_hopeless(
                problem
                    .measure
                    .at_least(problem.packing, levels, Some(here)),
            ) {
                break;
            }
            if may_be_empty {
                answer = self.count();
                if answer.is_break() {
                    break;
                }
                if self.is_empty(inner, here) {
                    continue;
                }
                may_be_empty = false;
            }
            answer = self.branch(inner, levels, here);
            if answer.is_break() {
                break;
            }
        }
        levels[column] = finest;
        self.spare.push(current);
        self.spare.push(coarser);
        answer
    }

    fn leaf(&mut self, levels: &[usize], classes: &Classes) -> ControlFlow<()> {
        self.count()?;
        let problem = self.problem;
        if let Some(loss) = settle(problem, levels, classes, &mut self.kept) {
            self.offer(levels, loss);
        }
        ControlFlow::Continue(())
    }

    /// Whether not even the coarsest levels of the inner columns satisfy the models.
    fn is_empty(&mut self, inner: &[usize], classes: &Classes) -> bool {
        let problem = self.problem;
        // From the finest level of each inner column straight to the coarsest.
        let jumps: Vec<(usize, Vec<u32>)> = inner
            .iter()
            .map(|&column| {
                let (finest, coarsest) = problem.range[column];
                let between = &problem.hierarchies[column].levels[finest..coarsest];
                let labels = problem.hierarchies[column].levels[finest].labels.len() as u32;
                let jump = |label| {
                    between
                        .iter()
                        .fold(label, |label, level| level.up[label as usize])
                };
                (column, (0..labels).map(jump).collect())
            })
            .collect();
        let changes: Vec<(usize, &[u32])> = jumps
            .iter()
            .map(|(column, codes)| (*column, codes.as_slice()))
            .collect();
        let mut coarsest = self.spare.pop().unwrap_or_default();
        classes.recode(
            problem.packing,
            &changes,
            problem.sensitive,
            &mut self.scratch,
            &mut coarsest,
        );
        let empty = !is_satisfied(problem, &coarsest, &mut self.kept);
        self.spare.push(coarsest);
        empty
    }
}
