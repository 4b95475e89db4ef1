//! One batch through all steps.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::Serialize;
use steward_formats::Line;

use crate::counted::Counted;
use crate::deduplication::About;
use crate::duplicates::{Turnstile, in_rounds, settled, without_duplicates};
use crate::record::{Record, write_json};
use crate::reject::{self, Reason};
use crate::report::{Cost, Tally, count};
use crate::step::{Document, Effect, Kind, Step, StepError};
use crate::{DataError, Deduplication, Fields, Job};

/// How often a step that has too many calls is asked again before the job gives up.
const BUSY_TRIES: u32 = 50;

/// Rows on their way in.
pub(crate) struct Batch {
    /// 0, 1, 2 … in input order.
    pub number: u64,
    pub lines: Vec<Line>,
    /// Bytes of the input up to the end of this batch.
    pub end: u64,
}

/// Rows on their way out, as the bytes that go into the files.
pub(crate) struct Done {
    pub output: Vec<u8>,
    pub rejects: Vec<u8>,
    pub dropped: Vec<u8>,
    /// A line for each row of the output, where duplicates will be looked for among them.
    pub abouts: Vec<u8>,
    pub tally: Tally,
    pub end: u64,
}

/// The steps of a job and what they share over its batches.
pub(crate) struct Chain {
    steps: Vec<(Counted, Turnstile)>,
    fields: Fields,
    keep_duplicates: bool,
    /// The fields that are written once all steps are through; none where nothing comes after them.
    marks: Option<Vec<&'static str>>,
}

/// A row between two steps.
struct Row {
    record: Record,
    changed: bool,
    changes: Vec<(String, u32)>,
    entities: Vec<String>,
    label: Option<String>,
    end: End,
}

/// Whether and how a row has left the chain.
enum End {
    Not,
    Dropped {
        step: String,
        rule: String,
        detail: String,
    },
    Rejected(Reason),
}

/// An answer for one row: what the step did, or why it could not.
pub(crate) type Answer<T> = Result<T, String>;

impl Chain {
    pub fn new(job: &Job) -> Self {
        let steps = job
            .steps
            .iter()
            .map(|step| (Counted::new(Arc::clone(step)), Turnstile::new()))
            .collect();
        Self {
            steps,
            fields: job.fields.clone(),
            keep_duplicates: job.keep_duplicates,
            marks: job.duplicates.as_ref().map(Deduplication::fields),
        }
    }

    /// What each step has cost so far.
    pub fn costs(&self) -> Vec<Cost> {
        self.steps.iter().map(|(step, _)| step.cost()).collect()
    }

    /// Takes a batch through all steps.
    pub async fn treat(self: Arc<Self>, batch: Batch) -> Result<Done, DataError> {
        let added = self.added_fields();
        let mut rows: Vec<Result<Row, Reason>> = batch
            .lines
            .iter()
            .map(|line| Record::parse(line, &self.fields, &added).map(Row::new))
            .collect();
        for (step, turnstile) in &self.steps {
            let lines: Vec<usize> = (0..rows.len())
                .filter(|i| matches!(&rows[*i], Ok(row) if matches!(row.end, End::Not)))
                .collect();
            let documents: Vec<Document> = lines
                .iter()
                .filter_map(|i| rows[*i].as_ref().ok().map(|row| (*i, row)))
                .map(|(i, row)| Document {
                    id: batch.lines[i].number.to_string(),
                    text: row.record.text.clone(),
                })
                .collect();
            let answers = if step.finds_duplicates() {
                let prints = treat(step, &documents, |step, batch| step.fingerprint(batch)).await?;
                let ids: Vec<&str> = lines
                    .iter()
                    .filter_map(|i| rows[*i].as_ref().ok().map(|row| row.record.id.as_str()))
                    .collect();
                let answers = in_rounds(step, &documents, &prints, self.keep_duplicates).await?;
                match self.keep_duplicates {
                    true => answers.into_iter().map(settled).collect(),
                    false => {
                        without_duplicates(turnstile, batch.number, &ids, &prints, answers).await
                    }
                }
            } else {
                treat(step, &documents, |step, batch| step.run(batch)).await?
            };
            for (i, answer) in lines.into_iter().zip(answers) {
                if let Ok(row) = &mut rows[i] {
                    row.apply(step, answer, &self.fields);
                }
            }
        }
        Ok(finish(&batch, rows, &self.fields, self.marks.is_some()))
    }

    /// The fields that the steps write.
    fn added_fields(&self) -> Vec<&str> {
        let mut added: Vec<&str> = self.marks.iter().flatten().copied().collect();
        for (step, _) in &self.steps {
            match step.about().kind {
                Kind::Clean => {}
                Kind::Anonymize => added.push(self.fields.findings.as_str()),
                Kind::Classify => {
                    added.extend([self.fields.label.as_str(), self.fields.score.as_str()])
                }
            }
        }
        added
    }
}

impl Row {
    fn new(record: Record) -> Self {
        Self {
            record,
            changed: false,
            changes: Vec::new(),
            entities: Vec::new(),
            label: None,
            end: End::Not,
        }
    }

