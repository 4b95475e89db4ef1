//! Rows with a text and a label.

use std::collections::{BTreeSet, HashMap};
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use steward_formats::Lines;

use crate::record::Record;
use crate::{DEFAULT_MAX_LINE_BYTES, DataError, Fields};

/// The most labelled rows of a snapshot.
const MAX_ROWS: usize = 100_000;
/// The most bytes of texts in all, each counted once.
const MAX_TEXT_BYTES: usize = 256 * 1024 * 1024;
/// The most labels in all.
const MAX_LABELS: usize = 200;
/// The longest label, in code points.
const MAX_LABEL_CHARS: usize = 100;
/// The longest name of a language.
const MAX_LANG_CHARS: usize = 32;
/// The most languages that are told apart. A row of another one counts as one that says none.
const MAX_LANGS: usize = 64;

/// A row that can be learned from.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Of the file, from 1.
    pub line: u64,
    /// Where the row has one.
    pub id: Option<Arc<str>>,
    /// Its place among all [texts](Corpus::texts).
    pub text: usize,
    /// What a person, or another model, says of it.
    pub label: Arc<str>,
    /// Its language, where it says one: the field `lang`, as an evaluation reads it.
    pub lang: Option<Arc<str>>,
}

/// The rows of a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// Those with a text and a label, in their order.
    pub labelled: Vec<Row>,
    /// Lines that hold something.
    pub read: u64,
    /// Rows without a label.
    pub unlabelled: u64,
    /// Lines that are no such rows: no JSON, no text, a label that is none.
    pub unreadable: u64,
}

/// The texts and labels of all snapshots, each once.
#[derive(Debug, Default)]
pub(crate) struct Corpus {
    texts: Vec<Arc<str>>,
    places: HashMap<Arc<str>, usize>,
    bytes: usize,
    labels: BTreeSet<Arc<str>>,
    langs: BTreeSet<Arc<str>>,
}

impl Corpus {
    /// Each text once.
    pub fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }

    /// Reads the rows of a file. `name` is what its snapshot is called.
    pub fn read(&mut self, path: &Path, name: &str, fields: &Fields) -> Result<Rows, DataError> {
        let failed = |e| DataError::file("read", path)(e);
        let file = std::fs::File::open(path).map_err(failed)?;
        let reader = BufReader::with_capacity(256 * 1024, file);
        let mut lines = Lines::new(reader, DEFAULT_MAX_LINE_BYTES);
        let mut rows = Rows::default();
        while let Some(line) = lines.next().map_err(failed)? {
            rows.read += 1;
            let parsed = Record::parse(&line, fields, &[]);
            let label = parsed.as_ref().ok().map(|record| label(record, fields));
            match (parsed, label) {
                (Ok(record), Some(Ok(Some(label)))) => {
                    if rows.labelled.len() == MAX_ROWS {
                        return Err(DataError::Invalid(format!(
                            "`{name}` has more than {MAX_ROWS} labelled rows; take a sample of them"
                        )));
                    }
                    rows.labelled.push(Row {
                        line: line.number,
                        id: has_id(&record, fields).then(|| record.id.as_str().into()),
                        text: self.text(&record.text)?,
                        label: self.label(&label)?,
                        lang: self.lang(&record),
                    });
                }
                (Ok(_), Some(Ok(None))) => rows.unlabelled += 1,
                _ => rows.unreadable += 1,
            }
        }
        Ok(rows)
    }

    fn text(&mut self, text: &str) -> Result<usize, DataError> {
        if let Some(place) = self.places.get(text) {
            return Ok(*place);
        }
        self.bytes += text.len();
        if self.bytes > MAX_TEXT_BYTES {
            return Err(DataError::Invalid(format!(
                "the texts have more than {} MiB in all; take a sample of the rows",
                MAX_TEXT_BYTES >> 20
            )));
        }
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.places.insert(text, self.texts.len() - 1);
        Ok(self.texts.len() - 1)
    }

    fn label(&mut self, label: &str) -> Result<Arc<str>, DataError> {
        if let Some(known) = self.labels.get(label) {
            return Ok(Arc::clone(known));
        }
        if self.labels.len() == MAX_LABELS {
            return Err(DataError::Invalid(format!(
                "the rows have more than {MAX_LABELS} labels; is `fields.label` the right field?"
            )));
        }
        let label: Arc<str> = label.into();
        self.labels.insert(Arc::clone(&label));
        Ok(label)
    }

    fn lang(&mut self, record: &Record) -> Option<Arc<str>> {
        let lang = lang(record)?;
        if let Some(known) = self.langs.get(lang.as_str()) {
            return Some(Arc::clone(known));
        }
        if self.langs.len() == MAX_LANGS {
            return None;
        }
        let lang: Arc<str> = lang.into();
        self.langs.insert(Arc::clone(&lang));
        Some(lang)
    }
}

