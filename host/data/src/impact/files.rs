//! Rows that an impact gives: for those who may read rows.

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::compare::{Comparison, changes, extremes};
use super::heads::Judged;
use crate::DataError;
use crate::labelled::Row;
use crate::record::write_json;

/// How much of a text is listed, in code points. The evaluation set has the whole.
const SHOWN: usize = 1000;

/// A sample that changed much.
#[derive(Serialize)]
struct Listed<'a> {
    before: &'a str,
    after: &'a str,
    id: Option<&'a str>,
    /// Of the evaluation set.
    line: u64,
    label: &'a str,
    change: f64,
    loss_before: f64,
    loss_after: f64,
    predicted_before: &'a str,
    predicted_after: &'a str,
    text: String,
}

/// A sample with its losses, one for each set.
#[derive(Serialize)]
struct Sample<'a> {
    id: Option<&'a str>,
    line: u64,
    text: &'a str,
    label: &'a str,
    losses: Vec<f64>,
    predicted: Vec<&'a str>,
    /// Each loss minus the one before it.
    changes: Vec<f64>,
}

/// What the samples are and what was said of them.
pub(super) struct Samples<'a> {
    pub rows: &'a [&'a Row],
    pub texts: &'a [Arc<str>],
    pub judged: &'a [Judged],
}

/// A comparison and its two sets, by their places.
pub(super) type Compared<'a> = (&'a Comparison, (usize, usize));

impl Samples<'_> {
    /// Writes the samples of each comparison that lost most, and those that gained most, into `worst.jsonl` and
    /// `best.jsonl`.
    pub(super) fn list(
        &self,
        comparisons: &[Compared<'_>],
        most: usize,
        folder: &Path,
    ) -> Result<(), DataError> {
        let mut files = [Vec::new(), Vec::new()];
        for (comparison, (before, after)) in comparisons {
            let (before, after) = (&self.judged[*before], &self.judged[*after]);
            let changes = changes(before, after);
            let found = extremes(&changes, most);
            for (file, places) in files.iter_mut().zip([found.worst, found.best]) {
                for at in places {
                    let row = self.rows[at];
                    let listed = Listed {
                        before: &comparison.before,
                        after: &comparison.after,
                        id: row.id.as_deref(),
                        line: row.line,
                        label: &row.label,
                        change: changes[at],
                        loss_before: before.losses[at],
                        loss_after: after.losses[at],
                        predicted_before: &before.predicted[at],
                        predicted_after: &after.predicted[at],
                        text: shown(&self.texts[row.text]),
                    };
                    write_json(file, &listed);
                    file.push(b'\n');
                }
            }
        }
        for (name, bytes) in ["worst", "best"].iter().zip(files) {
            let path = folder.join(format!("{name}.jsonl"));
            std::fs::write(&path, bytes).map_err(DataError::file("write", &path))?;
        }
        Ok(())
    }

    /// Writes every sample with its losses.
    pub(super) fn write(&self, path: &Path) -> Result<(), DataError> {
        let failed = |e| DataError::file("write", path)(e);
        let mut out = BufWriter::new(std::fs::File::create(path).map_err(failed)?);
        let mut line = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            let losses: Vec<f64> = self.judged.iter().map(|judged| judged.losses[at]).collect();
            let predicted = self.judged.iter().map(|judged| &*judged.predicted[at]);
            let sample = Sample {
                id: row.id.as_deref(),
                line: row.line,
                text: &self.texts[row.text],
                label: &row.label,
                predicted: predicted.collect(),
                changes: losses.windows(2).map(|pair| pair[1] - pair[0]).collect(),
                losses,
            };
            line.clear();
            write_json(&mut line, &sample);
            line.push(b'\n');
            out.write_all(&line).map_err(failed)?;
        }
        out.flush().map_err(failed)
    }
}

fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
