//! Questions.

use serde::{Deserialize, Serialize};

use crate::{PrivacyError, Spend};

mod check;

/// The most keys, groups, bins or candidates that a question names, and the most groups of an answer.
pub const MAX_GROUPS: usize = 10_000;
/// The most columns that a table is grouped by.
pub const MAX_BY: usize = 4;
/// The most measures of a table.
pub const MAX_MEASURES: usize = 8;
/// The most conditions.
pub const MAX_CONDITIONS: usize = 16;
/// The most keys of a ranking.
pub const MAX_K: usize = 1_000;
/// The candidates of a quantile where the question does not say how many.
pub const DEFAULT_CANDIDATES: u32 = 1001;
/// The most rows of a unit that count in a group.
pub const MAX_ROWS_PER_UNIT: u32 = 1_000_000;

/// A question, how much of it one unit may decide, and what it spends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// What is asked.
    pub ask: Question,
    /// Only rows that meet all of these; what a condition says must not depend on the data.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// At most so many rows of a unit count in each group, the first ones: 1 to [`MAX_ROWS_PER_UNIT`]. Noise
    /// grows in proportion.
    #[serde(default = "one")]
    pub rows_per_unit: u32,
    /// A unit counts in at most so many groups, the first ones that it has rows in: 1 to [`MAX_GROUPS`].
    /// Noise grows with it.
    #[serde(default = "one")]
    pub groups_per_unit: u32,
    /// What it spends.
    pub spend: Spend,
}

fn one() -> u32 {
    1
}

/// What is asked. Bounds, keys and edges are chosen without a look at the data: what is chosen by it tells
/// of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Question {
    /// How many rows.
    Count {},
    /// The sum of a column of numbers, each clamped between the bounds.
    Sum {
        /// Which column.
        column: String,
        /// Smaller values count as this.
        lower: f64,
        /// Larger values count as this.
        upper: f64,
    },
    /// The mean of a column of numbers, each clamped between the bounds: a noisy sum of distances from the
    /// middle over a noisy count, each for half of what is spent.
    ///
    /// N. Li, M. Lyu, D. Su and W. Yang, "Differential Privacy: From Theory to Practice", 2016, algorithm 2.3.
    Mean {
        /// Which column.
        column: String,
        /// Smaller values count as this.
        lower: f64,
        /// Larger values count as this.
        upper: f64,
    },
    /// A quantile of a column of numbers: one of evenly spaced candidates between the bounds, chosen by the
    /// exponential mechanism (A. Smith, "Privacy-preserving Statistical Estimation with Optimal Convergence
    /// Rates", 2011; permute-and-flip of R. McKenna and D. Sheldon, 2020, where ε is spent).
    Quantile {
        /// Which column.
        column: String,
        /// The smallest candidate.
        lower: f64,
        /// The largest candidate.
        upper: f64,
        /// Which quantile: 0 to 1, .5 is the median.
        q: f64,
        /// How many candidates: 2 to [`MAX_GROUPS`].
        #[serde(default = "default_candidates")]
        candidates: u32,
    },
    /// How many rows are in each bin. Values in no bin are not counted.
    Histogram {
        /// Which column.
        column: String,
        /// The bins.
        bins: Bins,
    },
    /// Which of the keys have the most rows, in order, without saying how many.
    TopK {
        /// Which column.
        column: String,
        /// How many: 1 to the number of keys, at most [`MAX_K`].
        k: u32,
        /// The texts among which they are chosen.
        keys: Vec<String>,
    },
    /// A table of groups.
    Table {
        /// Columns of texts that make up a group: 1 to [`MAX_BY`].
        by: Vec<String>,
        /// The groups, each with a text for every column. Where none are named, those that enough units are
        /// in are found, which needs `delta`; the table then begins with a count.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        groups: Option<Vec<Vec<String>>>,
        /// What is measured of each group, for equal parts of what is spent (a mean takes two).
        #[serde(default)]
        measures: Vec<Measure>,
    },
}

fn default_candidates() -> u32 {
    DEFAULT_CANDIDATES
}

/// The bins of a histogram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bins {
    /// Each of these texts is a bin.
    Keys(Vec<String>),
    /// From each number, included, to the next, excluded.
    Edges(Vec<f64>),
}

/// A number for each group of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Measure {
    /// How many rows.
    Count {},
    /// See [`Question::Sum`].
    Sum {
        /// Which column.
        column: String,
        /// Smaller values count as this.
        lower: f64,
        /// Larger values count as this.
        upper: f64,
    },
    /// See [`Question::Mean`].
    Mean {
        /// Which column.
        column: String,
        /// Smaller values count as this.
        lower: f64,
        /// Larger values count as this.
        upper: f64,
    },
}

/// What a row must meet. A missing value meets nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Condition {
    /// The text is one of these.
    OneOf {
        /// Which column.
        column: String,
        /// The texts.
        texts: Vec<String>,
    },
    /// The number is at least `from` and less than `to`.
    Between {
        /// Which column.
        column: String,
        /// Included; none is no bound.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<f64>,
        /// Excluded; none is no bound.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<f64>,
    },
}

impl Query {
    /// The one text that the question has on this snapshot: defaults written out, amounts as decimals, a zero
    /// without sign, fields in one order. What is asked twice is known by it.
    ///
    /// # Errors
    /// [`PrivacyError::Invalid`] for a question that breaks a rule.
    pub fn canonical(&self, snapshot: &str) -> Result<String, PrivacyError> {
        #[derive(Serialize)]
        struct Form<'a> {
            snapshot: &'a str,
            query: &'a Query,
        }
        self.check()?;
        let query = &self.without_signed_zeros();
        serde_json::to_string(&Form { snapshot, query })
            .map_err(|e| PrivacyError::Invalid(format!("the question: {e}")))
    }

    fn without_signed_zeros(&self) -> Self {
        let mut query = self.clone();
        let mut numbers: Vec<&mut f64> = Vec::new();
        match &mut query.ask {
            Question::Sum { lower, upper, .. } | Question::Mean { lower, upper, .. } => {
                numbers.extend([lower, upper]);
            }
            Question::Quantile {
                lower, upper, q, ..
            } => numbers.extend([lower, upper, q]),
            Question::Histogram {
                bins: Bins::Edges(edges),
                ..
            } => numbers.extend(edges),
            Question::Table { measures, .. } => {
                for measure in measures {
                    match measure {
                        Measure::Count {} => {}
                        Measure::Sum { lower, upper, .. } | Measure::Mean { lower, upper, .. } => {
                            numbers.extend([lower, upper]);
                        }
                    }
                }
            }
            Question::Count {} | Question::Histogram { .. } | Question::TopK { .. } => {}
        }
        for condition in &mut query.conditions {
            if let Condition::Between { from, to, .. } = condition {
                numbers.extend(from.iter_mut().chain(to));
            }
        }
        for number in numbers {
            *number += 0.0;
        }
        query
    }
}

impl Bins {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Keys(keys) => keys.len(),
            Self::Edges(edges) => edges.len().saturating_sub(1),
        }
    }
}

impl Measure {
    /// What the numbers of the measure are called.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Count {} => "count".into(),
            Self::Sum { column, .. } => format!("sum({column})"),
            Self::Mean { column, .. } => format!("mean({column})"),
        }
    }
}
