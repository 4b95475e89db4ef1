//! From the tasks of a file to annotations that can be aggregated.

use std::collections::BTreeMap;

use super::{Region, Task};
use crate::LabelsError;
use crate::error::shown;

/// The label that each person chose for each task, from the control named `from_name`. A task without an id is known by
/// its number from 0. Skipped tasks, and annotations without this control, are left out.
///
/// # Errors
/// [`LabelsError::Invalid`] for a choice of several labels: they are no single vote.
pub fn choices(tasks: &[Task], from_name: &str) -> Result<Vec<crate::Annotation>, LabelsError> {
    let mut votes = Vec::new();
    for (number, task) in tasks.iter().enumerate() {
        let name = name(number, task);
        for annotation in task.annotations.iter().filter(|a| !a.was_cancelled) {
            if let Some(label) = chosen(&name, &annotation.result, from_name)? {
                votes.push(crate::Annotation::new(&name, annotation.annotator(), label));
            }
        }
    }
    Ok(votes)
}

/// The labels of the annotations that are marked as known to be right, by task: gold questions.
///
/// # Errors
/// [`LabelsError::Invalid`] for a choice of several labels, or for two annotations of one task that are both marked and
/// differ.
pub fn ground_truth(
    tasks: &[Task],
    from_name: &str,
) -> Result<BTreeMap<String, String>, LabelsError> {
    let mut gold = BTreeMap::new();
    for (number, task) in tasks.iter().enumerate() {
        let name = name(number, task);
        for annotation in &task.annotations {
            if !annotation.ground_truth || annotation.was_cancelled {
                continue;
            }
            let Some(label) = chosen(&name, &annotation.result, from_name)? else {
                continue;
            };
            let before = gold.insert(name.clone(), label.to_owned());
            if before.is_some_and(|before| before != label) {
                return Err(LabelsError::invalid(format!(
                    "the task `{}` has two ground truths that differ; keep one",
                    shown(&name)
                )));
            }
        }
    }
    Ok(gold)
}

fn name(number: usize, task: &Task) -> String {
    let id = task.id.as_ref().map(ToString::to_string);
    id.unwrap_or_else(|| number.to_string())
}

fn chosen<'a>(
    task: &str,
    result: &'a [Region],
    from_name: &str,
) -> Result<Option<&'a str>, LabelsError> {
    let mut chosen = result.iter().filter_map(|region| match region {
        Region::Choices(choices) if choices.from_name == from_name => Some(&choices.choices),
        _ => None,
    });
    let labels: Vec<&String> = chosen.by_ref().flatten().collect();
    match labels.as_slice() {
        [] => Ok(None),
        [label] => Ok(Some(label)),
        _ => Err(LabelsError::invalid(format!(
            "the task `{}` has {} choices of `{}` from one person; only a single one is a vote",
            shown(task),
            labels.len(),
            shown(from_name)
        ))),
    }
}
