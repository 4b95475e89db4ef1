//! What a job asks for, as JSON or YAML.

mod validate;

use serde::{Deserialize, Serialize};

pub(crate) use validate::delimiter;

/// A job: what each column is, what must be reached, and by which measure the result should be the best one.
///
/// ```
/// # fn main() -> Result<(), serde_json::Error> {
/// let spec: steward_anonymity::Spec = serde_json::from_str(r#"{
///     "columns": [
///         {"name": "name", "role": "identifying"},
///         {"name": "age", "role": "quasi-identifying", "hierarchy": {"kind": "intervals", "widths": [5, 10, 20]}},
///         {"name": "zip", "role": "quasi-identifying", "hierarchy": {"kind": "mask"}},
///         {"name": "illness", "role": "sensitive"}
///     ],
///     "models": [
///         {"model": "k-anonymity", "k": 5},
///         {"model": "distinct-l-diversity", "column": "illness", "l": 3}
///     ],
///     "metric": {"kind": "loss"},
///     "suppression_limit": 0.02
/// }"#)?;
/// assert_eq!(spec.models.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Every column of the table. One that is missing here is refused and not let through: nobody said that it is harmless.
    pub columns: Vec<ColumnSpec>,
    /// What must be reached, all together.
    pub models: Vec<Model>,
    /// What the best result loses least of.
    #[serde(default)]
    pub metric: Metric,
    /// The share of the rows, from 0 to 1, that may be suppressed where they alone stand against a better result.
    #[serde(default)]
    pub suppression_limit: f64,
    /// What a suppressed row still shows.
    #[serde(default)]
    pub suppress: Suppress,
    /// A record counts as at risk where an attacker finds it with more than this probability.
    #[serde(default = "default_threshold")]
    pub risk_threshold: f64,
    /// What stands between the cells of the table, the population and the result.
    #[serde(default = "comma")]
    pub delimiter: char,
}

fn default_threshold() -> f64 {
    0.2
}

fn comma() -> char {
    ','
}

fn semicolon() -> char {
    ';'
}

fn one() -> f64 {
    1.0
}

fn half() -> f64 {
    0.5
}

fn star() -> char {
    '*'
}

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSpec {
    /// Its name in the header.
    pub name: String,
    /// What it tells about a person.
    pub role: Role,
    /// How its values become coarser; of a quasi-identifying column only. None shows each value or hides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hierarchy: Option<HierarchySpec>,
    /// The finest level that the result may show. 0 is the values themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_level: Option<usize>,
    /// The coarsest level that the result may show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_level: Option<usize>,
    /// How much the column counts in a metric that looks at each column, beside the others.
    #[serde(default = "one")]
    pub weight: f64,
}

/// What a column tells about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Who it is: the column is dropped.
    Identifying,
    /// What others may know as well, so that together with other columns it tells who it is.
    QuasiIdentifying,
    /// What nobody should learn about a person.
    Sensitive,
    /// Nothing of the above: the column stays as it is.
    Insensitive,
}

/// What a suppressed row still shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suppress {
    /// Nothing: every cell is `*`. Only so do the models on sensitive columns hold for suppressed rows too.
    #[default]
    Row,
    /// Its sensitive and insensitive cells.
    QuasiIdentifiers,
}

/// Where a hierarchy comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum HierarchySpec {
    /// A CSV file without a header, `value;level 1;level 2;…` in each line, as ARX writes it.
    File {
        /// What the file is called; whoever runs the job knows where it lies.
        file: String,
        /// What stands between its cells.
        #[serde(default = "semicolon")]
        delimiter: char,
    },
    /// The same rows, here.
    Rows {
        /// `[value, level 1, level 2, …]` for each value.
        rows: Vec<Vec<String>>,
    },
    /// Values stay as they are.
    Keep,
    /// Numbers become intervals.
    Intervals(IntervalSpec),
    /// Dates lose the day, the month and so on.
    Date {
        /// One level for each, from fine to coarse.
        units: Vec<DateUnit>,
    },
    /// Characters are hidden from one end, as of ZIP codes.
    Mask(MaskSpec),
}

/// Intervals `[from, to)` of numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntervalSpec {
    /// The width on each level, each a whole multiple of the one before.
    pub widths: Vec<f64>,
    /// Where one of the intervals begins.
    #[serde(default)]
    pub origin: f64,
    /// All numbers below become one label, because the very young are rare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottom: Option<f64>,
    /// All numbers from here on become one label, because the very old are rare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<f64>,
}

/// What is left of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateUnit {
    /// `2024-02`
    Month,
    /// `2024-Q1`
    Quarter,
    /// `2024`
    Year,
    /// `2020s`
    Decade,
}

/// Characters hidden from one end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskSpec {
    /// How many characters each level hides; none means 1, 2, 3 and so on up to the longest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Vec<usize>>,
    /// From which end.
    #[serde(default)]
    pub side: Side,
    /// What stands for a hidden character.
    #[serde(default = "star")]
    pub mask: char,
}

/// An end of a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The end.
    #[default]
    Right,
    /// The beginning.
    Left,
}

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
