//! From the coarsest combination downwards, to have a good one before the walk begins.

use std::ops::ControlFlow;

use super::Search;
use super::judge::settle;
use crate::classes::Classes;

impl Search<'_, '_> {
    /// Goes from each combination to the best of those that are one level finer in one column, until none satisfies the
    /// models. Nothing says that this finds the best one; it need not.
    pub(super) fn descend(&mut self) -> ControlFlow<()> {
        let range = self.problem.range;
        let mut levels: Vec<usize> = range.iter().map(|range| range.1).collect();
        let mut classes = Classes::default();
        let mut reached = self.try_levels(&levels, &mut classes)?;
        while reached.take().is_some() {
            let mut next: Option<(f64, usize)> = None;
            for column in 0..levels.len() {
                if levels[column] == range[column].0 {
                    continue;
                }
                levels[column] -= 1;
                if let Some(loss) = self.try_levels(&levels, &mut classes)?
                    && next.is_none_or(|(least, _)| loss < least)
                {
                    next = Some((loss, column));
                }
                levels[column] += 1;
            }
            if let Some((loss, column)) = next {
                levels[column] -= 1;
                reached = Some(loss);
            }
        }
        ControlFlow::Continue(())
    }

    /// The loss of a combination, if it satisfies the models.
    fn try_levels(
        &mut self,
        levels: &[usize],
        classes: &mut Classes,
    ) -> ControlFlow<(), Option<f64>> {
        self.count()?;
        let problem = self.problem;
        let changes: Vec<(usize, &[u32])> = levels
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
        problem.base.recode(
            problem.packing,
            &changes,
            problem.sensitive,
            &mut self.scratch,
            classes,
        );
        let loss = settle(problem, levels, classes, &mut self.kept);
        if let Some(loss) = loss {
            self.offer(levels, loss);
        }
        ControlFlow::Continue(loss)
    }
}
