//! Which rows count: those that meet the conditions, in a group, and no more of a unit than allowed.
//!
//! What is kept of a unit depends on its own rows alone. A unit that comes or goes therefore changes no more
//! than its own kept rows, which is what every sensitivity in this crate rests on.

use std::collections::HashMap;

use crate::query::Condition;
use crate::rows::{Rows, Texts};
use crate::{PrivacyError, Query};

/// How much of a unit counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) rows: u32,
    pub(crate) groups: u32,
}

impl Bounds {
    pub(crate) fn of(query: &Query) -> Self {
        Self {
            rows: query.rows_per_unit,
            groups: query.groups_per_unit,
        }
    }
}

/// Whether each row meets the conditions.
pub(crate) fn meeting(rows: &Rows, conditions: &[Condition]) -> Result<Vec<bool>, PrivacyError> {
    let mut met = vec![true; rows.len()];
    for condition in conditions {
        match condition {
            Condition::OneOf { column, texts } => {
                let column = rows.texts(column)?;
                let wanted: Vec<u32> = texts.iter().filter_map(|t| column.code(t)).collect();
                let wanted: std::collections::HashSet<u32> = wanted.into_iter().collect();
                for (row, met) in met.iter_mut().enumerate() {
                    *met &= column.row(row).is_some_and(|code| wanted.contains(&code));
                }
            }
            Condition::Between { column, from, to } => {
                let (from, to) = (from.unwrap_or(f64::MIN), to.unwrap_or(f64::INFINITY));
                for (value, met) in rows.numbers(column)?.iter().zip(&mut met) {
                    *met &= value.is_finite() && *value >= from && *value < to;
                }
            }
        }
    }
    Ok(met)
}

/// Calls `keep` with the row and group of everything that counts, in the order of the rows. `group` says in
/// which group a row is, if it is in one and has a value.
pub(crate) fn each(
    rows: &Rows,
    bounds: Bounds,
    group: impl Fn(usize) -> Option<u32>,
    mut keep: impl FnMut(usize, u32),
) {
    let mut groups_of_unit = vec![0_u32; rows.unit_count()];
    let mut rows_of_pair: HashMap<(u32, u32), u32> = HashMap::new();
    for (row, unit) in rows.units().iter().enumerate() {
        let Some(group) = group(row) else { continue };
        let Some(groups) = groups_of_unit.get_mut(*unit as usize) else {
            continue;
        };
        match rows_of_pair.get_mut(&(*unit, group)) {
            Some(count) if *count < bounds.rows => *count += 1,
            None if *groups < bounds.groups => {
                *groups += 1;
                rows_of_pair.insert((*unit, group), 1);
            }
            _ => continue,
        }
        keep(row, group);
    }
}

/// The codes of a row's texts, in the columns of a table.
pub(crate) type Key = [u32; crate::query::MAX_BY];

/// The key of a row; none where one of its texts is missing.
pub(crate) fn key_of_row(columns: &[&Texts], row: usize) -> Option<Key> {
    let mut key = Key::default();
    for (part, column) in key.iter_mut().zip(columns) {
        *part = column.row(row)?;
    }
    Some(key)
}

/// The key of a group that was named; none where no row can be in it.
pub(crate) fn key_of_texts<T: AsRef<str>>(columns: &[&Texts], texts: &[T]) -> Option<Key> {
    let mut key = Key::default();
    for ((part, column), text) in key.iter_mut().zip(columns).zip(texts) {
        *part = column.code(text.as_ref())?;
    }
    Some(key)
}
