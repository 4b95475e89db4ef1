//! Tasks as Label Studio has them.

use serde_json::json;
use sha2::{Digest as _, Sha256};
use steward_labels::label_studio::{self as ls, Id, Region};
use steward_registry::labelling::{
    Adjudication, GivenAnnotation, Label, LabelKind, LabelSpan, LabelledTask, MAX_PROVENANCE_BYTES,
    NewTask, Prediction,
};

use super::task;

/// The control that holds the labels.
const CONTROL: &str = "label";
/// The annotator of gold labels.
const GOLD: &str = "gold";
/// The field of a task that holds what judges decided. Label Studio leaves it alone.
const JUDGED: &str = "adjudications";
/// The field of a prediction that holds what it follows from.
const PROVENANCE: &str = "provenance";

/// A task as it goes out.
pub(super) fn task(task: &LabelledTask) -> ls::Task {
    let to_name = task::text_field(&task.data);
    let text = task::text(&task.data);
    let result = |label: &Label| regions(label, &to_name, text);
    let mut out = ls::Task::new(Some(Id::Text(task.task.clone())), task::object(&task.data));
    if let Some(gold) = &task.gold {
        let mut known = ls::Annotation::by(GOLD, result(gold));
        known.ground_truth = true;
        out.annotations.push(known);
    }
    for said in &task.annotations {
        let mut annotation = ls::Annotation::by(&said.annotator, result(&said.label));
        annotation.created_at = Some(said.created_at.to_string());
        annotation
            .rest
            .insert("guideline".into(), json!(said.guideline));
        out.annotations.push(annotation);
    }
    for said in &task.predictions {
        let mut prediction = ls::Prediction {
            model_version: Some(said.source.clone()),
            score: Some(said.confidence),
            result: result(&said.label),
            ..ls::Prediction::default()
        };
        if let Some(from) = &said.provenance {
            prediction.rest.insert(PROVENANCE.into(), from.clone());
        }
        out.predictions.push(prediction);
    }
    if !task.adjudications.is_empty() {
        out.rest.insert(JUDGED.into(), json!(task.adjudications));
    }
    out
}

fn regions(label: &Label, to_name: &str, text: Option<&str>) -> Vec<Region> {
    match label {
        Label::Choice(label) => vec![Region::choice(CONTROL, to_name, label)],
        Label::Spans(spans) => spans
            .iter()
            .map(|span| region(span, to_name, text))
            .collect(),
    }
}

fn region(span: &LabelSpan, to_name: &str, text: Option<&str>) -> Region {
    let (start, end) = (span.start as usize, span.end as usize);
    let mut region = Region::span(CONTROL, to_name, start, end, &span.label);
    if let (Region::Span(region), Some(text)) = (&mut region, text) {
        let words = text.chars().skip(start).take(end.saturating_sub(start));
        region.text = Some(words.collect());
    }
    region
}

/// A task as it came in, in the words of the registry.
pub(super) struct Read {
    pub task: NewTask,
    pub annotations: Vec<GivenAnnotation>,
    pub predictions: Vec<Prediction>,
    /// What a judge decided last.
    pub judged: Option<Adjudication>,
}

/// What the project that takes a task has to do with it.
pub(super) struct Taking<'a> {
    pub kind: LabelKind,
    pub labels: &'a [String],
    /// The newest version of the guideline: older ones are kept where the task names them.
    pub guideline: u32,
    /// The control whose labels are taken; none takes those of every one.
    pub control: Option<&'a str>,
    pub now: jiff::Timestamp,
}

