//! Row after row: what stays is written, and what does not is told.

use std::collections::HashMap;
use std::io::{BufRead, Lines};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use steward_duplicates::Duplicate;
use steward_formats::Format;

use super::pass::lines;
use super::report::SentencesReport;
use super::write::{Decisions, Written};
use super::{About, CLUSTER, DUPLICATE_OF, SENTENCES, SIMILARITY};
use crate::DataError;
use crate::record::{Record, write_json};
use crate::report::{Tally, count};
use crate::sink::Sink;

/// A row that another one stands for, among the dropped ones.
#[derive(Serialize)]
struct DroppedLine<'a> {
    line: u64,
    id: &'a str,
    step: &'static str,
    rule: &'static str,
    detail: String,
    #[serde(flatten)]
    alike: Option<Alike>,
}

/// Why a row is a duplicate.
#[derive(Serialize)]
struct Alike {
    #[serde(rename = "duplicate_of")]
    kept: String,
    #[serde(rename = "duplicate_cluster")]
    cluster: String,
    #[serde(rename = "duplicate_similarity")]
    similarity: f64,
}

/// What a kind of duplicates is called.
const KINDS: [&str; 2] = ["near", "semantic"];
/// The rules by which rows are dropped.
const RULES: [&str; 2] = ["near-duplicate", "semantic-duplicate"];
const NOTHING_LEFT: &str = "duplicate-sentences";

pub(super) struct Writer {
    pub found: Decisions,
    /// The clusters by the rows that stand for them, of each kind.
    pub stands: [HashMap<u32, u32>; 2],
    /// The row that is written.
    pub line: Vec<u8>,
    pub mark: bool,
    /// The field of the text.
    pub text: String,
    pub sentences: Option<SentencesReport>,
    pub lines: Arc<Vec<u64>>,
    pub abouts: Lines<std::io::BufReader<std::fs::File>>,
    pub output: Sink,
    pub format: Format,
    pub rejects: Sink,
    pub dropped: Option<Sink>,
    pub tally: Tally,
}

impl Writer {
    /// What the steps have rejected and dropped comes first.
    pub fn begin(&mut self, aside: &Path) -> Result<(), DataError> {
        copy(&aside.join("rejects"), &mut self.rejects)?;
        if let Some(dropped) = &mut self.dropped {
            copy(&aside.join("dropped"), dropped)?;
        }
        Ok(())
    }

    pub fn row(&mut self, row: u32, mut record: Record) -> Result<(), DataError> {
        let about = self.abouts.next().transpose();
        let about = about.map_err(DataError::file("read", Path::new("the rows put aside")))?;
        let about: About = serde_json::from_str(&about.unwrap_or_default()).map_err(unsound)?;
        let mut changed = about.changed;
        let mut gone = None;
        for kind in 0..KINDS.len() {
            let Some((duplicate, cluster)) = self.decision(kind, row) else {
                continue;
            };
            if let Some(duplicate) = duplicate {
                gone = Some((kind, duplicate));
            }
            // One that stands for others in two kinds of clusters bears the name of the last one.
            if self.mark {
                record.set(CLUSTER, &self.cluster(kind, cluster));
            }
        }
        // A text that another one stands for was counted as an empty one.
        let text = if gone.is_some() { "" } else { &record.text };
        let treated = match &mut self.found.passages {
            Some(passages) => passages.treat(text)?,
            None => None,
        };
        if let Some((kind, duplicate)) = gone {
            let alike = self.alike(kind, duplicate);
            if !self.mark {
                let line = DroppedLine {
                    line: about.line,
                    id: &record.id,
                    step: "duplicates",
                    rule: RULES[kind],
                    detail: format!("{:.4} like {}", alike.similarity, alike.kept),
                    alike: Some(alike),
                };
                return write_dropped(&mut self.dropped, &mut self.tally, &line);
            }
            record.set(DUPLICATE_OF, &alike.kept);
            record.set(SIMILARITY, &alike.similarity);
            count(&mut self.tally.changes, RULES[kind], 1);
        }
        if let Some(treated) = treated {
            let told = self.sentences.get_or_insert_default();
            told.texts += 1;
            let mut parts = Vec::new();
            for part in &treated.removed {
                told.removed += 1;
                told.characters += (part.end - part.start) as u64;
                let line = self.lines.get(part.first as usize);
                parts.push(json!({ "start": part.start, "end": part.end, "line": line }));
            }
            count(&mut self.tally.changes, NOTHING_LEFT, parts.len() as u64);
            if !self.mark && treated.text.is_empty() {
                let line = DroppedLine {
                    line: about.line,
                    id: &record.id,
                    step: "duplicates",
                    rule: NOTHING_LEFT,
                    detail: format!("all of it stood before: {}", Value::from(parts)),
                    alike: None,
                };
                return write_dropped(&mut self.dropped, &mut self.tally, &line);
            }
            record.set(SENTENCES, &parts);
            if !self.mark {
                record.set(&self.text, &treated.text);
                changed = true;
            }
        }
        self.line.clear();
        record.write(&mut self.line);
        self.output.write(&self.line)?;
        self.count(&about, changed);
        Ok(())
    }

