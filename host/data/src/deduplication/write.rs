//! The files of a job that looked for duplicates.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::path::PathBuf;
use std::sync::Arc;

use steward_duplicates::{Found, Passages};
use steward_formats::Format;

use super::pass::{Part, lines};
use super::pushed::Pushed;
use super::report::SentencesReport;
use super::search::Search;
use super::sketch::Records;
use super::writer::Writer;
use crate::job::joined;
use crate::report::{FileAbout, Tally};
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
        let mut pushed = Pushed::new(writer, to_end);
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
        let (written, counted) = joined(ending.await)??;
        *tally = counted;
        Ok(written)
    }
}
