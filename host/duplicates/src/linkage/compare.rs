//! Two values of a column, and the level at which they agree.

use rustc_hash::FxHashMap;

use super::spec::{ComparisonSpec, Kind};
use super::table::Table;
use super::value::{bigrams, day, normal, number};
use crate::DuplicatesError;

/// A column, ready to be compared. Rows of all tables are numbered through.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub spec: ComparisonSpec,
    /// The value of each row; none where it is empty or cannot be read.
    codes: Vec<Option<u32>>,
    values: Vec<Value>,
    /// Rows whose value is empty.
    pub empty: usize,
    /// Rows whose value is no number or no date.
    pub unreadable: usize,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Bigrams(Vec<(char, char)>),
    Number(f64),
}

impl Comparison {
    pub fn read(spec: &ComparisonSpec, tables: &[Table]) -> Result<Self, DuplicatesError> {
        let mut comparison = Self {
            spec: spec.clone(),
            codes: Vec::new(),
            values: Vec::new(),
            empty: 0,
            unreadable: 0,
        };
        let ignore: Vec<String> = spec.ignore.iter().map(|word| normal(word, &[])).collect();
        let mut known: FxHashMap<String, Option<u32>> = FxHashMap::default();
        for table in tables {
            let column = table.column(&spec.column)?;
            for row in &table.rows {
                let text = normal(row.get(column).unwrap_or_default(), &ignore);
                if text.is_empty() {
                    comparison.empty += 1;
                    comparison.codes.push(None);
                    continue;
                }
                let code = match known.get(&text) {
                    Some(code) => *code,
                    None => {
                        let value = read(spec.compare, &text);
                        let code = value.map(|value| {
                            comparison.values.push(value);
                            comparison.values.len() as u32 - 1
                        });
                        known.insert(text, code);
                        code
                    }
                };
                comparison.unreadable += usize::from(code.is_none());
                comparison.codes.push(code);
            }
        }
        Ok(comparison)
    }

    /// How many levels there are: equality, those with a bound, and all else.
    pub fn levels(&self) -> usize {
        self.spec.bounds().len() + 2
    }

    /// The level at which two rows agree, 0 for equality; none where a value is missing.
    pub fn level(&self, one: u32, other: u32) -> Option<u8> {
        let (one, other) = (self.codes[one as usize]?, self.codes[other as usize]?);
        if one == other {
            return Some(0);
        }
        let bounds = self.spec.bounds();
        let apart = self.distance(&self.values[one as usize], &self.values[other as usize]);
        // Two ways to write one number or day.
        if !self.spec.compare.is_similarity() && apart == 0.0 {
            return Some(0);
        }
        let within = |bound: &f64| match self.spec.compare.is_similarity() {
            true => apart >= *bound,
            false => apart <= *bound,
        };
        let at = bounds.iter().position(within).unwrap_or(bounds.len());
        Some(at as u8 + 1)
    }

    fn distance(&self, one: &Value, other: &Value) -> f64 {
        match (self.spec.compare, one, other) {
            (Kind::JaroWinkler, Value::Text(one), Value::Text(other)) => {
                strsim::jaro_winkler(one, other)
            }
            (Kind::Levenshtein, Value::Text(one), Value::Text(other)) => {
                strsim::levenshtein(one, other) as f64
            }
            (_, Value::Bigrams(one), Value::Bigrams(other)) => {
                let common = one
                    .iter()
                    .filter(|pair| other.binary_search(pair).is_ok())
                    .count();
                common as f64 / (one.len() + other.len() - common).max(1) as f64
            }
            (Kind::Percent, Value::Number(one), Value::Number(other)) => {
                let larger = one.abs().max(other.abs());
                match larger > 0.0 {
                    true => (one - other).abs() / larger * 100.0,
                    false => 0.0,
                }
            }
            (_, Value::Number(one), Value::Number(other)) => (one - other).abs(),
            // Texts that are equal or not have another code where they are not.
            _ => f64::INFINITY,
        }
    }
}

fn read(kind: Kind, text: &str) -> Option<Value> {
    Some(match kind {
        Kind::Exact | Kind::JaroWinkler | Kind::Levenshtein => Value::Text(text.to_owned()),
        Kind::Bigrams => Value::Bigrams(bigrams(text)),
        Kind::Number | Kind::Percent => Value::Number(number(text)?),
        Kind::Date => Value::Number(day(text)?),
    })
}
