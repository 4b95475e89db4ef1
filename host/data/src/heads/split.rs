//! Which texts are learned from, and which are kept to measure with.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::DataError;
use crate::labelled::{Corpus, Rows, plain};

/// A text with its label.
#[derive(Debug, Clone)]
pub(super) struct Example {
    /// Its place among the texts of the corpus.
    pub text: usize,
    /// Its place among the labels.
    pub label: usize,
    /// Its language, where it says one.
    pub lang: Option<Arc<str>>,
}

/// Rows that are neither learned from nor measured on, by why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct LeftOut {
    /// They have no label.
    pub unlabelled: u64,
    /// They are no rows with a text.
    pub unreadable: u64,
    /// Another row says the same, case and white space left aside, with the same label.
    pub repeated: u64,
    /// Another row says the same, with another label.
    pub contradictory: u64,
}

/// The labelled texts, each once.
#[derive(Debug)]
pub(super) struct Split {
    /// Sorted.
    pub labels: Vec<String>,
    pub learned: Vec<Example>,
    pub held_out: Vec<Example>,
    pub left_out: LeftOut,
}

/// Parts the labelled rows of a snapshot. Whether a text is held out follows from the text alone, so that one that was
/// measured on is never learned from, whatever is added to the dataset; `share` of all texts are.
pub(super) fn split(
    corpus: &Corpus,
    rows: &Rows,
    name: &str,
    share: f64,
    folds: usize,
) -> Result<Split, DataError> {
    let mut left_out = LeftOut {
        unlabelled: rows.unlabelled,
        unreadable: rows.unreadable,
        ..LeftOut::default()
    };
    if rows.labelled.is_empty() {
        return Err(DataError::Invalid(format!(
            "no row of `{name}` has a label ({} read, {} without, {} unreadable); label them, or name the field with \
             `fields.label`",
            rows.read, rows.unlabelled, rows.unreadable
        )));
    }
    // Each text once, with how many rows say so; none where they differ.
    let mut known: HashMap<String, (usize, u64, bool)> = HashMap::new();
    for (place, row) in rows.labelled.iter().enumerate() {
        let text = corpus.texts().get(row.text).map_or("", |text| &**text);
        let (first, count, agreed) = known.entry(plain(text)).or_insert((place, 0, true));
        *count += 1;
        *agreed &= rows.labelled[*first].label == row.label;
    }
    let mut chosen: Vec<(usize, bool)> = Vec::with_capacity(known.len());
    for (text, (first, count, agreed)) in &known {
        if *agreed {
            left_out.repeated += count - 1;
            chosen.push((*first, is_held_out(text, share)));
        } else {
            left_out.contradictory += count;
        }
    }
    chosen.sort_unstable();
    let mut labels: Vec<String> = chosen
        .iter()
        .map(|(place, _)| rows.labelled[*place].label.to_string())
        .collect();
    labels.sort_unstable();
    labels.dedup();
    let mut split = Split {
        labels,
        learned: Vec::new(),
        held_out: Vec::new(),
        left_out,
    };
    for (place, held_out) in chosen {
        let row = &rows.labelled[place];
        let example = Example {
            text: row.text,
            label: split
                .labels
                .binary_search_by(|l| l.as_str().cmp(&row.label))
                .unwrap_or(0),
            lang: row.lang.clone(),
        };
        match held_out {
            true => split.held_out.push(example),
            false => split.learned.push(example),
        }
    }
    enough(&split, name, folds)?;
    Ok(split)
}

