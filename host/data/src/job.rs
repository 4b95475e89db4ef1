//! A job: read, treat, write.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use steward_formats::{
    Bounds, Format, FormatError, Given, Line, Opened, Rows as RowsOf, Source, open,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::pipeline::{Batch, Chain, Done};
use crate::report::{FileAbout, Report, Rows, Tally};
use crate::sink::{Sink, target};
use crate::step::Kind;
use crate::{DataError, Deduplication, Fields, Step};

/// A batch ends here even when it has fewer rows than asked for, so that long texts do not make
/// batches too large for the memory of a plugin.
const MAX_BATCH_BYTES: usize = 2 * 1024 * 1024;
/// The most rows of a batch.
const MAX_BATCH_ROWS: usize = 4096;
/// The most steps of a job.
const MAX_STEPS: usize = 16;
/// The most batches in flight.
const MAX_JOBS: usize = 256;

/// Where the rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// The standard input of the process.
    Stdin,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Bytes of the input whose rows are done.
    pub bytes: u64,
    /// Size of the input; none where it is not known.
    pub total_bytes: Option<u64>,
    /// What became of the rows so far.
    pub rows: Rows,
    /// Which share of the search for duplicates is done, between 0 and 1; none before it.
    pub duplicates: Option<f64>,
}

/// A job over one file.
pub struct Job {
    /// JSON Lines, CSV or Parquet.
    pub input: Input,
    /// What is known of the input beforehand.
    pub given: Given,
    /// Where the rows go that stay.
    pub output: PathBuf,
    /// The format that they get there.
    pub output_format: Format,
    /// Where the rows go that cannot be treated. Always written, empty when there are none, so that
    /// what lies there is never of an earlier run.
    pub rejects: PathBuf,
    /// Where the rows go that a step leaves out, where they are wanted.
    pub dropped: Option<PathBuf>,
    /// Names of the fields.
    pub fields: Fields,
    /// The longest line that is read, in bytes.
    pub max_line_bytes: usize,
    /// Rows of one batch. Changes the speed, never the result.
    pub batch: usize,
    /// Batches in flight at the same time. Changes the speed, never the result.
    pub jobs: usize,
    /// Whether rows stay that say the same as one before them. Default no: of texts with one
    /// fingerprint, the first that survives stays.
    pub keep_duplicates: bool,
    /// What happens to the rows, in this order.
    pub steps: Vec<Arc<dyn Step>>,
    /// What is looked for among the rows that the steps leave.
    pub duplicates: Option<Deduplication>,
}

impl Job {
    /// Runs the job. `progress` is called after every batch, in input order.
    ///
    /// Dropping the future stops the job and leaves no file behind.
    ///
    /// # Errors
    /// What stops the whole job; bad rows do not.
    pub async fn run(self, mut progress: impl FnMut(Progress) + Send) -> Result<Report, DataError> {
        self.check()?;
        match self.duplicates.clone() {
            None => Ok(self.through_steps(None, &mut progress).await?.0),
            Some(duplicates) => duplicates.of(self, &mut progress).await,
        }
    }

