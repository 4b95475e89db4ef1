//! How far annotators agree, and how good each is.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use steward_labels::agreement::{Level, alpha, fleiss};
use steward_labels::dawid_skene::{Options, dawid_skene};
use steward_labels::gold::{self, GoldQuality};
use steward_labels::{Annotation, Annotations, LabelsError};
use steward_registry::labelling::{LabelKind, LabelledTask, Project};
use steward_registry::{Name, TenantId};

use super::Labelling;
use super::votes::{self, ballot};
use crate::DataError;

/// A number, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The number.
    Value(f64),
    /// Why these data do not define it, and what would.
    Undefined(String),
}

/// How far the annotators of a project agree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// Tasks that two or more annotators labelled.
    pub tasks: usize,
    /// Annotations, all together.
    pub annotations: usize,
    /// Krippendorff's alpha over all tasks, gold questions too. Of a choice alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub krippendorff_alpha: Option<Measure>,
    /// Fleiss' kappa over the tasks with as many annotations as the overlap says, without gold questions. Of a choice
    /// alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleiss_kappa: Option<Measure>,
    /// Of labelled parts of texts: the F1 of pairs of annotators, a part being the same where ends and label are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_f1: Option<Measure>,
    /// Every annotator, by name.
    pub annotators: Vec<AnnotatorReport>,
}

/// How good an annotator is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnnotatorReport {
    /// The annotator.
    pub annotator: String,
    /// Tasks labelled, gold questions too.
    pub annotations: usize,
    /// Gold questions answered.
    pub gold_answered: usize,
    /// Those answered as they should be, as a whole.
    pub gold_correct: usize,
    /// The share of right answers to gold questions.
    pub gold_accuracy: Option<f64>,
    /// The probability of a right answer as Dawid and Skene estimate it, known labels held fast. Of labelled parts of
    /// texts: of a right answer to whether a part belongs there.
    pub accuracy: Option<f64>,
    /// What an answer tells of the true label, 0 to 1: 0 for who always answers the same, however often that is right.
    pub information: Option<f64>,
}

impl Labelling {
    /// How far annotators agree, and how good each is.
    ///
    /// # Errors
    /// [`DataError::Registry`], [`DataError::Invalid`] for too many votes.
    pub async fn agreement(
        &self,
        tenant: &TenantId,
        project: &Name,
    ) -> Result<Agreement, DataError> {
        let (project, tasks) = self.said(tenant, project).await?;
        super::compute(move || agreement(&project, &tasks)).await
    }
}

pub(super) fn agreement(project: &Project, tasks: &[LabelledTask]) -> Result<Agreement, DataError> {
    let ballot = ballot(project, tasks)?;
    let choice = project.spec.kind == LabelKind::Choice;
    let (krippendorff_alpha, fleiss_kappa, span_f1) = if choice {
        let alpha = measure(alpha(&ballot.annotations, Level::Nominal))?;
        (Some(alpha), Some(fleiss_kappa(project, tasks)?), None)
    } else {
        let f1 = votes::agreement(tasks).map_or_else(
            || Measure::Undefined("no two annotators labelled parts of the same task".into()),
            Measure::Value,
        );
        (None, None, Some(f1))
    };
    let estimated = dawid_skene(&ballot.annotations, &ballot.known, Options::default())?;
    let mut estimated: HashMap<&str, _> = estimated
        .annotators
        .iter()
        .map(|quality| {
            (
                quality.annotator.as_str(),
                (quality.accuracy, quality.information),
            )
        })
        .collect();
    let mut counts = BTreeMap::<&str, usize>::new();
    for said in tasks.iter().flat_map(|task| &task.annotations) {
        *counts.entry(&said.annotator).or_default() += 1;
    }
    let gold: HashMap<String, GoldQuality> = gold_quality(tasks)?
        .into_iter()
        .map(|quality| (quality.annotator.clone(), quality))
        .collect();
    let annotators = counts.iter().map(|(annotator, annotations)| {
        let gold = gold.get(*annotator);
        let (accuracy, information) = estimated.remove(annotator).unzip();
        AnnotatorReport {
            annotator: (*annotator).to_owned(),
            annotations: *annotations,
            gold_answered: gold.map_or(0, |gold| gold.answered),
            gold_correct: gold.map_or(0, |gold| gold.correct),
            gold_accuracy: gold.and_then(GoldQuality::accuracy),
            accuracy,
            information,
        }
    });
    Ok(Agreement {
        tasks: tasks
            .iter()
            .filter(|task| task.annotations.len() > 1)
            .count(),
        annotations: counts.values().sum(),
        krippendorff_alpha,
        fleiss_kappa,
        span_f1,
        annotators: annotators.collect(),
    })
}

fn fleiss_kappa(project: &Project, tasks: &[LabelledTask]) -> Result<Measure, DataError> {
    let overlap = project.spec.overlap as usize;
    let whole: Vec<LabelledTask> = tasks
        .iter()
        .filter(|task| task.gold.is_none() && task.annotations.len() == overlap)
        .cloned()
        .collect();
    measure(fleiss(&ballot(project, &whole)?.annotations))
}

/// A measure that data do not define is an answer, too.
fn measure(found: Result<f64, LabelsError>) -> Result<Measure, DataError> {
    match found {
        Ok(value) => Ok(Measure::Value(value)),
        Err(LabelsError::Undefined { reason, .. }) => Ok(Measure::Undefined(reason)),
        Err(error) => Err(error.into()),
    }
}

/// How each annotator did on gold questions. An answer is right as a whole, whatever the kind of the labels.
pub(super) fn gold_quality(tasks: &[LabelledTask]) -> Result<Vec<GoldQuality>, LabelsError> {
    const RIGHT: &str = "right";
    let questions = tasks
        .iter()
        .filter_map(|task| Some((task, task.gold.as_ref()?)));
    let (mut answers, mut gold) = (Vec::new(), BTreeMap::new());
    for (task, right) in questions {
        gold.insert(task.task.clone(), RIGHT.to_owned());
        answers.extend(task.annotations.iter().map(|said| {
            let answer = if said.label == *right { RIGHT } else { "wrong" };
            Annotation::new(&task.task, &said.annotator, answer)
        }));
    }
    gold::gold_quality(&Annotations::with_labels([RIGHT, "wrong"], answers)?, &gold)
}
