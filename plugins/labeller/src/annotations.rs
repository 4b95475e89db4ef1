//! What annotators said, brought together as the host does it.

use std::collections::BTreeMap;
use std::str::FromStr;

use steward_labels::agreement::{Level, alpha, fleiss};
use steward_labels::dawid_skene::{Options, dawid_skene};
use steward_labels::majority::{majority_vote, weighted_vote};
use steward_labels::{Aggregate, Annotation as Said, Annotations, LabelsError, gold};
use steward_sdk::Error;
use steward_sdk::labeller::{Annotation, Known, Measure, Number, Verdict};

/// How annotations become a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Most votes.
    Majority,
    /// Votes weighed by the share of right answers to tasks whose label is known.
    WeightedVote,
    /// Votes weighed by the estimated errors of the annotators.
    DawidSkene,
}

impl FromStr for Method {
    type Err = &'static str;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "majority" => Ok(Self::Majority),
            "weighted-vote" => Ok(Self::WeightedVote),
            "dawid-skene" => Ok(Self::DawidSkene),
            _ => Err("it is one of majority, weighted-vote, dawid-skene"),
        }
    }
}

/// One verdict for each task.
///
/// # Errors
/// `invalid-input` for a task that one annotator labelled twice, a label that is none of the labels, or two known labels
/// of one task.
pub fn aggregate(
    method: Method,
    annotations: Vec<Annotation>,
    labels: Vec<String>,
    known: Vec<Known>,
) -> Result<Vec<Verdict>, Error> {
    let votes = votes(annotations, labels)?;
    let mut right = BTreeMap::new();
    for Known { task, label } in known {
        let before = right.insert(task.clone(), label.clone());
        if before.is_some_and(|before| before != label) {
            let twice = format!("the task `{task}` has two known labels; keep one");
            return Err(Error::InvalidInput(twice));
        }
    }
    let decided = match method {
        Method::Majority => Ok(majority_vote(&votes)),
        Method::WeightedVote => weighted(&votes, &right),
        Method::DawidSkene => {
            dawid_skene(&votes, &right, Options::default()).map(|found| found.aggregate)
        }
    };
    let decided = decided.map_err(refused)?.tasks.into_iter();
    let verdict = |decided: steward_labels::TaskLabel| {
        let sure = decided.tied.is_empty();
        let mut tied = decided.tied;
        if !sure {
            tied.insert(0, decided.label.clone());
        }
        Verdict {
            task: decided.task,
            label: sure.then_some(decided.label),
            confidence: decided.confidence,
            tied,
        }
    };
    Ok(decided.map(verdict).collect())
}

/// Who answered no known task is taken to be like the others.
fn weighted(
    votes: &Annotations,
    known: &BTreeMap<String, String>,
) -> Result<Aggregate, LabelsError> {
    let skills = gold::skills(&gold::gold_quality(votes, known)?);
    let default = skills.values().sum::<f64>() / skills.len().max(1) as f64;
    weighted_vote(votes, &skills, default)
}

/// Krippendorff's alpha and Fleiss' kappa.
///
/// # Errors
/// As [`aggregate`].
pub fn agreement(annotations: Vec<Annotation>, labels: Vec<String>) -> Result<Vec<Measure>, Error> {
    let votes = votes(annotations, labels)?;
    let measure = |name: &str, found: Result<f64, LabelsError>| {
        let number = match found {
            Ok(value) => Number::Value(value),
            Err(LabelsError::Undefined { reason, .. }) => Number::Undefined(reason),
            Err(error) => return Err(refused(error)),
        };
        Ok(Measure {
            name: name.into(),
            number,
        })
    };
    Ok(vec![
        measure("krippendorff-alpha", alpha(&votes, Level::Nominal))?,
        measure("fleiss-kappa", fleiss(&votes))?,
    ])
}

fn votes(annotations: Vec<Annotation>, labels: Vec<String>) -> Result<Annotations, Error> {
    let said = annotations
        .into_iter()
        .map(|said| Said::new(said.task, said.annotator, said.label));
    Annotations::with_labels(labels, said).map_err(refused)
}

fn refused(error: LabelsError) -> Error {
    Error::InvalidInput(error.to_string())
}
