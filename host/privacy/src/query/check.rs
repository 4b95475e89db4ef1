//! The rules that a question keeps whatever the data.

use std::collections::HashSet;

use super::{
    Bins, Condition, MAX_BY, MAX_CONDITIONS, MAX_GROUPS, MAX_K, MAX_MEASURES, MAX_ROWS_PER_UNIT,
    Measure, Query, Question,
};
use crate::PrivacyError;
use crate::error::invalid;
use crate::rows::Rows;

/// Bounds are at most this far from zero.
const MAX_BOUND: f64 = 1e15;
/// Bounds are at least this far from each other.
const MIN_WIDTH: f64 = 1e-15;
/// The longest text of a key, in bytes.
const MAX_KEY_BYTES: usize = 1_000;

type Checked = Result<(), PrivacyError>;

impl Query {
    pub(crate) fn check(&self) -> Checked {
        within("rows_per_unit", self.rows_per_unit, 1, MAX_ROWS_PER_UNIT)?;
        within(
            "groups_per_unit",
            self.groups_per_unit,
            1,
            MAX_GROUPS as u32,
        )?;
        at_most("conditions", self.conditions.len(), MAX_CONDITIONS)?;
        self.conditions.iter().try_for_each(check_condition)?;
        self.ask.check()?;
        let grouped = matches!(
            self.ask,
            Question::Histogram { .. } | Question::Table { .. } | Question::TopK { .. }
        );
        if !grouped && self.groups_per_unit != 1 {
            return invalid("groups_per_unit is for histograms, tables and rankings: leave it out");
        }
        Ok(())
    }
}

