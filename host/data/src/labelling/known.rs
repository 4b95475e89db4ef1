//! What is known to be right, and how far a model can be trusted for it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use steward_labels::auto::{Answer, Calibration, Threshold};
use steward_registry::labelling::{Label, LabelledTask, Prediction, TaskState};
use steward_registry::{Name, TenantId};

use super::{AutoGiven, Labelling};
use crate::DataError;

/// How many thresholds are listed.
const LISTED: usize = 20;

/// The label that is known to be right: that of a gold question, else the one that a judge decided last.
pub(super) fn known(task: &LabelledTask) -> Option<&Label> {
    let judged = task.adjudications.last().map(|decided| &decided.label);
    task.gold.as_ref().or(judged)
}

/// How far a model can be trusted, measured on the tasks whose label is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trust {
    /// The model, as `minilm@1.0.0`.
    pub model: String,
    /// How many tasks it predicted whose label is known.
    pub known: usize,
    /// How often it shall be right at least.
    pub precision: f64,
    /// The lowest confidence from which on it is, 19 times of 20; none where the known tasks do not show that.
    pub threshold: Option<Threshold>,
    /// The same for each label that it gives.
    pub labels: BTreeMap<String, Option<Threshold>>,
    /// What other thresholds would come to, from the highest down, at most 20 of them.
    pub thresholds: Vec<Threshold>,
    /// Predicted tasks that people have not labelled yet.
    pub open: usize,
    /// How many of them the threshold would label.
    pub labelled: usize,
}

/// A model that decides from a confidence on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Sure {
    pub model: String,
    pub threshold: f64,
    /// How often it is right at least on what is known, where it was asked for by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
}

impl Sure {
    /// The prediction that decides a task.
    pub fn prediction<'a>(&self, task: &'a LabelledTask) -> Option<&'a Prediction> {
        let said = prediction(task, &self.model)?;
        (said.confidence >= self.threshold).then_some(said)
    }
}

impl Labelling {
    /// How far a model can be trusted; `model` may be left out where one alone has predicted.
    ///
    /// # Errors
    /// [`DataError::Invalid`] where there are no predictions, or for a precision that is not within 0 and 1;
    /// [`DataError::Registry`].
    pub async fn trust(
        &self,
        tenant: &TenantId,
        project: &Name,
        model: Option<&str>,
        precision: f64,
    ) -> Result<Trust, DataError> {
        let (_, tasks) = self.said(tenant, project).await?;
        let model = model.map(str::to_owned);
        super::compute(move || trust(&tasks, model.as_deref(), precision)).await
    }
}

fn trust(tasks: &[LabelledTask], model: Option<&str>, precision: f64) -> Result<Trust, DataError> {
    probability("the precision", precision)?;
    let model = source(tasks, model)?;
    let answers = answers(tasks, &model);
    let all = Calibration::new(&answers)?;
    let threshold = all.lowest(precision);
    let steps = all.thresholds();
    let each = steps.len().div_ceil(LISTED).max(1);
    let open = tasks
        .iter()
        .filter(|task| task.state == TaskState::Open)
        .filter_map(|task| prediction(task, &model));
    let open: Vec<f64> = open.map(|said| said.confidence).collect();
    let labels = Calibration::by_label(&answers)?;
    Ok(Trust {
        known: answers.len(),
        precision,
        labels: labels
            .into_iter()
            .map(|(label, own)| (label, own.lowest(precision)))
            .collect(),
        thresholds: steps.iter().step_by(each).copied().collect(),
        labelled: threshold.map_or(0, |found| {
            open.iter().filter(|c| **c >= found.threshold).count()
        }),
        open: open.len(),
        threshold,
        model,
    })
}

/// Which model decides, and from which confidence on.
pub(super) fn sure(tasks: &[LabelledTask], given: &AutoGiven) -> Result<Sure, DataError> {
    let model = source(tasks, given.model.as_deref())?;
    match (given.threshold, given.precision) {
        (Some(threshold), None) => {
            probability("the threshold", threshold)?;
            Ok(Sure {
                model,
                threshold,
                precision: None,
            })
        }
        (None, Some(precision)) => {
            probability("the precision", precision)?;
            let answers = answers(tasks, &model);
            let found = Calibration::new(&answers)?.lowest(precision);
            let found = found.ok_or_else(|| {
                DataError::Invalid(format!(
                    "the {} known tasks that `{model}` predicted do not show that it is ever right {precision} of the \
                     time; add gold questions, let a judge decide more tasks, or give a threshold",
                    answers.len()
                ))
            })?;
            Ok(Sure {
                model,
                threshold: found.threshold,
                precision: Some(found.at_least),
            })
        }
        _ => Err(DataError::Invalid(
            "a model decides from a `threshold` on, or with a `precision`: give one of them".into(),
        )),
    }
}

fn probability(what: &str, given: f64) -> Result<(), DataError> {
    if (0.0..=1.0).contains(&given) {
        return Ok(());
    }
    let wrong = format!("{what} {given} is not within 0 and 1");
    Err(DataError::Invalid(wrong))
}

/// Whose predictions are meant.
fn source(tasks: &[LabelledTask], asked: Option<&str>) -> Result<String, DataError> {
    let said = tasks.iter().flat_map(|task| &task.predictions);
    let sources: BTreeSet<&str> = said.map(|said| said.source.as_str()).collect();
    let listed = || sources.iter().copied().collect::<Vec<_>>().join(", ");
    let wrong = |text: String| Err(DataError::Invalid(text));
    match (asked, sources.len()) {
        (_, 0) => wrong("no model has predicted labels in this project".into()),
        (Some(asked), _) if sources.contains(asked) => Ok(asked.to_owned()),
        (Some(asked), _) => wrong(format!(
            "there are no predictions of `{}`, but of {}",
            asked.chars().take(80).collect::<String>(),
            listed()
        )),
        (None, 1) => Ok(listed()),
        (None, _) => wrong(format!(
            "there are predictions of {}: say whose are meant (`auto_model`; on the command line `--auto-model`)",
            listed()
        )),
    }
}

fn prediction<'a>(task: &'a LabelledTask, model: &str) -> Option<&'a Prediction> {
    let mut said = task.predictions.iter();
    said.find(|said| said.source == model)
}

/// What a model said where the label is known.
fn answers(tasks: &[LabelledTask], model: &str) -> Vec<Answer> {
    let known = tasks
        .iter()
        .filter_map(|task| Some((prediction(task, model)?, known(task)?)));
    known
        .map(|(said, right)| Answer {
            label: match &said.label {
                Label::Choice(label) => label.clone(),
                Label::Spans(_) => "spans".to_owned(),
            },
            confidence: said.confidence,
            correct: said.label == *right,
        })
        .collect()
}
