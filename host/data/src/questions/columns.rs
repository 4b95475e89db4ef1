//! From rows of JSON to the columns of a question.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde_json::{Map, Value};
use steward_formats::Lines;
use steward_privacy::{Bins, Column, Condition, Measure, Query, Question, Rows};

use crate::{DEFAULT_MAX_LINE_BYTES, DataError};

/// What the values of a column are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Numbers,
    Texts,
}

/// The columns that a question names.
pub(super) struct Wanted {
    unit: String,
    columns: BTreeMap<String, Kind>,
}

impl Wanted {
    pub(super) fn of(query: &Query, unit: String) -> Result<Self, DataError> {
        let mut columns = BTreeMap::new();
        let mut want = |column: &String, kind: Kind| match columns.insert(column.clone(), kind) {
            Some(before) if before != kind => Err(DataError::Invalid(format!(
                "the question takes the field `{column}` for numbers and for texts"
            ))),
            _ => Ok(()),
        };
        match &query.ask {
            Question::Count {} => {}
            Question::Sum { column, .. }
            | Question::Mean { column, .. }
            | Question::Quantile { column, .. } => want(column, Kind::Numbers)?,
            Question::Histogram { column, bins } => match bins {
                Bins::Keys(_) => want(column, Kind::Texts)?,
                Bins::Edges(_) => want(column, Kind::Numbers)?,
            },
            Question::TopK { column, .. } => want(column, Kind::Texts)?,
            Question::Table { by, measures, .. } => {
                for column in by {
                    want(column, Kind::Texts)?;
                }
                for measure in measures {
                    match measure {
                        Measure::Count {} => {}
                        Measure::Sum { column, .. } | Measure::Mean { column, .. } => {
                            want(column, Kind::Numbers)?;
                        }
                    }
                }
            }
        }
        for condition in &query.conditions {
            match condition {
                Condition::OneOf { column, .. } => want(column, Kind::Texts)?,
                Condition::Between { column, .. } => want(column, Kind::Numbers)?,
            }
        }
        Ok(Self { unit, columns })
    }

    /// Reads the columns. A value of another kind, or none, is a missing one. A row that is no object, or does not say
    /// whose it is, is left out: it is nobody's.
    pub(super) fn read(&self, path: &Path) -> Result<Rows, DataError> {
        let file = File::open(path).map_err(DataError::file("read", path))?;
        let reader = BufReader::with_capacity(256 * 1024, file);
        let mut lines = Lines::new(reader, DEFAULT_MAX_LINE_BYTES);
        let mut units = Vec::new();
        let mut numbers: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let mut texts: BTreeMap<&str, Vec<Option<String>>> = BTreeMap::new();
        while let Some(line) = lines.next().map_err(DataError::file("read", path))? {
            let row: Map<String, Value> = match serde_json::from_slice(&line.bytes) {
                Ok(row) if line.fault.is_none() => row,
                _ => continue,
            };
            let Some(unit) = row.get(&self.unit).and_then(text) else {
                continue;
            };
            units.push(unit);
            for (name, kind) in &self.columns {
                let value = row.get(name);
                match kind {
                    Kind::Numbers => {
                        let number = value.and_then(Value::as_f64).unwrap_or(f64::NAN);
                        numbers.entry(name).or_default().push(number);
                    }
                    Kind::Texts => texts.entry(name).or_default().push(value.and_then(text)),
                }
            }
        }
        let column = |(name, kind): (&String, &Kind)| {
            let column = match kind {
                Kind::Numbers => Column::numbers(numbers.remove(&**name).unwrap_or_default()),
                Kind::Texts => Column::texts(texts.remove(&**name).unwrap_or_default()),
            };
            (name.clone(), column)
        };
        let columns: Vec<_> = self.columns.iter().map(column).collect();
        Ok(Rows::new(units, columns)?)
    }
}

/// A text, or a number or truth value as it is written.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn query(json: &str) -> Query {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn rows_of_nobody_are_left_out_and_values_of_another_kind_are_missing() {
        let query = query(
            r#"{"ask":{"kind":"mean","column":"age","lower":0,"upper":99},
                "where":[{"kind":"one-of","column":"城市","texts":["北京"]}],"spend":{"epsilon":1}}"#,
        );
        let wanted = Wanted::of(&query, "user".into()).unwrap();
        let kinds: Vec<_> = wanted
            .columns
            .iter()
            .map(|(n, k)| (n.as_str(), *k))
            .collect();
        assert_eq!(kinds, [("age", Kind::Numbers), ("城市", Kind::Texts)]);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let lines = [
            r#"{"user":"a","age":31,"城市":"北京"}"#,
            r#"{"user":7,"age":"old","城市":null}"#,
            r#"{"age":5}"#,
            "not json",
            r#"[1]"#,
        ];
        file.write_all(lines.join("\n").as_bytes()).unwrap();
        assert_eq!(wanted.read(file.path()).unwrap().len(), 2);
    }

    #[test]
    fn a_field_is_of_one_kind() {
        let query = query(
            r#"{"ask":{"kind":"sum","column":"age","lower":0,"upper":99},
                "where":[{"kind":"one-of","column":"age","texts":["31"]}],"spend":{"epsilon":1}}"#,
        );
        assert!(Wanted::of(&query, "user".into()).is_err());
    }
}
