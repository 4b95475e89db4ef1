//! One label for each task.

use serde::Serialize;

use crate::Annotations;
use crate::distribution::{entropy, largest};

/// What the annotations of one task come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskLabel {
    /// The task.
    pub task: String,
    /// The label with the largest probability; of several, the first in the order of the labels.
    pub label: String,
    /// Its probability, 0 to 1.
    pub confidence: f64,
    /// Shannon's entropy of the distribution, in nats: 0 where one label is sure, ln(labels) where all are alike.
    pub entropy: f64,
    /// The other labels with the same probability. A task with some of these needs one more annotator, or a judge.
    pub tied: Vec<String>,
    /// How many annotators labelled the task.
    pub votes: usize,
    /// The probability of each label, in the order of the labels. The sum is 1.
    pub distribution: Vec<f64>,
}

/// One label for each task that was annotated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Aggregate {
    /// The labels, in the order of the distributions.
    pub labels: Vec<String>,
    /// Every task, in order of its text.
    pub tasks: Vec<TaskLabel>,
}

impl Aggregate {
    /// What was decided for one task.
    pub fn task(&self, task: &str) -> Option<&TaskLabel> {
        let place = self
            .tasks
            .binary_search_by(|entry| entry.task.as_str().cmp(task));
        place.ok().map(|place| &self.tasks[place])
    }
}

/// Takes the largest probability of each task; one distribution for each, in the order of the tasks.
pub(crate) fn decide(annotations: &Annotations, distributions: Vec<Vec<f64>>) -> Aggregate {
    let labels = annotations.labels();
    let tasks = annotations
        .by_task()
        .zip(annotations.tasks())
        .zip(distributions)
        .map(|((votes, task), distribution)| {
            let best = largest(&distribution);
            TaskLabel {
                task: task.clone(),
                label: labels[best[0]].clone(),
                confidence: distribution[best[0]],
                entropy: entropy(&distribution),
                tied: best[1..]
                    .iter()
                    .map(|&place| labels[place].clone())
                    .collect(),
                votes: votes.len(),
                distribution,
            }
        })
        .collect();
    Aggregate {
        labels: labels.to_vec(),
        tasks,
    }
}