/// Whether the digest of a text is among the lowest share of all digests.
fn is_held_out(text: &str, share: f64) -> bool {
    let digest = Sha256::digest(text.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    // Two to the power of 64.
    (u64::from_be_bytes(first) as f64) < share * 18_446_744_073_709_551_616.0
}

/// Refuses what nothing can be learned from.
fn enough(split: &Split, name: &str, folds: usize) -> Result<(), DataError> {
    if let [label] = split.labels.as_slice() {
        return Err(DataError::Invalid(format!(
            "all labelled rows of `{name}` have the label `{label}`; a head chooses between two labels or more"
        )));
    }
    if split.labels.is_empty() {
        return Err(DataError::Invalid(format!(
            "every labelled text of `{name}` has several labels; decide which one holds"
        )));
    }
    let count = |examples: &[Example]| {
        let mut counts = BTreeMap::<usize, usize>::new();
        examples
            .iter()
            .for_each(|example| *counts.entry(example.label).or_default() += 1);
        counts
    };
    let (learned, held_out) = (count(&split.learned), count(&split.held_out));
    let fewest = folds.max(2);
    for (place, label) in split.labels.iter().enumerate() {
        let found = learned.get(&place).copied().unwrap_or(0);
        if found < fewest {
            let apart = held_out.get(&place).copied().unwrap_or(0);
            let why = match folds {
                0 => "needed".to_owned(),
                folds => {
                    format!("needed for {folds} folds; label more of them, or take fewer `folds`")
                }
            };
            return Err(DataError::Invalid(format!(
                "the label `{label}` of `{name}` has {found} texts to learn from, and {apart} that are held out; at least \
                 {fewest} are {why}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fields;

    fn parted(lines: &str, share: f64, folds: usize) -> Result<Split, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines).unwrap();
        let mut corpus = Corpus::default();
        let rows = corpus
            .read(file.path(), "rows@1", &Fields::default())
            .unwrap();
        split(&corpus, &rows, "rows@1", share, folds).map_err(|e| e.to_string())
    }

    fn rows(count: usize, labels: &[&str]) -> String {
        let row = |n: usize| {
            format!(
                "{{\"text\":\"text {n}\",\"label\":\"{}\",\"lang\":\"en\"}}\n",
                labels[n % labels.len()]
            )
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn texts_that_are_held_out_stay_so_whatever_is_added() {
        let texts = |split: &Split| split.held_out.len();
        let (few, many) = (
            parted(&rows(200, &["a", "b"]), 0.25, 2).unwrap(),
            parted(&rows(400, &["a", "b"]), 0.25, 2).unwrap(),
        );
        let first: Vec<usize> = few.held_out.iter().map(|e| e.text).collect();
        let again: Vec<usize> = many
            .held_out
            .iter()
            .map(|e| e.text)
            .filter(|text| *text < 200)
            .collect();
        assert_eq!(first, again);
        assert!((70..130).contains(&texts(&many)), "{}", texts(&many));
        assert_eq!(
            parted(&rows(20, &["a", "b"]), 0.0, 2)
                .unwrap()
                .held_out
                .len(),
            0
        );
    }

    #[test]
    fn texts_count_once_and_not_where_their_labels_differ() {
        let mut lines = rows(20, &["a", "b"]);
        lines.push_str("{\"text\":\" TEXT  0 \",\"label\":\"a\"}\n{\"text\":\"text 1\",\"label\":\"a\"}\n{\"text\":\"x\"}\nno\n");
        let found = parted(&lines, 0.0, 2).unwrap();
        let expected = LeftOut {
            unlabelled: 1,
            unreadable: 1,
            repeated: 1,
            contradictory: 2,
        };
        assert_eq!((found.left_out, found.learned.len()), (expected, 19));
        assert_eq!(found.labels, ["a", "b"]);
        assert_eq!(found.learned[0].lang.as_deref(), Some("en"));
    }

    #[test]
    fn what_teaches_nothing_is_refused_with_what_to_do() {
        for (lines, folds, part) in [
            (String::new(), 5, "no row of `rows@1` has a label"),
            ("{\"text\":\"x\"}\n".to_owned(), 5, "`fields.label`"),
            (rows(20, &["a"]), 5, "have the label `a`"),
            (rows(8, &["a", "b"]), 5, "needed for 5 folds"),
            (
                rows(3, &["a", "b"]),
                0,
                "the label `b` of `rows@1` has 1 texts",
            ),
            (
                "{\"text\":\"x\",\"label\":\"a\"}\n{\"text\":\"x\",\"label\":\"b\"}\n".to_owned(),
                2,
                "several labels",
            ),
        ] {
            let error = parted(&lines, 0.0, folds).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
