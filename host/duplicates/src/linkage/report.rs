//! What was learned and counted.

use serde::Serialize;

use super::blocking::Pairs;
use super::compare::Comparison;
use super::model::Model;
use super::spec::{Kind, Spec};
use super::{Link, Part};

/// What was learned and counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Rows of each table.
    pub rows: Vec<usize>,
    /// Pairs that were compared.
    pub pairs: usize,
    /// Pairs that are taken for the same.
    pub links: usize,
    /// Clusters of more than one row.
    pub clusters: usize,
    /// Rows of the largest cluster.
    pub largest_cluster: usize,
    /// How probable it is that any two rows are the same.
    pub prior: f64,
    /// The blocking rules.
    pub blocking: Vec<RuleReport>,
    /// The comparisons.
    pub comparisons: Vec<ComparisonReport>,
}

/// A blocking rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    /// Its columns.
    pub columns: Vec<String>,
    /// Pairs that agree by it; a pair can agree by several.
    pub pairs: u64,
}

/// What a column says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparisonReport {
    /// The column.
    pub column: String,
    /// Rows whose value is empty: they speak neither for a match nor against it.
    pub empty: usize,
    /// Rows whose value is no number or no date; they count as empty.
    pub unreadable: usize,
    /// Whether `m` was learned. It was not where each blocking rule asks for equality in this column: then a usual one
    /// is taken.
    pub learned: bool,
    /// Its levels, best first.
    pub levels: Vec<LevelReport>,
}

/// What a level says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelReport {
    /// `equal`, a bound, or `other`.
    pub level: String,
    /// How often it occurs among pairs of the same.
    pub m: f64,
    /// How often it occurs among pairs of others.
    pub u: f64,
    /// How much it speaks for a match: the logarithm of `m / u` to the base 2.
    pub weight: f64,
}

/// What a level is called.
pub(super) fn level_name(comparison: &Comparison, level: usize) -> String {
    let spec = &comparison.spec;
    match level.checked_sub(1) {
        None => "equal".into(),
        Some(at) => match spec.bounds().get(at) {
            None => "other".into(),
            Some(bound) => match spec.compare {
                Kind::JaroWinkler | Kind::Bigrams => format!("at least {bound}"),
                Kind::Percent => format!("within {bound} %"),
                Kind::Date => format!("within {bound} days"),
                _ => format!("within {bound}"),
            },
        },
    }
}

pub(super) fn tell(
    spec: &Spec,
    rows: &[usize],
    comparisons: &[Comparison],
    pairs: &Pairs,
    model: &Model,
    links: &[Link],
    clusters: &[u32],
) -> Report {
    let mut sizes = vec![0usize; clusters.len()];
    for &cluster in clusters {
        sizes[cluster as usize] += 1;
    }
    let rule = |(parts, &pairs): (&Vec<Part>, &u64)| RuleReport {
        columns: parts.iter().map(|part| part.column().to_owned()).collect(),
        pairs,
    };
    let comparison = |(c, comparison): (usize, &Comparison)| ComparisonReport {
        column: comparison.spec.column.clone(),
        empty: comparison.empty,
        unreadable: comparison.unreadable,
        learned: model.learned[c],
        levels: (0..comparison.levels())
            .map(|level| {
                let (m, u) = (model.m[c][level], model.u[c][level]);
                LevelReport {
                    level: level_name(comparison, level),
                    m,
                    u,
                    weight: (m / u).log2(),
                }
            })
            .collect(),
    };
    Report {
        rows: rows.to_vec(),
        pairs: pairs.all.len(),
        links: links.len(),
        clusters: sizes.iter().filter(|&&size| size > 1).count(),
        largest_cluster: sizes.iter().copied().max().unwrap_or(0),
        prior: model.prior,
        blocking: spec.blocking.iter().zip(&pairs.by_rule).map(rule).collect(),
        comparisons: comparisons.iter().enumerate().map(comparison).collect(),
    }
}
