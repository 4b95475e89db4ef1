//! Records of one person or company, in one table or in two (Fellegi and Sunter 1969).
//!
//! A [`Spec`] says which rows are compared at all (blocking), and how each column is compared: exactly, by distance of
//! texts, numbers or dates, each in levels. How much a level speaks for a match is learned from the tables themselves:
//! `u`, how often it occurs among rows that are not the same, from pairs drawn at random; `m`, how often it occurs among
//! those that are, by expectation maximization over the pairs of each blocking rule (Winkler 1988), as Splink does.
//!
//! ```
//! use steward_duplicates::linkage::{Limits, Spec, link};
//!
//! let spec: Spec = serde_json::from_str(r#"{
//!     "blocking": [["city"], ["phone"]],
//!     "comparisons": [
//!         {"column": "name", "compare": "jaro-winkler", "ignore": ["有限公司", "Ltd"]},
//!         {"column": "phone", "compare": "exact"}
//!     ]
//! }"#)?;
//! let table = "name,city,phone\n海棠科技有限公司,上海,021-5555\n海棠科技,上海,021-5555\n北山书店,上海,021-7777\n";
//! let linked = link(&spec, &mut table.as_bytes(), None, &Limits::default())?;
//! assert_eq!(linked.report.rows, [3]);
//! assert!(linked.links.iter().all(|link| (link.left, link.right) == (0, 1)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod blocking;
mod compare;
mod model;
mod report;
mod spec;
mod table;
mod value;
mod write;

use std::io::Read;

use serde::Serialize;

use crate::DuplicatesError;
use crate::clusters::Union;
use blocking::{Blocks, Pair};
use compare::Comparison;
use model::Model;
use table::Table;

pub use report::{ComparisonReport, LevelReport, Report, RuleReport};
pub use spec::{ComparisonSpec, Kind, Part, Spec};

/// What a linkage may take at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a table.
    pub bytes: u64,
    /// Rows of all tables.
    pub rows: usize,
    /// Pairs that the blocking rules make.
    pub pairs: usize,
}

impl Default for Limits {
    /// A gibibyte, two million rows, thirty million pairs.
    fn default() -> Self {
        Self {
            bytes: 1 << 30,
            rows: 2_000_000,
            pairs: 30_000_000,
        }
    }
}

/// Two rows that are taken for the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Link {
    /// The row of the first table, from 0.
    pub left: u32,
    /// The row of the second table, or a later one of the first, from 0.
    pub right: u32,
    /// How probable it is that they are the same.
    pub probability: f64,
    /// The logarithm of the odds to the base 2, with those of any two rows in it.
    pub weight: f64,
    /// The level of each comparison, 0 for the best; none where a value is missing.
    pub levels: Vec<Option<u8>>,
}

/// What was found.
#[derive(Debug)]
pub struct Linked {
    /// Rows that are the same, most probable first.
    pub links: Vec<Link>,
    /// The cluster of each row of the first table, then of the second: the number of the first row that is the same.
    pub clusters: Vec<u32>,
    /// What was learned and counted.
    pub report: Report,
    tables: Vec<Table>,
    /// The column that names a row, in each table.
    ids: Vec<Option<usize>>,
    comparisons: Vec<Comparison>,
}

/// Links the rows of a table, or those of two tables to each other: CSV in UTF-8 with a header.
///
/// # Errors
/// [`DuplicatesError::Invalid`] names what cannot be used in the job or in a table, and what would mend it.
pub fn link(
    spec: &Spec,
    table: &mut dyn Read,
    other: Option<&mut dyn Read>,
    limits: &Limits,
) -> Result<Linked, DuplicatesError> {
    spec.check()?;
    let mut tables = vec![Table::read("the table", table, limits)?];
    if let Some(other) = other {
        tables.push(Table::read("the second table", other, limits)?);
    }
    let rows: Vec<usize> = tables.iter().map(|table| table.rows.len()).collect();
    let all: usize = rows.iter().sum();
    if all > limits.rows {
        let why = format!(
            "{all} rows are more than the {} that are linked at once",
            limits.rows
        );
        return Err(DuplicatesError::invalid(why));
    }
    let find = |table: &Table| spec.id.as_deref().map(|id| table.column(id)).transpose();
    let ids = tables.iter().map(find).collect::<Result<_, _>>()?;
    let comparisons: Vec<Comparison> = spec
        .comparisons
        .iter()
        .map(|given| Comparison::read(given, &tables))
        .collect::<Result<_, _>>()?;
    let blocks = Blocks::new(spec, &tables)?;
    let pairs = blocks.pairs(&comparisons, limits)?;
    let model = Model::learn(spec, &comparisons, &blocks, &pairs);

    let mut links: Vec<Link> = pairs
        .all
        .iter()
        .filter_map(|pair| matched(pair, &pairs, &model, spec.probability))
        .collect();
    links.sort_by(|a, b| {
        let later = b.weight.total_cmp(&a.weight);
        later.then((a.left, a.right).cmp(&(b.left, b.right)))
    });
    if spec.one_to_one {
        let mut taken = vec![false; all];
        links.retain(|link| {
            let free = !taken[link.left as usize] && !taken[link.right as usize];
            if free {
                taken[link.left as usize] = true;
                taken[link.right as usize] = true;
            }
            free
        });
    }
    let mut union = Union::of(all);
    for link in &links {
        union.unite(link.left, link.right);
    }
    let clusters: Vec<u32> = (0..all as u32).map(|row| union.find(row)).collect();
    let report = report::tell(spec, &rows, &comparisons, &pairs, &model, &links, &clusters);
    // Until here the rows of both tables are numbered through.
    if let [first, _] = rows[..] {
        links.iter_mut().for_each(|link| link.right -= first as u32);
    }
    Ok(Linked {
        links,
        clusters,
        report,
        tables,
        ids,
        comparisons,
    })
}

fn matched(pair: &Pair, pairs: &blocking::Pairs, model: &Model, probability: f64) -> Option<Link> {
    let pattern = &pairs.patterns[pair.pattern as usize];
    let odds = model.log_odds(&pattern.levels);
    let found = model::probability(odds);
    (found >= probability).then(|| Link {
        left: pair.left,
        right: pair.right,
        probability: found,
        weight: odds / std::f64::consts::LN_2,
        levels: pattern.levels.clone(),
    })
}

#[cfg(test)]
mod tests;
