//! Labels go out: as a file, or as the next snapshot of a dataset.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Seek as _, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use steward_labels::export::{Annotator, Decision, LabelledSpan, Method, Record, Said};
use steward_registry::labelling::{Label, LabelKind, LabelledTask, Project};
use steward_registry::{DatasetSnapshot, Name, TenantId};
use tempfile::NamedTempFile;

use super::decide::{Decided, Decisions, decide};
use super::task::{self, PROVENANCE, SOURCE};
use super::votes::spans;
use super::{DecideGiven, Labelling, label_studio, quality};
use crate::DataError;

/// The form of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// One labelled task a line, with everything that was said about it.
    #[default]
    Jsonl,
    /// What Label Studio imports.
    LabelStudio,
}

/// The snapshot to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportGiven {
    /// The dataset that gets the next snapshot.
    pub output: Name,
    /// How labels are decided.
    #[serde(default)]
    pub decide: DecideGiven,
    /// The field of a row that gets the label. Default `label`, and `entities` for parts of texts.
    #[serde(default)]
    pub label_field: Option<String>,
    /// Whether that field of a row may be replaced.
    #[serde(default)]
    pub overwrite: bool,
    /// Whether rows without a label go out as well, their label being null.
    #[serde(default)]
    pub undecided: bool,
}

impl Labelling {
    /// Writes the tasks of a project into a file, from whose start it can be read.
    ///
    /// # Errors
    /// [`DataError::Invalid`] for a model without predictions; [`DataError::File`], [`DataError::Registry`].
    pub async fn export(
        &self,
        tenant: &TenantId,
        project: &Name,
        format: ExportFormat,
        given: DecideGiven,
    ) -> Result<File, DataError> {
        let read = self.spool(tenant, project).await?;
        let out = self.datasets.incoming()?;
        super::compute(move || {
            let decided = match format {
                ExportFormat::Jsonl => decide(&read.project, &read.tasks, &given)?.tasks,
                ExportFormat::LabelStudio => Vec::new(),
            };
            let wrong = DataError::file("write", out.path());
            write_tasks(&out, &read, format, &decided).map_err(wrong)?;
            out.reopen().map_err(DataError::file("read", out.path()))
        })
        .await
    }

    /// Adds the labelled rows to a dataset, as its next snapshot. A row is what the task was made of, with its label and
    /// with who said what; the lineage names the project, its guideline and the snapshots that the tasks come from.
    ///
    /// # Errors
    /// [`DataError::Invalid`] where nothing is decided, or rows have the field of the label already;
    /// [`DataError::File`], [`DataError::Registry`].
    pub async fn snapshot(
        &self,
        tenant: &TenantId,
        project: &Name,
        given: ExportGiven,
        by: &str,
    ) -> Result<DatasetSnapshot, DataError> {
        let read = self.spool(tenant, project).await?;
        let out = self.datasets.incoming()?;
        let output = given.output.clone();
        let (out, rows, lineage) = super::compute(move || {
            let decisions = decide(&read.project, &read.tasks, &given.decide)?;
            let (rows, sources) = write_rows(&out, &read, &decisions.tasks, &given)?;
            let left_out = decisions.tasks.len() - rows;
            if rows == 0 {
                return Err(DataError::Invalid(format!(
                    "nothing in `{}` is decided: {} tasks want more annotations or a judge",
                    read.project.name, left_out
                )));
            }
            let lineage = lineage(&read, &decisions, &given, &sources, left_out)?;
            Ok((out, rows, lineage))
        })
        .await?;
        let stored = self.registry.artifacts().put_file(out.path()).await?;
        let rows = rows as u64;
        let added = self
            .registry
            .add_snapshot(tenant, &output, stored, rows, &lineage, by);
        Ok(added.await?)
    }

    /// Reads the project once: labels are decided by what is then written, whatever is said meanwhile.
    async fn spool(&self, tenant: &TenantId, project: &Name) -> Result<Spool, DataError> {
        let file = self.datasets.incoming()?;
        let found = self.registry.label_project(tenant, project).await?;
        let mut tasks = Vec::new();
        let mut out = BufWriter::new(file.as_file());
        let path = file.path();
        self.each(tenant, project, |mut task| {
            write_line(&mut out, &task).map_err(DataError::file("write", path))?;
            task.data = Value::Null;
            tasks.push(task);
            Ok(())
        })
        .await?;
        out.flush().map_err(DataError::file("write", path))?;
        drop(out);
        Ok(Spool {
            project: found,
            tasks,
            file,
        })
    }
}

/// A project as it was at one time.
struct Spool {
    project: Project,
    /// Without their data.
    tasks: Vec<LabelledTask>,
    /// With it, a line each.
    file: NamedTempFile,
}

impl Spool {
    fn each(
        &self,
        mut each: impl FnMut(usize, LabelledTask) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let path = self.file.path();
        let failed = |e| DataError::file("read", path)(e);
        let mut file = self.file.reopen().map_err(failed)?;
        file.rewind().map_err(failed)?;
        for (place, line) in BufReader::new(file).lines().enumerate() {
            let line = line.map_err(failed)?;
            let task = serde_json::from_str(&line).map_err(|e| failed(e.into()))?;
            each(place, task)?;
        }
        Ok(())
    }
}