impl Query {
    /// Whether every column is there and of the type that is needed.
    pub(crate) fn check_columns(&self, rows: &Rows) -> Checked {
        for condition in &self.conditions {
            match condition {
                Condition::OneOf { column, .. } => _ = rows.texts(column)?,
                Condition::Between { column, .. } => _ = rows.numbers(column)?,
            }
        }
        match &self.ask {
            Question::Count {} => {}
            Question::Sum { column, .. }
            | Question::Mean { column, .. }
            | Question::Quantile { column, .. }
            | Question::Histogram {
                column,
                bins: Bins::Edges(_),
            } => _ = rows.numbers(column)?,
            Question::Histogram {
                column,
                bins: Bins::Keys(_),
            }
            | Question::TopK { column, .. } => _ = rows.texts(column)?,
            Question::Table { by, measures, .. } => {
                for column in by {
                    rows.texts(column)?;
                }
                for measure in measures {
                    match measure {
                        Measure::Count {} => {}
                        Measure::Sum { column, .. } | Measure::Mean { column, .. } => {
                            rows.numbers(column)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl Question {
    fn check(&self) -> Checked {
        match self {
            Self::Count {} => Ok(()),
            Self::Sum { lower, upper, .. } | Self::Mean { lower, upper, .. } => {
                check_bounds(*lower, *upper)
            }
            Self::Quantile {
                lower,
                upper,
                q,
                candidates,
                ..
            } => {
                check_bounds(*lower, *upper)?;
                if !(0.0..=1.0).contains(q) {
                    return invalid(format!("q is {q}: it is 0 to 1"));
                }
                within("candidates", *candidates, 2, MAX_GROUPS as u32)
            }
            Self::Histogram { bins, .. } => check_bins(bins),
            Self::TopK { k, keys, .. } => {
                check_keys(keys)?;
                if *k as usize > keys.len() {
                    return invalid(format!(
                        "k is {k}, and there are {} keys to choose from",
                        keys.len()
                    ));
                }
                within("k", *k, 1, MAX_K as u32)
            }
            Self::Table {
                by,
                groups,
                measures,
            } => check_table(by, groups.as_deref(), measures),
        }
    }
}

fn check_table(by: &[String], groups: Option<&[Vec<String>]>, measures: &[Measure]) -> Checked {
    within("the number of columns in `by`", by.len(), 1, MAX_BY)?;
    distinct("column of `by`", by)?;
    at_most("measures", measures.len(), MAX_MEASURES)?;
    for measure in measures {
        match measure {
            Measure::Count {} => {}
            Measure::Sum { lower, upper, .. } | Measure::Mean { lower, upper, .. } => {
                check_bounds(*lower, *upper)?;
            }
        }
    }
    let Some(groups) = groups else {
        if measures.iter().any(|m| matches!(m, Measure::Count {})) {
            return invalid(
                "a table whose groups are found begins with a count: leave the measure out",
            );
        }
        return Ok(());
    };
    if measures.is_empty() {
        return invalid("a table whose groups are named needs a measure");
    }
    within("the number of groups", groups.len(), 1, MAX_GROUPS)?;
    for group in groups {
        if group.len() != by.len() {
            return invalid(format!(
                "a group has {} texts for {} columns in `by`",
                group.len(),
                by.len()
            ));
        }
        group.iter().try_for_each(|key| check_key(key))?;
    }
    distinct("group", groups)
}

fn check_bins(bins: &Bins) -> Checked {
    match bins {
        Bins::Keys(keys) => check_keys(keys),
        Bins::Edges(edges) => {
            within("the number of edges", edges.len(), 2, MAX_GROUPS + 1)?;
            if edges.iter().any(|edge| !edge.is_finite()) {
                return invalid("every edge is a finite number");
            }
            if !edges.is_sorted_by(|a, b| a < b) {
                return invalid("edges rise from each to the next");
            }
            Ok(())
        }
    }
}

fn check_keys(keys: &[String]) -> Checked {
    within("the number of keys", keys.len(), 1, MAX_GROUPS)?;
    keys.iter().try_for_each(|key| check_key(key))?;
    distinct("key", keys)
}

fn check_key(key: &str) -> Checked {
    at_most("bytes of a key", key.len(), MAX_KEY_BYTES)
}

fn check_condition(condition: &Condition) -> Checked {
    match condition {
        Condition::OneOf { texts, .. } => check_keys(texts),
        Condition::Between { from, to, .. } => {
            if from.iter().chain(to).any(|bound| bound.is_nan()) {
                return invalid("a bound of a condition is not a number");
            }
            match (from, to) {
                (None, None) => invalid("a condition `between` has `from`, `to` or both"),
                (Some(from), Some(to)) if from >= to => invalid(format!(
                    "a condition is from {from} to {to}: the first is less than the second"
                )),
                _ if from.iter().chain(to).any(|bound| bound.is_infinite()) => {
                    invalid("a bound of a condition is infinite: leave it out")
                }
                _ => Ok(()),
            }
        }
    }
}

fn check_bounds(lower: f64, upper: f64) -> Checked {
    for bound in [lower, upper] {
        if bound.is_nan() || bound.abs() > MAX_BOUND {
            return invalid(format!(
                "a bound is {bound}: bounds are numbers of at most 1e15"
            ));
        }
    }
    if upper - lower < MIN_WIDTH {
        return invalid(format!(
            "the bounds are {lower} and {upper}: the upper one is larger, by at least 1e-15"
        ));
    }
    Ok(())
}

fn distinct<T: Eq + std::hash::Hash + std::fmt::Debug>(what: &str, items: &[T]) -> Checked {
    let mut seen = HashSet::with_capacity(items.len());
    match items.iter().find(|item| !seen.insert(*item)) {
        Some(twice) => invalid(format!("the {what} {twice:?} is named twice")),
        None => Ok(()),
    }
}

fn within<T: PartialOrd + std::fmt::Display>(what: &str, value: T, low: T, high: T) -> Checked {
    if value < low || value > high {
        return invalid(format!("{what} is {value}: it is {low} to {high}"));
    }
    Ok(())
}

fn at_most(what: &str, value: usize, high: usize) -> Checked {
    if value > high {
        return invalid(format!(
            "there are {value} {what}; at most {high} are allowed"
        ));
    }
    Ok(())
}
