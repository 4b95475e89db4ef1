//! Duplicates among the rows that the steps left: texts that are nearly the same or mean the same, and passages that stood
//! in an earlier text.
//!
//! The steps write their rows to a file beside the output. That file is read once for each kind of duplicates, and once
//! more to write what stays. So a decision can rest on rows that come later, as with the longest of a cluster, and no
//! more is in memory than what is asked for.

mod given;
mod pass;
mod pushed;
mod report;
mod search;
mod sketch;
mod write;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use steward_duplicates::{Near, Semantic, Sentences, SentencesSpec, Signer, Space};
use steward_formats::Format;
use steward_functions::Functions;
use steward_inference::Task;
use steward_models::Models;
use steward_registry::TenantId;

use crate::job::joined;
use crate::sink::folder;
use crate::step::{self, Embed, Step, open_model};
use crate::{DataError, Job, Progress, Report, StepSpec};
pub use given::{DuplicatesGiven, Keep, NearGiven, SemanticGiven, SentencesGiven};
use pass::Rows;
pub use report::DuplicatesReport;
use search::Search;

/// The cleaner whose signatures are used where none is named and it is there.
const USUAL_CLEANER: &str = "text-cleaner";
/// How much memory a search takes, in bytes, where nothing else is said, beside some 30 for each row.
const USUAL_BYTES: usize = 256 * 1024 * 1024;

/// The field that names the row that stands for this one.
const DUPLICATE_OF: &str = "duplicate_of";
/// The field that names the cluster of a row.
const CLUSTER: &str = "duplicate_cluster";
/// The field that says how similar a row is to the one that stands for it.
const SIMILARITY: &str = "duplicate_similarity";
/// The field that says which parts of a text stood in an earlier one.
const SENTENCES: &str = "duplicate_sentences";

/// What duplicates are looked for, with the plugin and the model that it needs. Cheap to clone.
#[derive(Clone)]
pub struct Deduplication(Arc<Opened>);

struct Opened {
    given: DuplicatesGiven,
    cleaner: Option<Arc<dyn Step>>,
    /// The model, and how many numbers its vectors have.
    model: Option<(Arc<dyn Step>, usize)>,
    bytes: usize,
}

/// What is known of a row that the steps left.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct About {
    pub line: u64,
    pub changed: bool,
    pub changes: Vec<(String, u32)>,
    pub entities: Vec<String>,
    pub label: Option<String>,
}

impl Deduplication {
    /// Finds the plugin and the model. `bytes` is how much memory a search takes, beside some 30 bytes for each row.
    ///
    /// # Errors
    /// [`DataError::Invalid`] where nothing is looked for, or something out of bounds; [`DataError::Open`] and
    /// [`DataError::Model`] where there is no such plugin or model.
    pub async fn open(
        functions: &Functions,
        models: &Models,
        tenant: &TenantId,
        given: &DuplicatesGiven,
        bytes: Option<usize>,
    ) -> Result<Self, DataError> {
        let wrong = |why: String| Err(DataError::Invalid(why));
        let mut opened = Opened {
            given: given.clone(),
            cleaner: None,
            model: None,
            bytes: bytes.unwrap_or(USUAL_BYTES),
        };
        if given.near.is_none() && given.semantic.is_none() && given.sentences.is_none() {
            return wrong(
                "say which duplicates are looked for: near, semantic or sentences".into(),
            );
        }
        // Out of bounds is said now, and not once all rows are through the steps.
        let space = Space {
            dir: std::path::PathBuf::new(),
            bytes: 0,
        };
        if let Some(near) = &given.near {
            Near::new(near.similarity, Signer::VALUES, &space)?;
            let name = near.function.as_deref().unwrap_or(USUAL_CLEANER);
            let spec: StepSpec = name.parse()?;
            opened.cleaner = match step::open(functions, models, tenant, &spec).await {
                Ok(step) if step.finds_duplicates() => Some(step),
                Ok(_) => return wrong(format!("`{name}` is no cleaner: it gives no fingerprints")),
                Err(DataError::Open { source, .. })
                    if near.function.is_none() && source.code() == "not-found" =>
                {
                    None
                }
                Err(error) => return Err(error),
            };
        }
        if let Some(semantic) = &given.semantic {
            let step = format!("semantic duplicates by {}", semantic.model);
            let (about, model) = open_model(models, tenant, &step, &semantic.model).await?;
            let dimensions = match (model.config().task, model.dimensions()) {
                (Task::Embed, Some(dimensions)) => dimensions,
                _ => return wrong(format!("{step}: the model does not embed texts")),
            };
            Semantic::new(semantic.similarity, dimensions, &space)?;
            opened.model = Some((Arc::new(Embed { about, model }), dimensions));
        }
        if let Some(sentences) = &given.sentences {
            Sentences::new(spec_of(sentences), &space)?;
        }
        Ok(Self(Arc::new(opened)))
    }

