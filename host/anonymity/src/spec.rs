//! What a job asks for, as JSON or YAML.

mod hierarchy;
mod metric;
mod model;
mod validate;

use serde::{Deserialize, Serialize};

pub use hierarchy::{DateUnit, HierarchySpec, IntervalSpec, MaskSpec, Side};
pub use metric::{Aggregate, Metric};
pub use model::{Distance, Estimator, Model};
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

fn one() -> f64 {
    1.0
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

impl Model {
    /// The file of a hierarchy that the model needs.
    fn file(&self) -> Option<&str> {
        match self {
            Self::TCloseness {
                distance:
                    Distance::Hierarchical {
                        hierarchy: HierarchySpec::File { file, .. },
                    },
                ..
            } => Some(file),
            _ => None,
        }
    }
}

impl Spec {
    /// What the job calls the files of its hierarchies, so that whoever runs it can fetch them before.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let of_columns = self
            .columns
            .iter()
            .filter_map(|column| match &column.hierarchy {
                Some(HierarchySpec::File { file, .. }) => Some(file.as_str()),
                _ => None,
            });
        of_columns.chain(self.models.iter().filter_map(Model::file))
    }
}
