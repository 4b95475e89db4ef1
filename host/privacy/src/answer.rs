//! What is let out.

use serde::{Deserialize, Serialize};
use steward_registry::{PrivacyAccounting, PrivacyBudget, PrivacyLoss};

use crate::spend::told;

/// What is let out for a question: the same for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Release {
    /// A number with noise. A count is not held at zero, so that sums of answers stay unbiased.
    Number {
        /// The number.
        value: f64,
        /// It is within this of the truth (of the clamped and bounded data) in 95 of 100 cases; none for
        /// means and quantiles, where it depends on the data.
        error: Option<f64>,
    },
    /// Numbers for groups.
    Table {
        /// The columns that make up a group.
        by: Vec<String>,
        /// What the numbers are: `count`, `sum(amount)`, `mean(amount)`.
        measures: Vec<String>,
        /// For each measure, see [`Release::Number`].
        errors: Vec<Option<f64>>,
        /// The groups: in the order of the question, or by key where they were found.
        groups: Vec<Group>,
        /// Whether more groups than [`crate::MAX_GROUPS`] were found: then those with the highest noisy
        /// counts are here.
        truncated: bool,
    },
    /// Keys, the first with the most rows, as far as noise allows.
    Ranking {
        /// The keys.
        keys: Vec<String>,
    },
}

/// One group of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// A text for each column.
    pub key: Vec<String>,
    /// A number for each measure.
    pub values: Vec<f64>,
}

/// An answer and what it did to the budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What is let out.
    pub release: Release,
    /// Whether it comes from the ledger: then nothing was spent.
    pub repeated: bool,
    /// What was spent for this answer now.
    pub cost: PrivacyLoss,
    /// The budget afterwards.
    pub budget: PrivacyBudget,
}

impl Answer {
    /// How the budget counts.
    #[must_use]
    pub fn accounting(&self) -> PrivacyAccounting {
        self.budget.accounting
    }

    /// What is left, in words: `ε 0.5`.
    #[must_use]
    pub fn left(&self) -> String {
        told(self.budget.accounting, self.budget.left())
    }
}
