//! What stays is written, and what does not is told.

use std::collections::HashMap;
use std::io::{BufRead, Lines};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use steward_duplicates::{Duplicate, Found, Passages};
use steward_formats::Format;

use super::pass::{Part, lines};
use super::report::SentencesReport;
use super::sketch::Records;
use super::{About, CLUSTER, DUPLICATE_OF, SENTENCES, SIMILARITY, Search};
use crate::record::{Record, write_json};
use crate::report::{FileAbout, Tally, count};
use crate::sink::Sink;
use crate::{DataError, Progress};

/// What was decided.
#[derive(Default)]
pub(super) struct Decisions {
    pub near: Found,
    pub semantic: Found,
    pub passages: Option<Passages>,
    /// The ids of the rows that stand for others.
    pub ids: HashMap<u32, Box<str>>,
}

/// Where the files go.
pub(super) struct Files {
    pub output: PathBuf,
    pub format: Format,
    pub rejects: PathBuf,
    pub dropped: Option<PathBuf>,
    /// Where the steps have put theirs.
    pub aside: PathBuf,
}

/// What was written.
pub(super) struct Written {
    pub output: FileAbout,
    pub rejects: FileAbout,
    pub dropped: Option<FileAbout>,
    pub sentences: Option<SentencesReport>,
}

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

impl Search<'_> {
    /// The ids of the rows that stand for others.
    pub(super) async fn ids(
        &mut self,
        found: &Decisions,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<HashMap<u32, Box<str>>, DataError> {
        let kept = |found: &Found| found.clusters.iter().map(|c| c.kept).collect::<Vec<u32>>();
        let mut wanted = [kept(&found.near), kept(&found.semantic)].concat();
        wanted.sort_unstable();
        let ids: Arc<parking_lot::Mutex<HashMap<u32, Box<str>>>> = Arc::default();
        let far = self.far(progress);
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let gathered = Arc::clone(&ids);
        let take = move |part: Part| {
            let mut ids = gathered.lock();
            for (row, record) in part.records.into_iter().enumerate() {
                let row = (part.first + row) as u32;
                if wanted.binary_search(&row).is_ok() {
                    ids.insert(row, record.id.into());
                }
            }
            Ok(())
        };
        self.rows.clone().each(Records, take, far).await?;
        Ok(std::mem::take(&mut *ids.lock()))
    }

    /// Writes the files of the job.
    pub(super) async fn write(
        &mut self,
        found: Decisions,
        files: Files,
        tally: &mut Tally,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Written, DataError> {
        let given = &self.opened.given;
        let stands = |found: &Found| found.clusters.iter().map(|c| (c.kept, c.cluster)).collect();
        let mut writer = Writer {
            stands: [stands(&found.near), stands(&found.semantic)],
            found,
            line: Vec::new(),
            mark: given.mark,
            text: self.rows.fields.text.clone(),
            sentences: given.sentences.as_ref().map(|given| SentencesReport {
                passage: given.passage,
                ..SentencesReport::default()
            }),
            lines: Arc::clone(&self.rows.lines),
            abouts: lines(&files.aside.join("abouts"))?.lines(),
            output: Sink::create(&files.output)?,
            format: files.format,
            rejects: Sink::create(&files.rejects)?,
            dropped: files.dropped.as_deref().map(Sink::create).transpose()?,
            tally: Tally {
                changes: Default::default(),
                findings: Default::default(),
                labels: Default::default(),
                ..tally.clone()
            },
        };
        let (to_end, ended) = tokio::sync::oneshot::channel();
        writer.tally.rows.kept = 0;
        writer.tally.rows.changed = 0;
        let mut pushed = super::Pushed::new(writer, to_end);
        let aside = files.aside.clone();
        let mut begun = false;
        let take = move |part: Part| {
            let Some(writer) = &mut pushed.to else {
                return Ok(());
            };
            if !std::mem::replace(&mut begun, true) {
                writer.begin(&aside)?;
            }
            for (row, record) in part.records.into_iter().enumerate() {
                writer.row((part.first + row) as u32, record)?;
            }
            Ok(())
        };
        let far = self.far(progress);
        self.rows.clone().each(Records, take, far).await?;
        let broken = |_| DataError::Broken("the output ended early".into());
        let mut writer = ended.await.map_err(broken)?;
        let (aside, none) = (files.aside, self.rows.lines.is_empty());
        let ending = tokio::task::spawn_blocking(move || {
            if none {
                writer.begin(&aside)?;
            }
            writer.end()
        });
        let (written, counted) = crate::job::joined(ending.await)??;
        *tally = counted;
        Ok(written)
    }
}

struct Writer {
    found: Decisions,
    /// The clusters by the rows that stand for them, of each kind.
    stands: [HashMap<u32, u32>; 2],
    /// The row that is written.
    line: Vec<u8>,
    mark: bool,
    /// The field of the text.
    text: String,
    sentences: Option<SentencesReport>,
    lines: Arc<Vec<u64>>,
    abouts: Lines<std::io::BufReader<std::fs::File>>,
    output: Sink,
    format: Format,
    rejects: Sink,
    dropped: Option<Sink>,
    tally: Tally,
}

impl Writer {
    /// What the steps have rejected and dropped comes first.
    fn begin(&mut self, aside: &Path) -> Result<(), DataError> {
        copy(&aside.join("rejects"), &mut self.rejects)?;
        if let Some(dropped) = &mut self.dropped {
            copy(&aside.join("dropped"), dropped)?;
        }
        Ok(())
    }

    fn row(&mut self, row: u32, mut record: Record) -> Result<(), DataError> {
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
    fn end(self) -> Result<(Written, Tally), DataError> {
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
