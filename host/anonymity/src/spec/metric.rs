//! What the best result loses least of.

use serde::{Deserialize, Serialize};

fn half() -> f64 {
    0.5
}

/// What is lost, as ARX measures it. Less is better.
///
/// `suppression_weight` puts suppressed rows beside generalized ones, from 0 (suppression costs nothing) over 0.5 (a
/// suppressed cell costs as much as one that is generalized to the root) to 1 (generalization costs nothing).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Metric {
    /// The share of the domain that each cell covers, 0 to 1 for each column.
    /// V. Iyengar, "Transforming data to satisfy privacy constraints", 2002.
    Loss {
        /// How columns become one number.
        #[serde(default = "geometric")]
        aggregate: Aggregate,
        /// Suppressed beside generalized.
        #[serde(default = "half")]
        suppression_weight: f64,
    },
    /// Bits that were lost: how uncertain the original values are, given the generalized ones.
    /// A. Gionis, T. Tassa, "k-anonymization with minimal loss of information", 2009.
    NonUniformEntropy {
        /// How columns become one number.
        #[serde(default)]
        aggregate: Aggregate,
        /// Suppressed beside generalized.
        #[serde(default = "half")]
        suppression_weight: f64,
        /// Suppressed rows count as if they were released.
        #[serde(default)]
        ignore_suppression: bool,
    },
    /// The level of each column by the height of its hierarchy.
    /// L. Sweeney, "Achieving k-anonymity privacy protection using generalization and suppression", 2002.
    Precision {
        /// How columns become one number.
        #[serde(default = "arithmetic")]
        aggregate: Aggregate,
        /// Suppressed beside generalized.
        #[serde(default = "half")]
        suppression_weight: f64,
        /// Suppressed rows count as if they were released.
        #[serde(default)]
        ignore_suppression: bool,
    },
    /// The level of each column.
    Height {
        /// How columns become one number.
        #[serde(default)]
        aggregate: Aggregate,
    },
    /// Rows per class, all suppressed rows being one class.
    /// K. LeFevre, D. DeWitt, R. Ramakrishnan, "Mondrian multidimensional k-anonymity", 2006; not divided by `k`.
    AverageClassSize {
        /// Suppressed beside generalized.
        #[serde(default = "half")]
        suppression_weight: f64,
    },
    /// For each row the rows that look like it; for a suppressed one all rows.
    /// R. Bayardo, R. Agrawal, "Data privacy through optimal k-anonymization", 2005.
    Discernibility {
        /// Suppressed rows count as if they were released.
        #[serde(default)]
        ignore_suppression: bool,
    },
    /// For each row how many combinations of original values it could stand for.
    /// J. Goldberger, T. Tassa, "Efficient anonymizations with enhanced utility", 2010.
    Ambiguity,
}

fn geometric() -> Aggregate {
    Aggregate::GeometricMean
}

fn arithmetic() -> Aggregate {
    Aggregate::ArithmeticMean
}

impl Default for Metric {
    fn default() -> Self {
        Self::Loss {
            aggregate: geometric(),
            suppression_weight: half(),
        }
    }
}

/// How the losses of the columns become one number. Weights are divided by the largest before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregate {
    /// The weighted sum.
    #[default]
    Sum,
    /// The weighted sum by the number of columns.
    ArithmeticMean,
    /// The geometric mean of one more than each loss, times its weight, less one: a column without loss does not hide
    /// the loss of the others.
    GeometricMean,
    /// The largest weighted loss.
    Maximum,
}
