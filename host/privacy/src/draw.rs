//! From data to what is let out.

mod totals;

use std::collections::HashMap;

use crate::answer::{Group, Release};
use crate::bounded::{Bounds, each, meeting};
use crate::groups::Groups;
use crate::mechanism;
use crate::query::{MAX_GROUPS, Measure, Question};
use crate::rows::Rows;
use crate::shares::Shares;
use crate::{PrivacyError, Query};
use totals::finite;

/// A question that fits the data's columns, and what each of its drawings may cost. Nothing of this depends
/// on the rows.
pub(crate) struct Plan {
    query: Query,
    shares: Shares,
}

impl Plan {
    /// # Errors
    /// [`PrivacyError::Invalid`] for a question that breaks a rule or names a column that is not there or is
    /// of another type: everything that can be wrong with a question is found before anything is paid.
    pub(crate) fn new(query: &Query, rows: &Rows) -> Result<Self, PrivacyError> {
        query.check()?;
        query.check_columns(rows)?;
        Ok(Self {
            shares: Shares::of(query)?,
            query: query.clone(),
        })
    }

    /// Adds it all up and draws the noise.
    pub(crate) fn draw(&self, rows: &Rows) -> Result<Release, PrivacyError> {
        let met = meeting(rows, &self.query.conditions)?;
        match &self.query.ask {
            Question::Count {} => self.number(rows, &met, &Measure::Count {}),
            Question::Sum {
                column,
                lower,
                upper,
            } => {
                let (column, lower, upper) = (column.clone(), *lower, *upper);
                let sum = Measure::Sum {
                    column,
                    lower,
                    upper,
                };
                self.number(rows, &met, &sum)
            }
            Question::Mean {
                column,
                lower,
                upper,
            } => {
                let (column, lower, upper) = (column.clone(), *lower, *upper);
                let mean = Measure::Mean {
                    column,
                    lower,
                    upper,
                };
                self.number(rows, &met, &mean)
            }
            Question::Quantile {
                column,
                lower,
                upper,
                q,
                candidates,
            } => {
                let values = rows.numbers(column)?;
                let groups = Groups::one(&met);
                let group = |row| groups.of(row).filter(|_| finite(values, row).is_some());
                let mut kept = Vec::new();
                each(rows, Bounds::of(&self.query), group, |row, _| {
                    kept.extend(finite(values, row));
                });
                let candidates = spaced(*lower, *upper, *candidates);
                let rows = self.query.rows_per_unit;
                let value = mechanism::quantile(&kept, rows, *q, &candidates, self.shares.each)?;
                Ok(Release::Number { value, error: None })
            }
            Question::Histogram { column, bins } => {
                let groups = Groups::bins(rows, &met, column, bins)?;
                self.table(
                    rows,
                    &groups,
                    std::slice::from_ref(column),
                    &[Measure::Count {}],
                )
            }
            Question::TopK { column, k, keys } => {
                let named = keys.iter().map(|key| vec![key.clone()]).collect();
                let groups = Groups::named(&[rows.texts(column)?], &met, named);
                let counts: Vec<u64> = self
                    .counts(rows, &groups, |_| true)
                    .into_iter()
                    .map(i64::unsigned_abs)
                    .collect();
                let rows = u64::from(self.query.rows_per_unit);
                let chosen = mechanism::top_k(&counts, rows, *k as usize, self.shares.each)?;
                let keys = chosen
                    .iter()
                    .filter_map(|i| keys.get(*i).cloned())
                    .collect();
                Ok(Release::Ranking { keys })
            }
            Question::Table {
                by,
                groups,
                measures,
            } => {
                let columns = by
                    .iter()
                    .map(|column| rows.texts(column))
                    .collect::<Result<Vec<_>, _>>()?;
                match groups {
                    Some(groups) => {
                        let groups = Groups::named(&columns, &met, groups.clone());
                        self.table(rows, &groups, by, measures)
                    }
                    None => self.found(rows, &Groups::all(&columns, &met), by, measures),
                }
            }
        }
    }

    /// One number over all rows.
    fn number(
        &self,
        rows: &Rows,
        met: &[bool],
        measure: &Measure,
    ) -> Result<Release, PrivacyError> {
        let (values, error) = self.measure(rows, &Groups::one(met), measure)?;
        let value = values.first().copied().unwrap_or(0.0);
        Ok(Release::Number { value, error })
    }

    /// Measures of groups whose names are public.
    fn table(
        &self,
        rows: &Rows,
        groups: &Groups,
        by: &[String],
        measures: &[Measure],
    ) -> Result<Release, PrivacyError> {
        let mut table: Vec<Vec<f64>> = vec![Vec::with_capacity(measures.len()); groups.keys.len()];
        let mut errors = Vec::with_capacity(measures.len());
        for measure in measures {
            let (values, error) = self.measure(rows, groups, measure)?;
            for (row, value) in table.iter_mut().zip(values) {
                row.push(value);
            }
            errors.push(error);
        }
        let groups = groups.keys.iter().cloned().zip(table);
        Ok(Release::Table {
            by: by.to_vec(),
            measures: measures.iter().map(Measure::title).collect(),
            errors,
            groups: groups.map(|(key, values)| Group { key, values }).collect(),
            truncated: false,
        })
    }

    /// Finds the groups that enough units are in, then measures those.
    fn found(
        &self,
        rows: &Rows,
        all: &Groups,
        by: &[String],
        measures: &[Measure],
    ) -> Result<Release, PrivacyError> {
        let counts: HashMap<u32, i64> = (0..).zip(self.counts(rows, all, |_| true)).collect();
        let delta = self.shares.delta.unwrap_or(0.0);
        let sensitivity = self.sensitivity(1);
        let found = mechanism::found(&counts, sensitivity, self.shares.each, delta)?;
        let mut chosen: Vec<(u32, i64)> = found.counts.into_iter().collect();
        let truncated = chosen.len() > MAX_GROUPS;
        if truncated {
            chosen.sort_unstable_by_key(|(number, count)| (std::cmp::Reverse(*count), *number));
            chosen.truncate(MAX_GROUPS);
        }
        // By key: the order in which groups came is that of the data.
        chosen.sort_unstable_by_key(|(number, _)| all.keys.get(*number as usize));
        let numbers: Vec<u32> = chosen.iter().map(|(number, _)| *number).collect();
        let Release::Table {
            measures: mut titles,
            mut errors,
            mut groups,
            by,
            ..
        } = self.table(rows, &all.only(&numbers), by, measures)?
        else {
            return Err(PrivacyError::Mechanism("a table is no table".into()));
        };
        titles.insert(0, Measure::Count {}.title());
        errors.insert(0, Some(found.error));
        for (group, (_, count)) in groups.iter_mut().zip(chosen) {
            group.values.insert(0, count as f64);
        }
        Ok(Release::Table {
            by,
            measures: titles,
            errors,
            groups,
            truncated,
        })
    }
}

/// Evenly spaced numbers from the first to the last; fewer where floating point has fewer.
fn spaced(lower: f64, upper: f64, count: u32) -> Vec<f64> {
    let last = f64::from(count.max(2) - 1);
    let at = |i: u32| lower + (upper - lower) * (f64::from(i) / last);
    let mut candidates: Vec<f64> = (0..count).map(at).collect();
    candidates.dedup();
    candidates
}

#[cfg(test)]
mod drawn;
#[cfg(test)]
mod neighbours;