/// Reads a task.
pub(super) fn read(given: ls::Task, taking: &Taking<'_>) -> Result<Read, String> {
    let data = serde_json::Value::Object(given.data);
    let name = match &given.id {
        Some(id) => id.to_string(),
        None => name_of(&data),
    };
    task::check_task(&name, &data)?;
    let mut read = Read {
        task: NewTask {
            task: name.clone(),
            data,
            gold: None,
            rank: 0,
        },
        annotations: Vec::new(),
        predictions: Vec::new(),
        judged: None,
    };
    for annotation in given.annotations.iter().filter(|a| !a.was_cancelled) {
        let annotator = annotation.annotator();
        let label = taking.label(&annotation.result, &read.task.data)?;
        let Some(label) = label else { continue };
        if annotation.ground_truth {
            let before = read.task.gold.replace(label.clone());
            if before.is_some_and(|before| before != label) {
                return Err("it has two ground truths that differ; keep one".into());
            }
            // The one that this crate wrote is nobody's answer.
            if annotator == GOLD {
                continue;
            }
        }
        if read
            .annotations
            .iter()
            .any(|said| said.annotator == annotator)
        {
            return Err(format!(
                "`{annotator}` labelled it twice; keep one of the annotations"
            ));
        }
        let at = annotation.created_at.as_deref();
        let version = annotation.rest.get("guideline").and_then(|v| v.as_u64());
        let version = version.and_then(|version| u32::try_from(version).ok());
        read.annotations.push(GivenAnnotation {
            task: name.clone(),
            annotator,
            label,
            guideline: version
                .filter(|version| (1..=taking.guideline).contains(version))
                .unwrap_or(taking.guideline),
            created_at: at.and_then(|at| at.parse().ok()).unwrap_or(taking.now),
        });
    }
    for prediction in &given.predictions {
        let label = taking.label(&prediction.result, &read.task.data)?;
        let Some(label) = label else { continue };
        let confidence = prediction.score.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&confidence) {
            return Err(format!(
                "the score {confidence} of a prediction is not within 0 and 1"
            ));
        }
        read.predictions.push(Prediction {
            task: name.clone(),
            source: prediction
                .model_version
                .clone()
                .filter(|version| !version.is_empty())
                .unwrap_or_else(|| "label-studio".into()),
            label,
            confidence,
            created_at: taking.now,
            provenance: match prediction.rest.get(PROVENANCE) {
                Some(from) if from.to_string().len() > MAX_PROVENANCE_BYTES => {
                    return Err(format!(
                        "the `{PROVENANCE}` of a prediction has over {MAX_PROVENANCE_BYTES} bytes"
                    ));
                }
                from => from.filter(|from| from.is_object()).cloned(),
            },
        });
    }
    if let Some(judged) = given.rest.get(JUDGED) {
        let judged: Vec<Adjudication> = serde_json::from_value(judged.clone())
            .map_err(|e| format!("the field `{JUDGED}`: {e}"))?;
        if let Some(last) = judged.into_iter().last() {
            taking.check(&last.label, &read.task.data)?;
            read.judged = Some(last);
        }
    }
    Ok(read)
}

/// The name of a task without an id: the same data, the same name, so that a file can be read again.
fn name_of(data: &serde_json::Value) -> String {
    let digest = Sha256::digest(data.to_string().as_bytes());
    let hex: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("ls-{hex}")
}

impl Taking<'_> {
    /// The label that a result comes to; none where it is of other controls alone.
    fn label(&self, result: &[Region], data: &serde_json::Value) -> Result<Option<Label>, String> {
        let of = |name: &str| self.control.is_none_or(|control| control == name);
        let label = match self.kind {
            LabelKind::Choice => {
                let choices = result.iter().filter_map(|region| match region {
                    Region::Choices(choices) if of(&choices.from_name) => Some(&choices.choices),
                    _ => None,
                });
                let labels: Vec<&String> = choices.flatten().collect();
                match labels.as_slice() {
                    [] => return Ok(None),
                    [label] => Label::Choice((*label).clone()),
                    labels => {
                        return Err(format!(
                            "one person chose {} labels; only a single one is a vote, so name the control with `control`",
                            labels.len()
                        ));
                    }
                }
            }
            LabelKind::Spans => {
                let spans = result.iter().filter_map(|region| match region {
                    Region::Span(span) if of(&span.from_name) => Some(span),
                    _ => None,
                });
                let mut found = Vec::new();
                for span in spans {
                    let wide = |offset: usize| {
                        u32::try_from(offset).map_err(|_| "a span is beyond the text".to_owned())
                    };
                    let (start, end) = (wide(span.start)?, wide(span.end)?);
                    found.extend(span.labels.iter().map(|label| LabelSpan {
                        start,
                        end,
                        label: label.clone(),
                    }));
                }
                found.sort();
                found.dedup();
                Label::Spans(found)
            }
        };
        self.check(&label, data)?;
        Ok(Some(label))
    }

    /// Refuses what the registry would refuse a whole batch for.
    fn check(&self, label: &Label, data: &serde_json::Value) -> Result<(), String> {
        if label.kind() != self.kind {
            return Err("it is labelled in another way than this project asks for".into());
        }
        let known = |label: &String| {
            if self.labels.contains(label) {
                return Ok(());
            }
            Err(format!(
                "`{}` is none of the labels of this project",
                label.chars().take(80).collect::<String>()
            ))
        };
        match label {
            Label::Choice(label) => known(label)?,
            Label::Spans(spans) => {
                for span in spans {
                    known(&span.label)?;
                    if span.start >= span.end {
                        return Err(format!(
                            "a span from {} to {} holds no character",
                            span.start, span.end
                        ));
                    }
                }
            }
        }
        task::check_spans(data, label)
    }
}