/// The label of a row: a string, a number or a truth as it was written; none where there is none. An error is a label
/// that is none.
fn label(record: &Record, fields: &Fields) -> Result<Option<String>, ()> {
    let Some(raw) = record.raw(&fields.label).map_err(|_| ())? else {
        return Ok(None);
    };
    let label = match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(raw).map_err(|_| ())?,
        Some(b'n') => return Ok(None),
        Some(b'{' | b'[') | None => return Err(()),
        _ => raw.to_owned(),
    };
    match label.trim() {
        "" => Ok(None),
        label if label.chars().nth(MAX_LABEL_CHARS).is_some() => Err(()),
        label => Ok(Some(label.to_owned())),
    }
}

/// The language that a row says it is in.
fn lang(record: &Record) -> Option<String> {
    let lang: String = serde_json::from_str(record.raw("lang").ok()??).ok()?;
    let plain = !lang.trim().is_empty() && lang.chars().all(|c| !c.is_control());
    (plain && lang.chars().nth(MAX_LANG_CHARS).is_none()).then_some(lang)
}

/// Whether the id is the row's own, and not the number of its line.
fn has_id(record: &Record, fields: &Fields) -> bool {
    matches!(record.raw(&fields.id), Ok(Some(raw)) if raw != "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(corpus: &mut Corpus, lines: &str) -> Result<Rows, DataError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines).unwrap();
        corpus.read(file.path(), "rows@1", &Fields::default())
    }

    #[test]
    fn rows_are_labelled_unlabelled_or_unreadable() {
        let mut corpus = Corpus::default();
        let rows = read(
            &mut corpus,
            concat!(
                "{\"id\":\"a\",\"text\":\"账单\",\"label\":\" billing \"}\n",
                "\n",
                "{\"id\":7,\"text\":\"x\",\"label\":1}\n",
                "{\"text\":\"账单\",\"label\":true,\"id\":null}\n",
                "{\"text\":\"x\"}\n{\"text\":\"x\",\"label\":null}\n{\"text\":\"x\",\"label\":\" \"}\n",
                "{\"text\":\"x\",\"label\":[1]}\n{\"text\":\"x\",\"label\":{}}\n{\"label\":\"a\"}\nnonsense\n",
                "{\"text\":\"x\",\"label\":\"\\ud800\"}\n{\"text\":\"x\",\"label\":\"a\",\"label\":\"b\"}\n",
            ),
        )
        .unwrap();
        let seen: Vec<_> = rows
            .labelled
            .iter()
            .map(|row| (row.line, row.id.as_deref(), row.text, &*row.label))
            .collect();
        assert_eq!(
            seen,
            [
                (1, Some("a"), 0, "billing"),
                (3, Some("7"), 1, "1"),
                (4, None, 0, "true")
            ]
        );
        assert_eq!((rows.read, rows.unlabelled, rows.unreadable), (12, 3, 6));
        assert_eq!(corpus.texts().len(), 2);
    }

    #[test]
    fn a_field_that_is_no_language_makes_no_part_of_every_row() {
        let row = |n: usize| format!("{{\"text\":\"x\",\"label\":\"a\",\"lang\":\"l{n}\"}}\n");
        let many: String = (0..3 * MAX_LANGS).chain([0]).map(row).collect();
        let rows = read(&mut Corpus::default(), &many).unwrap().labelled;
        assert_eq!(rows.len(), 3 * MAX_LANGS + 1);
        let langs: BTreeSet<_> = rows.iter().filter_map(|row| row.lang.as_deref()).collect();
        assert_eq!(langs.len(), MAX_LANGS);
        assert_eq!(rows.last().and_then(|row| row.lang.as_deref()), Some("l0"));
    }

    #[test]
    fn a_field_that_is_no_label_is_seen() {
        let row = |n: usize| format!("{{\"text\":\"x\",\"label\":\"{n}\"}}\n");
        let many: String = (0..=MAX_LABELS).map(row).collect();
        let error = read(&mut Corpus::default(), &many).unwrap_err();
        assert!(error.to_string().contains("fields.label"), "{error}");
        let long = format!("{{\"text\":\"x\",\"label\":\"{}\"}}\n", "标".repeat(101));
        assert_eq!(read(&mut Corpus::default(), &long).unwrap().unreadable, 1);
    }
}
