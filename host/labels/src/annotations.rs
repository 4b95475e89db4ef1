//! Who said what about which task.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::LabelsError;
use crate::error::{at_most, shown};

/// The most annotations that are taken at once.
pub const MAX_ANNOTATIONS: usize = 20_000_000;
/// The most labels that a task can choose from.
pub const MAX_LABELS: usize = 1000;

/// One annotator's label for one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annotation {
    /// The task.
    pub task: String,
    /// Who labelled it: a person, a model or a labelling function.
    pub annotator: String,
    /// The label.
    pub label: String,
}

impl Annotation {
    /// From its three parts.
    pub fn new(
        task: impl Into<String>,
        annotator: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            task: task.into(),
            annotator: annotator.into(),
            label: label.into(),
        }
    }
}

/// Positions within the tasks, annotators and labels of [`Annotations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Vote {
    pub task: usize,
    pub annotator: usize,
    pub label: usize,
}

/// Annotations, checked: one annotator labels one task at most once.
///
/// Tasks and annotators are in order of their text, so that no result depends on the order in which annotations came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotations {
    tasks: Vec<String>,
    annotators: Vec<String>,
    labels: Vec<String>,
    /// By task, then by annotator.
    votes: Vec<Vote>,
}

impl Annotations {
    /// Takes annotations whose labels are the ones that occur, in order of their text.
    ///
    /// # Errors
    /// [`LabelsError::Twice`]; [`LabelsError::TooMany`] over [`MAX_ANNOTATIONS`] or [`MAX_LABELS`].
    pub fn new(annotations: impl IntoIterator<Item = Annotation>) -> Result<Self, LabelsError> {
        let annotations = bounded(annotations)?;
        let labels = in_order(annotations.iter().map(|a| &a.label));
        Self::build(labels, &annotations)
    }

    /// Takes annotations whose labels are among these. The order of the labels is kept: ties go to the first, and ordinal
    /// agreement takes it as their rank.
    ///
    /// # Errors
    /// [`LabelsError::UnknownLabel`]; [`LabelsError::Invalid`] for a label that is named twice; those of
    /// [`Annotations::new`].
    pub fn with_labels(
        labels: impl IntoIterator<Item = impl Into<String>>,
        annotations: impl IntoIterator<Item = Annotation>,
    ) -> Result<Self, LabelsError> {
        let labels: Vec<String> = labels
            .into_iter()
            .take(MAX_LABELS + 1)
            .map(Into::into)
            .collect();
        let mut seen = HashSet::new();
        if let Some(twice) = labels.iter().find(|label| !seen.insert(label.as_str())) {
            return Err(LabelsError::invalid(format!(
                "the label `{}` is named twice; name it once",
                shown(twice)
            )));
        }
        Self::build(labels, &bounded(annotations)?)
    }

    fn build(labels: Vec<String>, annotations: &[Annotation]) -> Result<Self, LabelsError> {
        at_most("labels", labels.len(), MAX_LABELS)?;
        let tasks = in_order(annotations.iter().map(|a| &a.task));
        let annotators = in_order(annotations.iter().map(|a| &a.annotator));
        let (of_task, of_annotator, of_label) =
            (places(&tasks), places(&annotators), places(&labels));
        let mut votes = Vec::with_capacity(annotations.len());
        for annotation in annotations {
            let label = of_label.get(annotation.label.as_str()).ok_or_else(|| {
                LabelsError::UnknownLabel {
                    task: shown(&annotation.task),
                    label: shown(&annotation.label),
                }
            })?;
            votes.push(Vote {
                // Both were collected from these same annotations.
                task: of_task[annotation.task.as_str()],
                annotator: of_annotator[annotation.annotator.as_str()],
                label: *label,
            });
        }
        votes.sort_unstable();
        let twice = votes
            .windows(2)
            .find(|pair| (pair[0].task, pair[0].annotator) == (pair[1].task, pair[1].annotator));
        if let Some(pair) = twice {
            return Err(LabelsError::Twice {
                task: shown(&tasks[pair[0].task]),
                annotator: shown(&annotators[pair[0].annotator]),
            });
        }
        Ok(Self {
            tasks,
            annotators,
            labels,
            votes,
        })
    }

    /// Every task, in order of its text.
    pub fn tasks(&self) -> &[String] {
        &self.tasks
    }

    /// Every annotator, in order of its text.
    pub fn annotators(&self) -> &[String] {
        &self.annotators
    }

    /// Every label, in the order that decides ties.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Every annotation, by task and annotator.
    pub fn iter(&self) -> impl Iterator<Item = Annotation> {
        self.votes.iter().map(|vote| Annotation {
            task: self.tasks[vote.task].clone(),
            annotator: self.annotators[vote.annotator].clone(),
            label: self.labels[vote.label].clone(),
        })
    }

    /// How many annotations there are.
    pub fn len(&self) -> usize {
        self.votes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.votes.is_empty()
    }

    pub(crate) fn votes(&self) -> &[Vote] {
        &self.votes
    }

    /// The votes of each task, in the order of the tasks.
    pub(crate) fn by_task(&self) -> impl Iterator<Item = &[Vote]> {
        self.votes.chunk_by(|a, b| a.task == b.task)
    }

    /// The place of a label that was given for a task from elsewhere.
    pub(crate) fn label_place(&self, task: &str, label: &str) -> Result<usize, LabelsError> {
        let place = self.labels.iter().position(|known| known == label);
        place.ok_or_else(|| LabelsError::UnknownLabel {
            task: shown(task),
            label: shown(label),
        })
    }
}

fn bounded(
    annotations: impl IntoIterator<Item = Annotation>,
) -> Result<Vec<Annotation>, LabelsError> {
    let mut taken = Vec::new();
    for annotation in annotations {
        at_most("annotations", taken.len() + 1, MAX_ANNOTATIONS)?;
        taken.push(annotation);
    }
    Ok(taken)
}

fn in_order<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<String> {
    let distinct: BTreeSet<&str> = texts.map(String::as_str).collect();
    distinct.into_iter().map(str::to_owned).collect()
}

fn places(texts: &[String]) -> HashMap<&str, usize> {
    texts
        .iter()
        .enumerate()
        .map(|(i, t)| (t.as_str(), i))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotator_votes_once_for_a_task() {
        let twice = [
            Annotation::new("t", "a", "x"),
            Annotation::new("t", "b", "x"),
            Annotation::new("t", "a", "x"),
        ];
        let error = Annotations::new(twice).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the annotator `a` labelled the task `t` twice; keep one of the annotations"
        );
    }

    #[test]
    fn labels_are_those_of_the_project() {
        let one = [Annotation::new("t", "a", "中立")];
        let error = Annotations::with_labels(["正面", "负面"], one.clone()).unwrap_err();
        assert!(matches!(error, LabelsError::UnknownLabel { label, .. } if label == "中立"));
        assert!(matches!(
            Annotations::with_labels(["x", "x"], one.clone()),
            Err(LabelsError::Invalid(_))
        ));
        let labels = (0..=MAX_LABELS).map(|i| i.to_string());
        assert!(matches!(
            Annotations::with_labels(labels, one),
            Err(LabelsError::TooMany { what: "labels", .. })
        ));
    }
}
