//! What each set trains on: its labelled rows without those of the evaluation.

use std::collections::{BTreeSet, HashSet};

use serde::Serialize;

use super::given::Overlap;
use crate::DataError;
use crate::labelled::{Corpus, Row, Rows, plain};

/// The fewest rows that are trained on, and the fewest that losses are measured on.
const FEWEST: usize = 10;

/// Rows of a set that are not trained on, by why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct LeftOut {
    /// Their id is one of the evaluation's.
    pub same_id: u64,
    /// Their text is one of the evaluation's.
    pub same_text: u64,
    /// They have no label.
    pub unlabelled: u64,
    /// They are no rows with a text.
    pub unreadable: u64,
}

/// What a set trains on: places of texts, with labels.
#[derive(Debug)]
pub(super) struct Training<'a> {
    pub name: &'a str,
    pub rows: &'a Rows,
    pub examples: Vec<(usize, &'a str)>,
    pub left_out: LeftOut,
}

impl<'a> Training<'a> {
    /// The labels that the head will know.
    pub fn labels(&self) -> BTreeSet<&'a str> {
        self.examples.iter().map(|(_, label)| *label).collect()
    }
}

/// What tells whether a row is one of the evaluation. Losses at samples that were learned by heart would flatter, and
/// flatter most the set that changed them least.
struct Known<'a> {
    ids: HashSet<&'a str>,
    texts: HashSet<String>,
}

impl<'a> Known<'a> {
    fn of(evaluation: &'a Rows, corpus: &Corpus, overlap: Overlap) -> Self {
        let rows = &evaluation.labelled;
        let texts = rows.iter().map(|row| plain(&corpus.texts()[row.text]));
        Self {
            ids: match overlap {
                Overlap::IdOrText => rows.iter().filter_map(|row| row.id.as_deref()).collect(),
                Overlap::Text => HashSet::new(),
            },
            texts: texts.collect(),
        }
    }
}

/// The examples of each set.
pub(super) fn examples<'a>(
    corpus: &Corpus,
    sets: &[(&'a str, &'a Rows)],
    evaluation: (&str, &Rows),
    overlap: Overlap,
) -> Result<Vec<Training<'a>>, DataError> {
    let (name, measured) = evaluation;
    labelled(name, measured)?;
    let known = Known::of(measured, corpus, overlap);
    let set = |(name, rows): &(&'a str, &'a Rows)| {
        let (name, rows) = (*name, *rows);
        labelled(name, rows)?;
        let mut left_out = LeftOut {
            unlabelled: rows.unlabelled,
            unreadable: rows.unreadable,
            ..LeftOut::default()
        };
        let mut examples = Vec::with_capacity(rows.labelled.len());
        for row in &rows.labelled {
            if row.id.as_deref().is_some_and(|id| known.ids.contains(id)) {
                left_out.same_id += 1;
            } else if known.texts.contains(&plain(&corpus.texts()[row.text])) {
                left_out.same_text += 1;
            } else {
                examples.push((row.text, &*row.label));
            }
        }
        let training = Training {
            name,
            rows,
            examples,
            left_out,
        };
        enough(&training)?;
        Ok(training)
    };
    sets.iter().map(set).collect()
}

/// Refuses a set of which nothing has a label, or too little.
fn labelled(name: &str, rows: &Rows) -> Result<(), DataError> {
    let (found, read) = (rows.labelled.len(), rows.read);
    if found == 0 && rows.unlabelled > 0 {
        return Err(DataError::Invalid(format!(
            "no row of `{name}` has a label ({read} read, {} without, {} unreadable); label them, or name the field with \
             `fields.label`",
            rows.unlabelled, rows.unreadable
        )));
    }
    if found < FEWEST {
        return Err(DataError::Invalid(format!(
            "`{name}` has {found} labelled rows of {read} ({} without a label, {} unreadable); at least {FEWEST} are needed",
            rows.unlabelled, rows.unreadable
        )));
    }
    Ok(())
}

/// Refuses a set of which too little is left.
fn enough(set: &Training<'_>) -> Result<(), DataError> {
    let (name, left) = (set.name, set.examples.len());
    if left < FEWEST {
        let LeftOut {
            same_id, same_text, ..
        } = set.left_out;
        return Err(DataError::Invalid(format!(
            "of {} labelled rows of `{name}`, {same_id} have the id of a row of the evaluation and {same_text} the text of \
             one; {left} are left to train on, and at least {FEWEST} are needed. Evaluate on rows that are kept apart; where \
             equal ids name different rows, give `\"overlap\": \"text\"`",
            set.rows.labelled.len()
        )));
    }
    let labels = set.labels();
    match labels.first() {
        Some(label) if labels.len() == 1 => Err(DataError::Invalid(format!(
            "all {left} rows of `{name}` that can be trained on have the label `{label}`; a head chooses between two labels \
             or more"
        ))),
        _ => Ok(()),
    }
}

/// The samples that losses are measured on: rows of the evaluation whose label at least one set can learn. With those
/// whose label none can, and where nothing could be compared.
pub(super) fn samples<'a>(
    name: &str,
    evaluation: &'a Rows,
    sets: &[Training<'_>],
) -> Result<(Vec<&'a Row>, u64), DataError> {
    let known: BTreeSet<&str> = sets.iter().flat_map(Training::labels).collect();
    let (samples, unknown): (Vec<&Row>, Vec<&Row>) = evaluation
        .labelled
        .iter()
        .partition(|row| known.contains(&*row.label));
    if samples.len() < FEWEST {
        let some: Vec<&str> = known.iter().copied().take(20).collect();
        return Err(DataError::Invalid(format!(
            "of {} labelled rows of `{name}`, {} have a label that is in the sets; at least {FEWEST} are needed. The labels of \
             the sets: `{}`",
            evaluation.labelled.len(),
            samples.len(),
            some.join("`, `")
        )));
    }
    Ok((samples, unknown.len() as u64))
}