    fn apply(&mut self, step: &dyn Step, answer: Answer<Effect>, fields: &Fields) {
        let name = || step.about().step.clone();
        match answer {
            Ok(Effect::Kept) => {}
            Ok(Effect::Changed { text, changes }) => {
                self.changed |= text != self.record.text;
                self.record.text = text;
                self.changes.extend(changes);
            }
            Ok(Effect::Dropped { rule, detail }) => {
                self.end = End::Dropped {
                    step: name(),
                    rule,
                    detail,
                }
            }
            Ok(Effect::Anonymized { text, findings }) => {
                self.changed |= text != self.record.text;
                self.record.text = text;
                self.record.set(&fields.findings, &findings);
                self.entities.extend(findings.into_iter().map(|f| f.entity));
            }
            Ok(Effect::Labelled { label, score }) => {
                self.record.set(&fields.label, &label);
                // Four digits say what a score can say; more would show the noise of the arithmetic.
                self.record
                    .set(&fields.score, &((f64::from(score) * 1e4).round() / 1e4));
                self.label = Some(label);
            }
            Err(reason) => {
                self.end = End::Rejected(Reason::StepFailed {
                    step: name(),
                    reason,
                })
            }
        }
    }
}

/// One of the calls of a step.
pub(crate) type Call<T> =
    for<'a> fn(&'a dyn Step, &'a [Document]) -> BoxFuture<'a, Result<Vec<T>, StepError>>;

/// Calls a step for a batch. When it fails, the halves are tried, down to the rows that fail alone:
/// one bad row costs itself and some calls, not its neighbours.
pub(crate) async fn treat<T>(
    step: &dyn Step,
    documents: &[Document],
    call: Call<T>,
) -> Result<Vec<Answer<T>>, DataError> {
    let fatal = |reason: String| DataError::Step {
        step: step.about().step.clone(),
        reason,
    };
    let mut answers = Vec::with_capacity(documents.len());
    let mut parts = vec![documents];
    let mut busy = 0;
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        let reason = match call(step, part).await {
            Ok(fresh) if fresh.len() == part.len() => {
                answers.extend(fresh.into_iter().map(Ok));
                continue;
            }
            Ok(fresh) => format!("it answered {} times for {} texts", fresh.len(), part.len()),
            Err(StepError::Batch(reason)) => reason,
            Err(StepError::Busy(wait)) if busy < BUSY_TRIES => {
                busy += 1;
                tokio::time::sleep(wait.clamp(Duration::from_millis(10), Duration::from_secs(5)))
                    .await;
                parts.push(part);
                continue;
            }
            Err(error @ (StepError::Busy(_) | StepError::Fatal(_))) => {
                return Err(fatal(error.to_string()));
            }
        };
        if part.len() == 1 {
            answers.push(Err(reason));
        } else {
            tracing::debug!(
                step = step.about().step,
                rows = part.len(),
                reason,
                "a batch failed and is split"
            );
            let (first, second) = part.split_at(part.len() / 2);
            parts.extend([second, first]);
        }
    }
    Ok(answers)
}

#[derive(Serialize)]
struct DroppedLine<'a> {
    line: u64,
    id: &'a str,
    step: &'a str,
    rule: &'a str,
    detail: &'a str,
}

/// Turns the rows into the bytes of the files, and counts.
fn finish(batch: &Batch, rows: Vec<Result<Row, Reason>>, fields: &Fields, abouts: bool) -> Done {
    let mut done = Done {
        output: Vec::new(),
        rejects: Vec::new(),
        dropped: Vec::new(),
        abouts: Vec::new(),
        tally: Tally::default(),
        end: batch.end,
    };
    let tally = &mut done.tally;
    for (line, row) in batch.lines.iter().zip(rows) {
        tally.rows.read += 1;
        let reason = match row {
            Err(reason) => reason,
            Ok(Row {
                end: End::Rejected(reason),
                ..
            }) => reason,
            Ok(Row {
                record,
                end: End::Dropped { step, rule, detail },
                ..
            }) => {
                tally.rows.dropped += 1;
                count(&mut tally.dropped, &rule, 1);
                let dropped = DroppedLine {
                    line: line.number,
                    id: &record.id,
                    step: &step,
                    rule: &rule,
                    detail: &detail,
                };
                write_json(&mut done.dropped, &dropped);
                done.dropped.push(b'\n');
                continue;
            }
            Ok(mut row) => {
                if row.changed {
                    tally.rows.changed += 1;
                    let text = std::mem::take(&mut row.record.text);
                    row.record.set(&fields.text, &text);
                } else {
                    tally.rows.kept += 1;
                }
                for (rule, n) in &row.changes {
                    count(&mut tally.changes, rule, u64::from(*n));
                }
                for entity in &row.entities {
                    count(&mut tally.findings, entity, 1);
                }
                if let Some(label) = &row.label {
                    count(&mut tally.labels, label, 1);
                }
                row.record.write(&mut done.output);
                if abouts {
                    let about = About {
                        line: line.number,
                        changed: row.changed,
                        changes: row.changes,
                        entities: row.entities,
                        label: row.label,
                    };
                    write_json(&mut done.abouts, &about);
                    done.abouts.push(b'\n');
                }
                continue;
            }
        };
        tally.rows.rejected += 1;
        count(&mut tally.rejected, reason.code(), 1);
        reject::write(&mut done.rejects, line, &reason);
    }
    done
}
