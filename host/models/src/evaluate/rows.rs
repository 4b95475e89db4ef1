//! Rows that say what is right.

use serde::{Deserialize, Serialize};

use crate::ModelError;

/// The most rows of one evaluation.
pub const MAX_EVALUATION_ROWS: usize = 20_000;

/// One text and what is right for it. What a row holds decides what is measured; other fields are left
/// alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRow {
    /// The text.
    pub text: String,
    /// For a model that embeds: another text, to be compared with the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_pair: Option<String>,
    /// How alike the two texts are, on any scale that grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The label of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The entities of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entities: Option<Vec<LabelledSpan>>,
    /// The language, as `zh`: rows of each language are measured apart too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Any other part of the rows that is to be measured apart too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
}

/// A part of a text with its label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelledSpan {
    /// Where it starts, in Unicode code points from the start of the text.
    pub start: u32,
    /// The first code point that is not part of it.
    pub end: u32,
    /// Its label.
    pub label: String,
}

/// The parts of the rows that are measured apart: the name that is appended to a metric, as
/// `[lang=zh]`, and the places of the rows. The first is all of them.
pub(super) fn slices(rows: &[EvaluationRow]) -> Vec<(String, Vec<usize>)> {
    /// More than this is no partition that somebody reads.
    const MOST: usize = 64;
    let all: Vec<usize> = (0..rows.len()).collect();
    let mut slices = vec![(String::new(), all)];
    for (at, row) in rows.iter().enumerate() {
        for (field, value) in [("lang", &row.lang), ("slice", &row.slice)] {
            let Some(value) = value else { continue };
            let value: String = value.chars().filter(|c| !c.is_control()).take(64).collect();
            let name = format!("[{field}={value}]");
            if let Some((_, places)) = slices.iter_mut().find(|(known, _)| *known == name) {
                places.push(at);
            } else if slices.len() < MOST {
                slices.push((name, vec![at]));
            }
        }
    }
    slices
}

/// What every row must have, or why not.
pub(super) fn each<'a, T>(
    rows: &'a [EvaluationRow],
    field: &str,
    of: impl Fn(&'a EvaluationRow) -> Option<T>,
) -> Result<Vec<T>, ModelError> {
    let value = |(at, row): (usize, &'a EvaluationRow)| {
        of(row).ok_or_else(|| ModelError::Evaluation(format!("row {at} has no `{field}`")))
    };
    rows.iter().enumerate().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(lang: &str, slice: Option<&str>) -> EvaluationRow {
        EvaluationRow {
            lang: Some(lang.into()),
            slice: slice.map(str::to_owned),
            ..EvaluationRow::default()
        }
    }

    #[test]
    fn rows_are_parted_by_language_and_slice() {
        let rows = [
            row("zh", None),
            row("en", Some("退货")),
            row("zh", Some("退货")),
        ];
        let found = slices(&rows);
        let expected: [(&str, &[usize]); 4] = [
            ("", &[0, 1, 2]),
            ("[lang=zh]", &[0, 2]),
            ("[lang=en]", &[1]),
            ("[slice=退货]", &[1, 2]),
        ];
        assert_eq!(found.len(), 4);
        for ((name, places), (expected, at)) in found.iter().zip(expected) {
            assert_eq!((name.as_str(), places.as_slice()), (expected, at));
        }
    }
}