    /// Whether a row is in a cluster, which one, and which other row stands for it.
    fn decision(&self, kind: usize, row: u32) -> Option<(Option<Duplicate>, u32)> {
        let found = match kind {
            0 => &self.found.near,
            _ => &self.found.semantic,
        };
        if let Ok(at) = found.duplicates.binary_search_by_key(&row, |d| d.row) {
            let duplicate = found.duplicates[at];
            return Some((Some(duplicate), duplicate.cluster));
        }
        self.stands[kind].get(&row).map(|&cluster| (None, cluster))
    }

    fn cluster(&self, kind: usize, cluster: u32) -> String {
        let line = self
            .lines
            .get(cluster as usize)
            .copied()
            .unwrap_or_default();
        format!("{}-{line}", KINDS[kind])
    }

    fn alike(&self, kind: usize, duplicate: Duplicate) -> Alike {
        Alike {
            kept: self
                .found
                .ids
                .get(&duplicate.kept)
                .map_or_else(String::new, |id| id.to_string()),
            cluster: self.cluster(kind, duplicate.cluster),
            similarity: (duplicate.similarity * 1e4).round() / 1e4,
        }
    }

    fn count(&mut self, about: &About, changed: bool) {
        match changed {
            true => self.tally.rows.changed += 1,
            false => self.tally.rows.kept += 1,
        }
        for (rule, n) in &about.changes {
            count(&mut self.tally.changes, rule, u64::from(*n));
        }
        for entity in &about.entities {
            count(&mut self.tally.findings, entity, 1);
        }
        if let Some(label) = &about.label {
            count(&mut self.tally.labels, label, 1);
        }
    }

    /// The output comes last: where it lies, the others lie too.
    pub fn end(self) -> Result<(Written, Tally), DataError> {
        let dropped = self.dropped.map(Sink::commit).transpose()?;
        let rejects = self.rejects.commit()?;
        let written = Written {
            output: self.output.commit_as(self.format)?,
            rejects,
            dropped,
            sentences: self.sentences,
        };
        Ok((written, self.tally))
    }
}

fn write_dropped(
    sink: &mut Option<Sink>,
    tally: &mut Tally,
    line: &DroppedLine<'_>,
) -> Result<(), DataError> {
    tally.rows.dropped += 1;
    count(&mut tally.dropped, line.rule, 1);
    let Some(sink) = sink else { return Ok(()) };
    let mut json = Vec::new();
    write_json(&mut json, line);
    json.push(b'\n');
    sink.write(&json)
}

fn copy(path: &Path, sink: &mut Sink) -> Result<(), DataError> {
    let mut file = lines(path)?;
    loop {
        let piece = file.fill_buf().map_err(DataError::file("read", path))?;
        if piece.is_empty() {
            return Ok(());
        }
        sink.write(piece)?;
        let read = piece.len();
        file.consume(read);
    }
}

pub(super) fn unsound(error: serde_json::Error) -> DataError {
    DataError::Broken(format!("a row put aside: {error}"))
}