fn write_line(out: &mut impl Write, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

fn write_tasks(
    out: &NamedTempFile,
    read: &Spool,
    format: ExportFormat,
    decided: &[Decided],
) -> std::io::Result<()> {
    let mut file = BufWriter::new(out.as_file());
    if format == ExportFormat::LabelStudio {
        file.write_all(b"[")?;
    }
    let path: &Path = out.path();
    let written = read.each(|place, task| {
        let wrote = match format {
            ExportFormat::Jsonl => match decided.get(place) {
                Some(decided) => write_line(&mut file, &record(task, decided)),
                None => Ok(()),
            },
            ExportFormat::LabelStudio => {
                let comma: &[u8] = if place > 0 { b",\n" } else { b"" };
                let task = label_studio::task(&task);
                file.write_all(comma)
                    .and_then(|()| Ok(serde_json::to_writer(&mut file, &task)?))
            }
        };
        wrote.map_err(DataError::file("write", path))
    });
    written.map_err(std::io::Error::other)?;
    if format == ExportFormat::LabelStudio {
        file.write_all(b"]\n")?;
    }
    file.flush()
}

/// A task with its label, and who said what.
fn record(task: LabelledTask, decided: &Decided) -> Record {
    let spans = decided.label.as_ref().map(spans).unwrap_or_default();
    Record {
        label: match &decided.label {
            Some(Label::Choice(label)) => Some(label.clone()),
            _ => None,
        },
        spans: spans
            .iter()
            .map(|span| LabelledSpan {
                start: span.start as usize,
                end: span.end as usize,
                label: span.label.clone(),
            })
            .collect(),
        decided: Decision {
            method: decided.method,
            guideline: decided.guideline,
            confidence: decided.confidence,
            by: decided.by.clone(),
            at: decided.at,
        },
        annotations: said(&task),
        task: task.task,
        data: task.data,
    }
}

/// Everything that was said about a task, the earliest first.
fn said(task: &LabelledTask) -> Vec<Said> {
    let people = task.annotations.iter().map(|said| Said {
        kind: Annotator::Person,
        by: said.annotator.clone(),
        at: said.created_at,
        guideline: Some(said.guideline),
        label: value(&said.label),
        confidence: None,
    });
    let models = task.predictions.iter().map(|said| Said {
        kind: Annotator::Model,
        by: said.source.clone(),
        at: said.created_at,
        guideline: None,
        label: value(&said.label),
        confidence: Some(said.confidence),
    });
    let mut said: Vec<Said> = people.chain(models).collect();
    said.sort_by_key(|said| said.at);
    said
}

/// A label in a row: the word, or the parts.
fn value(label: &Label) -> Value {
    match label {
        Label::Choice(label) => json!(label),
        Label::Spans(spans) => json!(spans),
    }
}

/// Writes the rows; how many there are, and which snapshots they come from.
fn write_rows(
    out: &NamedTempFile,
    read: &Spool,
    decided: &[Decided],
    given: &ExportGiven,
) -> Result<(usize, BTreeSet<String>), DataError> {
    let usual = match read.project.spec.kind {
        LabelKind::Choice => "label",
        LabelKind::Spans => "entities",
    };
    let label_field = given.label_field.as_deref().unwrap_or(usual);
    let mut file = BufWriter::new(out.as_file());
    let (mut rows, mut sources) = (0, BTreeSet::new());
    read.each(|place, task| {
        let Some(decided) = decided.get(place) else {
            return Ok(());
        };
        if decided.label.is_none() && !given.undecided {
            return Ok(());
        }
        if let Some(source) = task::source(&task.data) {
            sources.insert(source.dataset.to_string());
        }
        let mut row = task::object(&task.data);
        let source = row.shift_remove(SOURCE);
        for field in [label_field, PROVENANCE] {
            if row.contains_key(field) && !given.overwrite {
                return Err(DataError::Invalid(format!(
                    "the row of the task `{}` has a field `{field}` already; set `overwrite`, or name another \
                     `label_field`",
                    task.task
                )));
            }
        }
        row.insert(
            label_field.to_owned(),
            decided.label.as_ref().map_or(Value::Null, value),
        );
        let provenance = json!({
            "project": read.project.name,
            "task": task.task,
            "source": source,
            "method": decided.method,
            "guideline": decided.guideline,
            "confidence": decided.confidence,
            "by": decided.by,
            "at": decided.at,
            "annotations": said(&task),
        });
        row.insert(PROVENANCE.to_owned(), provenance);
        rows += 1;
        write_line(&mut file, &row).map_err(DataError::file("write", out.path()))
    })?;
    file.flush().map_err(DataError::file("write", out.path()))?;
    Ok((rows, sources))
}

/// Where the rows of a snapshot come from.
fn lineage(
    read: &Spool,
    decisions: &Decisions,
    given: &ExportGiven,
    sources: &BTreeSet<String>,
    left_out: usize,
) -> Result<Value, DataError> {
    let agreement = quality::agreement(&read.project, &read.tasks)?;
    let mut methods = BTreeMap::<String, usize>::new();
    for decided in &decisions.tasks {
        let name = match decided.method {
            Method::Undecided => "undecided".to_owned(),
            method => json!(method).as_str().unwrap_or_default().to_owned(),
        };
        *methods.entry(name).or_default() += 1;
    }
    let from: Value = match sources.len() {
        0 => Value::Null,
        1 => json!(sources.first()),
        _ => json!(sources),
    };
    let mut lineage = json!({
        "labelling": {
            "project": read.project.name,
            "guideline": read.project.guideline,
            "labels": read.project.spec.labels,
            "overlap": read.project.spec.overlap,
            "method": given.decide.method,
            "partial": given.decide.partial,
            "auto": decisions.sure,
            "decided": methods,
            "left_out": left_out,
            "tasks": decisions.tasks.len(),
            "annotations": agreement.annotations,
            "annotators": agreement.annotators.len(),
            "krippendorff_alpha": agreement.krippendorff_alpha,
            "fleiss_kappa": agreement.fleiss_kappa,
            "span_f1": agreement.span_f1,
        },
    });
    if !from.is_null() {
        lineage["from"] = from;
    }
    Ok(lineage)
}