    /// Takes the rows through the steps. Where duplicates are looked for afterwards, what that needs to know of each row
    /// of the output goes to `abouts`, a line each.
    pub(crate) async fn through_steps(
        self,
        abouts: Option<&Path>,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<(Report, Tally), DataError> {
        let started = Instant::now();
        let sinks = Sinks::create(&self, abouts)?;
        let (total_bytes, input) = self.total_and_source()?;
        let jobs = self.jobs.clamp(1, MAX_JOBS);

        let (to_work, from_reader) = mpsc::channel(jobs);
        let reading = tokio::task::spawn_blocking({
            let rows = self.batch.clamp(1, MAX_BATCH_ROWS);
            let (path, given) = (self.input_path(), self.given.clone());
            let bounds = Bounds {
                row_bytes: self.max_line_bytes,
                ..Bounds::default()
            };
            move || {
                let Opened { rows: input, .. } = open(input, Some(&path), &given, &bounds)?;
                read_batches(input, rows, &to_work)
            }
        });
        let (to_writer, from_work) = mpsc::channel(jobs);
        let writing = tokio::task::spawn_blocking(move || write_batches(sinks, from_work));

        let chain = Arc::new(Chain::new(&self));
        let batches = futures::stream::unfold(from_reader, async |mut batches| {
            Some((batches.recv().await?, batches))
        });
        // `buffered` starts batches in input order and gives their results in input order.
        let mut results = std::pin::pin!(
            batches
                .map(|batch: Batch| Task(tokio::spawn(Arc::clone(&chain).treat(batch))).join())
                .buffered(jobs)
        );
        let mut tally = Tally::default();
        while let Some(result) = results.next().await {
            let done = result?;
            tally.add(&done.tally);
            progress(Progress {
                bytes: done.end,
                total_bytes,
                rows: tally.rows,
                duplicates: None,
            });
            if to_writer
                .send(Message::Batch(Box::new(done)))
                .await
                .is_err()
            {
                break; // The writer has failed; its own error comes below.
            }
        }
        let input = joined(reading.await)?
            .map_err(DataError::format("read", Path::new(&self.input_path())))?;
        // Without this message the writer takes the end of its queue for a job that was stopped.
        let _ = to_writer.send(Message::Finish).await;
        drop(to_writer);
        let written = joined(writing.await)??;

        let seconds = started.elapsed().as_secs_f64();
        let report = Report {
            rows: tally.rows,
            dropped: tally.dropped.clone(),
            rejected: tally.rejected.clone(),
            changes: tally.changes.clone(),
            findings: tally.findings.clone(),
            labels: tally.labels.clone(),
            duplicates: None,
            steps: self.steps.iter().map(|step| step.about().clone()).collect(),
            costs: chain.costs(),
            input: FileAbout {
                path: self.input_path(),
                bytes: input.1,
                digest: input.0.into(),
            },
            output: written.output,
            rejects: written.rejects,
            dropped_rows: written.dropped,
            seconds,
            rows_per_second: tally.rows.read as f64 / seconds.max(f64::EPSILON),
        };
        Ok((report, tally))
    }

    /// Refuses what would destroy a file or contradict itself, before anything is read.
    fn check(&self) -> Result<(), DataError> {
        check_steps(&self.steps, &self.fields, self.duplicates.is_some())?;
        let mut files = vec![target(&self.output)?, target(&self.rejects)?];
        if let Some(dropped) = &self.dropped {
            files.push(target(dropped)?);
        }
        if let Input::File(input) = &self.input {
            files.push(
                input
                    .canonicalize()
                    .map_err(DataError::file("read", input))?,
            );
        }
        for (i, file) in files.iter().enumerate() {
            if files[..i].contains(file) {
                return Err(DataError::Invalid(format!(
                    "{} is named twice among the files of the job",
                    file.display()
                )));
            }
        }
        Ok(())
    }

    fn input_path(&self) -> PathBuf {
        match &self.input {
            Input::File(path) => path.clone(),
            Input::Stdin => "-".into(),
        }
    }

    fn total_and_source(&self) -> Result<(Option<u64>, Source), DataError> {
        match &self.input {
            Input::Stdin => Ok((None, Source::Stream(Box::new(std::io::stdin())))),
            Input::File(path) => {
                let about = std::fs::metadata(path).map_err(DataError::file("read", path))?;
                if about.is_dir() {
                    return Err(DataError::Invalid(format!(
                        "{} is a folder, not a file",
                        path.display()
                    )));
                }
                // A pipe has no size that could be shown.
                let total = about.is_file().then_some(about.len());
                Ok((total, Source::File(path.clone())))
            }
        }
    }
}

/// Refuses steps and fields that contradict each other.
pub(crate) fn check_steps(
    steps: &[Arc<dyn Step>],
    fields: &Fields,
    duplicates: bool,
) -> Result<(), DataError> {
    let wrong = |why: String| Err(DataError::Invalid(why));
    if (steps.is_empty() && !duplicates) || steps.len() > MAX_STEPS {
        return wrong(format!(
            "a job has 1 to {MAX_STEPS} steps, or none where duplicates are looked for; this one has {}",
            steps.len()
        ));
    }
    for kind in [Kind::Anonymize, Kind::Classify] {
        let of_kind: Vec<_> = steps.iter().filter(|s| s.about().kind == kind).collect();
        if let [first, second, ..] = of_kind[..] {
            return wrong(format!(
                "the steps `{}` and `{}` write the same fields; run them in two jobs",
                first.about().step,
                second.about().step
            ));
        }
    }
    let Fields {
        text,
        id,
        findings,
        label,
        score,
        overwrite: _,
    } = fields;
    let names = [text, id, findings, label, score];
    for (i, name) in names.iter().enumerate() {
        if name.is_empty() || names[..i].contains(name) {
            return wrong(format!("the field name `{name}` is empty or used twice"));
        }
    }
    Ok(())
}

/// Cuts the input into batches; ends early when nobody wants more.
fn read_batches(
    mut lines: Box<dyn RowsOf>,
    max_rows: usize,
    to_work: &mpsc::Sender<Batch>,
) -> Result<([u8; 32], u64), FormatError> {
    let mut number = 0;
    loop {
        let mut rows: Vec<Line> = Vec::new();
        let mut bytes = 0;
        while rows.len() < max_rows && bytes < MAX_BATCH_BYTES {
            let Some(line) = lines.next()? else { break };
            bytes += line.bytes.len();
            rows.push(line);
        }
        if rows.is_empty() {
            return Ok(lines.finish());
        }
        let batch = Batch {
            number,
            lines: rows,
            end: lines.read(),
        };
        if to_work.blocking_send(batch).is_err() {
            return Ok(lines.finish());
        }
        number += 1;
    }
}

/// The files of a job while it runs.
struct Sinks {
    output: Sink,
    format: Format,
    rejects: Sink,
    dropped: Option<Sink>,
    abouts: Option<Sink>,
}

struct Written {
    output: FileAbout,
    rejects: FileAbout,
    dropped: Option<FileAbout>,
}

enum Message {
    Batch(Box<Done>),
    Finish,
}

impl Sinks {
    fn create(job: &Job, abouts: Option<&Path>) -> Result<Self, DataError> {
        Ok(Self {
            output: Sink::create(&job.output)?,
            format: job.output_format,
            rejects: Sink::create(&job.rejects)?,
            dropped: job.dropped.as_deref().map(Sink::create).transpose()?,
            abouts: abouts.map(Sink::create).transpose()?,
        })
    }
}

fn write_batches(
    mut sinks: Sinks,
    mut from_work: mpsc::Receiver<Message>,
) -> Result<Written, DataError> {
    while let Some(message) = from_work.blocking_recv() {
        match message {
            Message::Batch(done) => {
                sinks.output.write(&done.output)?;
                sinks.rejects.write(&done.rejects)?;
                if let Some(sink) = &mut sinks.dropped {
                    sink.write(&done.dropped)?;
                }
                if let Some(sink) = &mut sinks.abouts {
                    sink.write(&done.abouts)?;
                }
            }
            // The output comes last: where it lies, the others lie too.
            Message::Finish => {
                sinks.abouts.map(Sink::commit).transpose()?;
                let dropped = sinks.dropped.map(Sink::commit).transpose()?;
                let rejects = sinks.rejects.commit()?;
                return Ok(Written {
                    dropped,
                    rejects,
                    output: sinks.output.commit_as(sinks.format)?,
                });
            }
        }
    }
    Err(DataError::Broken("it was stopped before its end".into()))
}

/// A task that ends with its handle: a job that stops leaves no batch running behind it.
pub(crate) struct Task<T>(pub JoinHandle<T>);

impl<T> Task<Result<T, DataError>> {
    pub async fn join(mut self) -> Result<T, DataError> {
        joined((&mut self.0).await)?
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) fn joined<T>(result: Result<T, tokio::task::JoinError>) -> Result<T, DataError> {
    result.map_err(|e| DataError::Broken(e.to_string()))
}
