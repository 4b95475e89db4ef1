//! Totals of groups, exact and with noise.

use super::Plan;
use crate::PrivacyError;
use crate::bounded::{Bounds, each};
use crate::grid::Grid;
use crate::groups::Groups;
use crate::mechanism::{self, Noisy, Sensitivity};
use crate::query::Measure;
use crate::rows::Rows;
use crate::shares::numbers;

impl Plan {
    /// A number for each group, and how far it is from the truth in 95 of 100 cases.
    pub(super) fn measure(
        &self,
        rows: &Rows,
        groups: &Groups,
        measure: &Measure,
    ) -> Result<(Vec<f64>, Option<f64>), PrivacyError> {
        match measure {
            Measure::Count {} => {
                let counts = self.noisy(&self.counts(rows, groups, |_| true), 1)?;
                let values = counts.values.iter().map(|count| *count as f64);
                Ok((values.collect(), Some(counts.error)))
            }
            Measure::Sum {
                column,
                lower,
                upper,
            } => {
                let grid = Grid::from_zero(*lower, *upper);
                let sums = self.sums(rows, groups, rows.numbers(column)?, grid);
                let sums = self.noisy(&sums, grid.most())?;
                let values = sums.values.iter().map(|sum| grid.sum(*sum as f64));
                Ok((values.collect(), Some(grid.sum(sums.error))))
            }
            Measure::Mean {
                column,
                lower,
                upper,
            } => {
                let grid = Grid::from_middle(*lower, *upper);
                let values = rows.numbers(column)?;
                let sums = self.noisy(&self.sums(rows, groups, values, grid), grid.most())?;
                let counts = self.counts(rows, groups, |row| finite(values, row).is_some());
                let counts = self.noisy(&counts, 1)?;
                let pairs = sums.values.iter().zip(&counts.values);
                Ok((
                    pairs.map(|(sum, count)| grid.mean(*sum, *count)).collect(),
                    None,
                ))
            }
        }
    }

    pub(super) fn counts(
        &self,
        rows: &Rows,
        groups: &Groups,
        counts: impl Fn(usize) -> bool,
    ) -> Vec<i64> {
        let mut totals = vec![0_i64; groups.keys.len()];
        let group = |row| groups.of(row).filter(|_| counts(row));
        each(rows, Bounds::of(&self.query), group, |_, group| {
            if let Some(total) = totals.get_mut(group as usize) {
                *total += 1;
            }
        });
        totals
    }

    pub(super) fn sums(
        &self,
        rows: &Rows,
        groups: &Groups,
        values: &[f64],
        grid: Grid,
    ) -> Vec<i64> {
        let mut totals = vec![0_i64; groups.keys.len()];
        let steps = |row| values.get(row).and_then(|value| grid.steps(*value));
        let group = |row| groups.of(row).filter(|_| steps(row).is_some());
        each(rows, Bounds::of(&self.query), group, |row, group| {
            if let (Some(total), Some(steps)) = (totals.get_mut(group as usize), steps(row)) {
                // 2^32 rows of 2^30 steps at most: it never saturates.
                *total = total.saturating_add(steps);
            }
        });
        totals
    }

    fn noisy(&self, totals: &Vec<i64>, most: u64) -> Result<Noisy, PrivacyError> {
        mechanism::noisy(totals, self.sensitivity(most), self.shares.each)
    }

    /// What a unit changes where each of its rows adds at most `most` to a total.
    pub(super) fn sensitivity(&self, most: u64) -> Sensitivity {
        Sensitivity {
            numbers: numbers(&self.query),
            each: most.saturating_mul(u64::from(self.query.rows_per_unit)),
        }
    }
}

/// The number of a row; none where it is missing.
pub(super) fn finite(values: &[f64], row: usize) -> Option<f64> {
    values.get(row).copied().filter(|value| value.is_finite())
}