    /// The fields that are written to rows.
    pub(crate) fn fields(&self) -> Vec<&'static str> {
        let given = &self.0.given;
        let mut fields = Vec::new();
        if given.mark && (given.near.is_some() || given.semantic.is_some()) {
            fields.extend([DUPLICATE_OF, CLUSTER, SIMILARITY]);
        }
        if given.sentences.is_some() {
            fields.push(SENTENCES);
        }
        fields
    }

    /// Takes the rows of a job through its steps, and what is left through the search for duplicates.
    pub(crate) async fn of(
        self,
        job: Job,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Report, DataError> {
        let started = Instant::now();
        let beside = folder(&job.output);
        // Where there is room for the output, there is room for what becomes the output.
        let aside = tempfile::Builder::new()
            .prefix(".steward-")
            .tempdir_in(beside)
            .map_err(DataError::file("create a folder in", beside))?;
        let at = |name: &str| aside.path().join(name);
        let (output, rejects, dropped) =
            (job.output.clone(), job.rejects.clone(), job.dropped.clone());
        let (fields, jobs) = (Arc::new(job.fields.clone()), job.jobs.clamp(1, 256));
        let format = job.output_format;
        let job = Job {
            output: at("rows"),
            output_format: Format::JsonLines,
            rejects: at("rejects"),
            dropped: dropped.is_some().then(|| at("dropped")),
            ..job
        };
        let mut last = Progress::default();
        let (mut report, mut tally) = job
            .through_steps(Some(&at("abouts")), &mut |now| {
                last = now;
                progress(now);
            })
            .await?;

        let searching = Instant::now();
        let lines = {
            let abouts = at("abouts");
            joined(tokio::task::spawn_blocking(move || read_lines(&abouts)).await)??
        };
        let rows = Rows {
            path: at("rows"),
            fields,
            lines: Arc::new(lines),
            jobs,
        };
        let mut search = Search {
            opened: &self.0,
            rows,
            aside: &aside,
            known: Arc::default(),
            passes_done: 0,
            last,
        };
        let mut found = write::Decisions::default();
        let mut told = DuplicatesReport {
            keep: self.0.given.keep.clone(),
            marked: self.0.given.mark,
            ..DuplicatesReport::default()
        };
        if self.0.given.near.is_some() {
            let (near, alike) = search.near(progress).await?;
            told.near = Some(alike);
            search.know(&near);
            found.near = near;
        }
        if self.0.given.semantic.is_some() {
            let (semantic, alike) = search.semantic(progress).await?;
            told.semantic = Some(alike);
            search.know(&semantic);
            found.semantic = semantic;
        }
        if self.0.given.sentences.is_some() {
            found.passages = Some(search.sentences(progress).await?);
        }
        found.ids = search.ids(&found, progress).await?;
        let files = write::Files {
            output,
            format,
            rejects,
            dropped,
            aside: aside.path().to_owned(),
        };
        let written = search.write(found, files, &mut tally, progress).await?;
        told.sentences = written.sentences;
        told.seconds = searching.elapsed().as_secs_f64();

        report.rows = tally.rows;
        report.dropped = tally.dropped;
        report.changes = tally.changes;
        report.findings = tally.findings;
        report.labels = tally.labels;
        report.duplicates = Some(told);
        report.output = written.output;
        report.rejects = written.rejects;
        report.dropped_rows = written.dropped;
        report.seconds = started.elapsed().as_secs_f64();
        report.rows_per_second = report.rows.read as f64 / report.seconds.max(f64::EPSILON);
        Ok(report)
    }
}

impl Opened {
    /// How often the rows are read, to write what stays included.
    fn passes(&self) -> usize {
        let given = &self.given;
        let kinds = [
            given.near.is_some(),
            given.semantic.is_some(),
            given.sentences.is_some(),
        ];
        // Names are gathered and rows are written.
        kinds.iter().filter(|kind| **kind).count() + 2
    }
}

fn spec_of(given: &SentencesGiven) -> SentencesSpec {
    SentencesSpec {
        passage: given.passage,
        min_characters: given.min_characters,
    }
}

fn read_lines(abouts: &Path) -> Result<Vec<u64>, DataError> {
    use std::io::BufRead as _;
    #[derive(Deserialize)]
    struct Place {
        line: u64,
    }
    let mut lines = Vec::new();
    for about in pass::lines(abouts)?.lines() {
        let about = about.map_err(DataError::file("read", abouts))?;
        let place: Place = serde_json::from_str(&about).map_err(writer::unsound)?;
        lines.push(place.line);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests;
