//! What a file or a snapshot holds, line by line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use steward_labels::export::{Annotator, Decision, LabelledSpan, Method, Record, Said};
use steward_registry::labelling::{Label, LabelKind, LabelledTask};
use tempfile::NamedTempFile;

use super::{ExportFormat, ExportGiven, Spool};
use crate::DataError;
use crate::labelling::decide::{Decided, Decisions};
use crate::labelling::task::{self, PROVENANCE, SOURCE};
use crate::labelling::votes::spans;
use crate::labelling::weak::follows_from_functions;
use crate::labelling::{label_studio, quality};

pub(super) fn write_line(out: &mut impl Write, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

pub(super) fn write_tasks(
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
        provenance: None,
    });
    let models = task.predictions.iter().map(|said| Said {
        kind: if follows_from_functions(said) {
            Annotator::Function
        } else {
            Annotator::Model
        },
        by: said.source.clone(),
        at: said.created_at,
        guideline: None,
        label: value(&said.label),
        confidence: Some(said.confidence),
        provenance: said.provenance.clone(),
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
pub(super) fn write_rows(
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
pub(super) fn lineage(
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
            "method_by": decisions.own,
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
