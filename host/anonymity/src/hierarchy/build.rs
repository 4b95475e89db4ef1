//! A hierarchy from what the job says, for the values that the data holds.

use super::{Hierarchy, ROOT, date, from_rows, interval, mask};
use crate::spec::HierarchySpec;
use crate::table::{self, Column};
use crate::{AnonymityError, Limits};

/// Where the values of a column were found.
pub(crate) struct Found<'a> {
    /// `table` or `population`.
    pub file: &'static str,
    /// The values.
    pub column: &'a Column,
}

/// Builds the hierarchy of a column; without a `spec` its values are shown or not.
///
/// # Errors
///
/// The file is missing, the rows are no hierarchy, the settings make no sense, or a value fits none of it.
pub(crate) fn build(
    column: &str,
    spec: Option<&HierarchySpec>,
    found: &[Found<'_>],
    files: &mut dyn FnMut(&str) -> std::io::Result<Vec<u8>>,
    limits: &Limits,
) -> Result<Hierarchy, AnonymityError> {
    // Before rows are built: they hold a label for each value on each level.
    let many = |what: &str, found: usize, limit: usize| {
        AnonymityError::limit(
            format!("{what} of the hierarchy of `{column}`"),
            found as u64,
            limit as u64,
        )
    };
    let most = found
        .iter()
        .map(|found| found.column.values.len())
        .max()
        .unwrap_or(0);
    many("values", most, limits.hierarchy_values)?;
    let rows = match spec {
        Some(HierarchySpec::File { file, delimiter }) => {
            let bytes = files(file).map_err(|error| {
                AnonymityError::hierarchy(
                    column,
                    format!("its file `{file}` could not be read: {error}"),
                )
            })?;
            let delimiter = crate::spec::delimiter(*delimiter)?;
            table::read_rows(file, bytes.as_slice(), delimiter, limits)?
        }
        Some(HierarchySpec::Rows { rows }) => rows.clone(),
        Some(HierarchySpec::Keep) => each(found, |value| Ok(vec![value.to_owned()]), column)?,
        Some(HierarchySpec::Intervals(spec)) => {
            many(
                "levels",
                spec.widths.len().saturating_add(2),
                limits.hierarchy_levels,
            )?;
            let intervals = interval::Intervals::new(column, spec)?;
            each(found, |value| intervals.row(value), column)?
        }
        Some(HierarchySpec::Date { units }) => {
            date::check(column, units)?;
            each(found, |value| date::row(value, units), column)?
        }
        Some(HierarchySpec::Mask(spec)) => {
            let values = found.iter().flat_map(|found| &found.column.values);
            let mask = mask::Mask::new(column, spec, values, limits)?;
            each(found, |value| Ok(mask.row(value)), column)?
        }
        None => each(
            found,
            |value| Ok(vec![value.to_owned(), ROOT.to_owned()]),
            column,
        )?,
    };
    from_rows(column, rows, limits)
}

/// One row for each value. An empty cell says nothing and stays empty until the root.
fn each(
    found: &[Found<'_>],
    mut row: impl FnMut(&str) -> Result<Vec<String>, String>,
    column: &str,
) -> Result<Vec<Vec<String>>, AnonymityError> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut seen = rustc_hash::FxHashSet::default();
    let mut empty = false;
    for found in found {
        for (value, &line) in found.column.values.iter().zip(&found.column.lines) {
            if !seen.insert(value.as_str()) {
                continue;
            }
            if value.is_empty() {
                empty = true;
                continue;
            }
            rows.push(row(value).map_err(|reason| AnonymityError::NoPlace {
                file: found.file.to_owned(),
                line,
                column: column.to_owned(),
                value: crate::error::shown(value),
                reason,
            })?);
        }
    }
    if empty || rows.is_empty() {
        let depth = rows.first().map_or(2, Vec::len);
        let mut row = vec![String::new(); depth];
        if let Some(last) = row.last_mut().filter(|_| depth > 1) {
            ROOT.clone_into(last);
        }
        rows.push(row);
    }
    Ok(rows)
}
