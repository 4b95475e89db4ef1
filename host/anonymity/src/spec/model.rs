//! What must be reached.

use serde::{Deserialize, Serialize};

use super::HierarchySpec;

/// What the classes of rows that look alike must satisfy. Rows of a class that does not are suppressed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Model {
    /// At least `k` rows in each class. L. Sweeney, "k-anonymity: a model for protecting privacy", 2002.
    KAnonymity {
        /// Rows, at least 2.
        k: u32,
    },
    /// At least `l` different sensitive values in each class.
    /// A. Machanavajjhala et al., "l-diversity: privacy beyond k-anonymity", 2007, as are the next two.
    DistinctLDiversity {
        /// The sensitive column.
        column: String,
        /// Values, at least 2.
        l: u32,
    },
    /// The entropy of the sensitive values of each class is at least log(l).
    EntropyLDiversity {
        /// The sensitive column.
        column: String,
        /// Above 1.
        l: f64,
        /// How entropy is estimated.
        #[serde(default)]
        estimator: Estimator,
    },
    /// The most frequent sensitive value of each class comes less than `c` times as often as the `l`-th and all rarer
    /// ones together.
    RecursiveClDiversity {
        /// The sensitive column.
        column: String,
        /// Above 0.
        c: f64,
        /// At least 2.
        l: u32,
    },
    /// The sensitive values of each class are distributed as in the whole table, up to an earth mover's distance of `t`.
    /// N. Li, T. Li, S. Venkatasubramanian, "t-closeness: privacy beyond k-anonymity and l-diversity", 2007.
    TCloseness {
        /// The sensitive column.
        column: String,
        /// From 0 to 1.
        t: f64,
        /// How far one value is from another.
        distance: Distance,
    },
    /// No sensitive value of a class is more than `beta` times its share in the table above this share.
    /// J. Cao, P. Karras, "Publishing microdata with a robust privacy guarantee", 2012.
    BetaLikeness {
        /// The sensitive column.
        column: String,
        /// Above 0.
        beta: f64,
        /// Also bounds the gain by −ln of the share in the table.
        #[serde(default)]
        enhanced: bool,
    },
    /// At least `k` people of the population look like each row. L. Sweeney, "Computational disclosure control", 2001.
    KMap {
        /// People, at least 2.
        k: u32,
    },
    /// Of the people of the population who look alike, the share that is in the table lies between both numbers.
    /// M. Nergiz, M. Atzori, C. Clifton, "Hiding the presence of individuals from shared databases", 2007.
    DeltaPresence {
        /// From 0.
        min: f64,
        /// To 1.
        max: f64,
    },
    /// A row is found with at most this probability on average: classes per released row.
    AverageRisk {
        /// Above 0, to 1.
        risk: f64,
    },
    /// At most this share of the released rows looks like no other.
    SampleUniqueness {
        /// From 0 to 1.
        share: f64,
    },
}

/// How entropy is estimated from counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// Of the relative frequencies.
    #[default]
    Shannon,
    /// Corrected for small classes. P. Grassberger, "Entropy estimates from insufficient samplings", 2003.
    Grassberger,
}

/// How far one sensitive value is from another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Distance {
    /// All values are equally far from each other.
    Equal,
    /// Values lie on a line.
    Ordered {
        /// The values from one end to the other; none means by number where all are numbers, else by code point.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<Vec<String>>,
    },
    /// The level on which two values become one label, by the height of the hierarchy.
    Hierarchical {
        /// Of the sensitive values.
        hierarchy: HierarchySpec,
    },
}
