//! What a linkage is asked to do.

use serde::{Deserialize, Serialize};

use crate::DuplicatesError;

/// The most comparisons of a job.
const MOST_COMPARISONS: usize = 16;
/// The most levels of a comparison, beside the one for all else.
const MOST_LEVELS: usize = 10;
/// The most blocking rules.
const MOST_RULES: usize = 16;

/// What a linkage is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The column that names a row in what is written; where there is none, rows are named by their numbers, from 1.
    #[serde(default)]
    pub id: Option<String>,
    /// Rules, each with columns: rows that agree in all of them are compared. A pair needs one rule.
    pub blocking: Vec<Vec<Part>>,
    /// How columns are compared.
    pub comparisons: Vec<ComparisonSpec>,
    /// From which probability on two rows are taken for the same. Default 0.9.
    #[serde(default = "usual_probability")]
    pub probability: f64,
    /// How probable it is that any two rows are the same; learned where it is missing.
    #[serde(default)]
    pub prior: Option<f64>,
    /// Whether a row is linked to one other row at most, the most probable one.
    #[serde(default)]
    pub one_to_one: bool,
}

fn usual_probability() -> f64 {
    0.9
}

/// A column of a blocking rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Part {
    /// All of its value, in lower case and without what is only a matter of width or spacing.
    Whole(String),
    /// Its first characters.
    Beginning(Beginning),
}

/// The beginning of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beginning {
    /// The column.
    pub column: String,
    /// How many code points.
    pub first: usize,
}

impl Part {
    /// The column.
    pub fn column(&self) -> &str {
        match self {
            Self::Whole(column) => column,
            Self::Beginning(part) => &part.column,
        }
    }
}

/// How a column is compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonSpec {
    /// The column.
    pub column: String,
    /// By what.
    pub compare: Kind,
    /// The bounds of the levels below equality, best first; each kind has usual ones.
    #[serde(default)]
    pub levels: Option<Vec<f64>>,
    /// Words that are left out of texts before they are compared: `有限公司`, `Ltd`.
    #[serde(default)]
    pub ignore: Vec<String>,
}

/// By what two values are compared. Equal ones are the best level of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Equal or not.
    Exact,
    /// At least so similar by Jaro and Winkler, between 0 and 1: names. Usual levels 0.92 and 0.8.
    JaroWinkler,
    /// At most so many characters inserted, left out or replaced. Usual levels 1 and 2.
    Levenshtein,
    /// At least such a share of common pairs of neighbouring characters (Jaccard): addresses and companies whose parts
    /// change places. Usual levels 0.8 and 0.5.
    Bigrams,
    /// At most so far apart. Usual level 1.
    Number,
    /// At most so many percent of the larger one apart. Usual levels 1 and 10.
    Percent,
    /// At most so many days apart: `2024-03-05`, `2024/3/5`, `20240305`, `2024年3月5日`. Usual levels 1 and 31.
    Date,
}

impl Kind {
    pub(crate) fn usual_levels(self) -> &'static [f64] {
        match self {
            Self::Exact => &[],
            Self::JaroWinkler => &[0.92, 0.8],
            Self::Levenshtein => &[1.0, 2.0],
            Self::Bigrams => &[0.8, 0.5],
            Self::Number => &[1.0],
            Self::Percent => &[1.0, 10.0],
            Self::Date => &[1.0, 31.0],
        }
    }

    /// Whether more is better.
    pub(crate) fn is_similarity(self) -> bool {
        matches!(self, Self::JaroWinkler | Self::Bigrams)
    }
}

impl Spec {
    pub(super) fn check(&self) -> Result<(), DuplicatesError> {
        let wrong = |why: String| Err(DuplicatesError::Invalid(why));
        if self.blocking.is_empty() || self.blocking.len() > MOST_RULES {
            return wrong(format!(
                "a job has 1 to {MOST_RULES} blocking rules; without any, each row would be compared with each"
            ));
        }
        for (at, rule) in self.blocking.iter().enumerate() {
            let empty = |part: &Part| matches!(part, Part::Beginning(part) if part.first == 0);
            if rule.is_empty() || rule.iter().any(empty) {
                return wrong(format!(
                    "blocking rule {} names no column, or 0 characters of one",
                    at + 1
                ));
            }
        }
        if self.comparisons.is_empty() || self.comparisons.len() > MOST_COMPARISONS {
            return wrong(format!("a job has 1 to {MOST_COMPARISONS} comparisons"));
        }
        for (at, comparison) in self.comparisons.iter().enumerate() {
            comparison.check()?;
            let before = &self.comparisons[..at];
            if before.iter().any(|other| other.column == comparison.column) {
                return wrong(format!("`{}` is compared twice", comparison.column));
            }
        }
        if !(0.0..=1.0).contains(&self.probability) {
            return wrong(format!(
                "`probability` is between 0 and 1, not {}",
                self.probability
            ));
        }
        match self.prior {
            Some(prior) if !(prior > 0.0 && prior < 1.0) => {
                wrong(format!("`prior` is between 0 and 1, not {prior}"))
            }
            _ => Ok(()),
        }
    }
}

impl ComparisonSpec {
    fn check(&self) -> Result<(), DuplicatesError> {
        let wrong = |why: String| {
            Err(DuplicatesError::Invalid(format!(
                "`{}`: {why}",
                self.column
            )))
        };
        let levels = self.bounds();
        if self.compare == Kind::Exact && !levels.is_empty() {
            return wrong("values are equal or not; there are no `levels` between".into());
        }
        if levels.len() > MOST_LEVELS {
            return wrong(format!("at most {MOST_LEVELS} levels"));
        }
        let similarity = self.compare.is_similarity();
        let good = |level: &f64| match similarity {
            true => (0.0..=1.0).contains(level),
            false => level.is_finite() && *level >= 0.0,
        };
        let falls = |pair: &[f64]| {
            if similarity {
                pair[0] > pair[1]
            } else {
                pair[0] < pair[1]
            }
        };
        if !levels.iter().all(good) || !levels.windows(2).all(falls) {
            return wrong(match similarity {
                true => "`levels` are between 0 and 1, the highest first".into(),
                false => "`levels` are not negative, the lowest first".into(),
            });
        }
        Ok(())
    }

    /// The bounds of the levels below equality.
    pub(crate) fn bounds(&self) -> &[f64] {
        match &self.levels {
            Some(levels) => levels,
            None => self.compare.usual_levels(),
        }
    }
}
